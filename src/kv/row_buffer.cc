#include "kv/row_buffer.h"

#include <algorithm>

namespace strom::kv {
namespace {

constexpr size_t kNodeBytes = 120;  // of the table, beside the bytes of key and value

size_t Weight(ByteView key, const std::optional<Bytes>& value) {
  return kNodeBytes + key.size() + (value ? value->size() : 0);
}

bool Before(const Change* a, const Change* b) {
  return a->first < b->first;
}

}  // namespace

SortedChanges Sorted(const Changes& changes) {
  SortedChanges sorted;
  sorted.reserve(changes.size());
  for (const Change& change : changes) sorted.push_back(&change);
  std::ranges::sort(sorted, Before);
  return sorted;
}

void RowBuffer::Put(Bytes key, std::optional<Bytes> value) {
  const auto [it, is_new] = rows_.try_emplace(std::move(key));
  if (is_new) {
    unsorted_.push_back(&*it);
  } else {
    bytes_ -= Weight(it->first, it->second);
  }
  it->second = std::move(value);
  bytes_ += Weight(it->first, it->second);
}

const std::vector<SortedChanges>& RowBuffer::Runs() const {
  if (unsorted_.empty()) return runs_;
  std::ranges::sort(unsorted_, Before);
  runs_.push_back(std::exchange(unsorted_, {}));
  while (runs_.size() > 1 && runs_[runs_.size() - 2].size() < 2 * runs_.back().size()) {
    SortedChanges merged;
    const SortedChanges& a = runs_[runs_.size() - 2];
    const SortedChanges& b = runs_.back();
    merged.reserve(a.size() + b.size());
    std::ranges::merge(a, b, std::back_inserter(merged), Before);
    runs_.pop_back();
    runs_.back() = std::move(merged);
  }
  return runs_;
}

}  // namespace strom::kv
