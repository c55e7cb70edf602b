#include "kv/kv_scan.h"

#include <algorithm>

namespace strom::kv {

KvScan::KvScan(std::unique_ptr<KvStore::Cursor> store,
               std::vector<std::shared_ptr<const RowBuffer>> buffers, ByteView from)
    : buffers_(std::move(buffers)), store_(std::move(store)) {
  for (const auto& buffer : buffers_) {
    for (const SortedChanges& run : buffer->Runs()) {
      const auto at = std::ranges::lower_bound(run, from, {}, &Change::key);
      if (at != run.end()) runs_.push_back({std::span(at, run.end())});
    }
  }
}

Result<bool> KvScan::Next() {
  if (std::exchange(on_store_, false)) store_->Next();
  while (true) {
    // The least key of all, and the newest run that has it.
    const Run* newest = nullptr;
    for (const Run& run : runs_) {
      if (newest == nullptr || run.key() < newest->key()) newest = &run;
    }
    const bool in_store = store_->valid();
    if (newest == nullptr && !in_store) {
      STROM_TRY(store_->status());
      return false;
    }
    if (newest == nullptr || (in_store && store_->key() < newest->key())) {
      key_ = store_->key();
      value_ = store_->value();
      on_store_ = true;
      return true;
    }
    const Change& change = *newest->left.front();
    key_ = change.key();
    if (in_store && store_->key() == key_) store_->Next();
    for (Run& run : runs_) {
      if (run.key() == key_) run.left = run.left.subspan(1);
    }
    std::erase_if(runs_, [](const Run& run) { return run.left.empty(); });
    const std::optional<ByteView> value = change.value();
    if (!value) continue;  // deleted
    value_ = *value;
    return true;
  }
}

}  // namespace strom::kv
