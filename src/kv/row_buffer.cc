#include "kv/row_buffer.h"

#include <algorithm>

#include "base/coding.h"

namespace strom::kv {
namespace {

constexpr size_t kFirstSlots = 8;
constexpr size_t kFirstBlockBytes = 512;  // ten thousand buckets have a few rows each
constexpr size_t kBlockBytes = 256 << 10;

bool Before(const Change* a, const Change* b) {
  return a->key() < b->key();
}

/// A change with the beginning of its key beside it: most comparisons need not follow the pointer.
struct Keyed {
  uint64_t order;
  const Change* change;
};

uint64_t OrderOf(ByteView key) {
  char first[sizeof(uint64_t)] = {};
  key.copy(first, sizeof first);
  return LoadBe<uint64_t>(first);
}

void Sort(SortedChanges& changes) {
  std::vector<Keyed> keyed;
  keyed.reserve(changes.size());
  for (const Change* const change : changes) keyed.push_back({OrderOf(change->key()), change});
  std::ranges::sort(keyed, [](const Keyed& a, const Keyed& b) {
    return a.order != b.order ? a.order < b.order : Before(a.change, b.change);
  });
  std::ranges::transform(keyed, changes.begin(), &Keyed::change);
}

}  // namespace

RowBuffer& RowBuffer::operator=(RowBuffer&& from) noexcept {
  slots_ = std::exchange(from.slots_, {});
  size_ = std::exchange(from.size_, 0);
  blocks_ = std::exchange(from.blocks_, {});
  free_ = std::exchange(from.free_, nullptr);
  free_bytes_ = std::exchange(from.free_bytes_, 0);
  block_bytes_ = std::exchange(from.block_bytes_, 0);
  unsorted_ = std::exchange(from.unsorted_, {});
  runs_ = std::exchange(from.runs_, {});
  return *this;
}

char* RowBuffer::Take(size_t bytes) {
  bytes = (bytes + alignof(Change) - 1) / alignof(Change) * alignof(Change);
  if (bytes > free_bytes_) {
    const size_t size = std::max(bytes, std::clamp(block_bytes_, kFirstBlockBytes, kBlockBytes));
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    block_bytes_ += size;
    free_ = blocks_.back().get();
    free_bytes_ = size;
  }
  free_bytes_ -= bytes;
  return std::exchange(free_, free_ + bytes);
}

/// The place of the first slot from that of `hash` on that is free or that `is_it` takes.
template <class IsIt>
size_t RowBuffer::Probe(const std::vector<Slot>& slots, uint64_t hash, IsIt is_it) {
  const size_t mask = slots.size() - 1;
  size_t at = hash & mask;
  while (slots[at].change != nullptr && !is_it(slots[at])) at = (at + 1) & mask;
  return at;
}

size_t RowBuffer::PlaceOf(ByteView key, uint64_t hash) const {
  return Probe(slots_, hash,
               [&](const Slot& slot) { return slot.hash == hash && slot.change->key() == key; });
}

void RowBuffer::Grow() {
  std::vector<Slot> slots(std::max(kFirstSlots, slots_.size() * 2));
  for (const Slot& slot : slots_) {
    if (slot.change == nullptr) continue;
    slots[Probe(slots, slot.hash, [](const Slot&) { return false; })] = slot;
  }
  slots_ = std::move(slots);
}

const Change* RowBuffer::Find(ByteView key, uint64_t hash) const {
  return slots_.empty() ? nullptr : slots_[PlaceOf(key, hash)].change;
}

Change& RowBuffer::ChangeOf(ByteView key, uint64_t hash) {
  if (size_ * 2 >= slots_.size()) Grow();
  Slot& slot = slots_[PlaceOf(key, hash)];
  if (slot.change != nullptr) return *slot.change;
  auto* const change = new (Take(sizeof(Change) + key.size())) Change;
  change->key_bytes_ = static_cast<uint32_t>(key.size());
  key.copy(reinterpret_cast<char*>(change + 1), key.size());
  slot = {hash, change};
  ++size_;
  unsorted_.push_back(change);
  return *change;
}

void RowBuffer::Put(ByteView key, uint64_t hash, ByteView head, ByteView tail) {
  Change& change = ChangeOf(key, hash);
  const size_t bytes = head.size() + tail.size();
  if (change.room_ == nullptr || bytes > change.room_bytes_) {
    change.room_ = Take(bytes);
    change.room_bytes_ = static_cast<uint32_t>(bytes);
  }
  head.copy(change.room_, head.size());
  tail.copy(change.room_ + head.size(), tail.size());
  change.value_bytes_ = static_cast<uint32_t>(bytes);
  change.gone_ = false;
}

void RowBuffer::Put(ByteView key, std::optional<ByteView> value) {
  if (value) {
    Put(key, Hash(key), *value, {});
  } else {
    Remove(key, Hash(key));
  }
}

SortedChanges RowBuffer::Sorted() const {
  SortedChanges sorted;
  sorted.reserve(size_);
  for (const Slot& slot : slots_) {
    if (slot.change != nullptr) sorted.push_back(slot.change);
  }
  Sort(sorted);
  return sorted;
}

const std::vector<SortedChanges>& RowBuffer::Runs() const {
  if (unsorted_.empty()) return runs_;
  Sort(unsorted_);
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
