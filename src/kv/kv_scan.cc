#include "kv/kv_scan.h"

namespace strom::kv {

KvScan::KvScan(std::unique_ptr<KvStore::Cursor> store,
               std::vector<std::shared_ptr<const Changes>> layers, ByteView from)
    : store_(std::move(store)) {
  for (auto& rows : layers) {
    const auto at = rows->lower_bound(from);
    layers_.push_back({std::move(rows), at});
  }
}

Result<bool> KvScan::Next() {
  if (std::exchange(on_store_, false)) store_->Next();
  while (true) {
    // The least key of all, and the newest layer that has it.
    const Layer* newest = nullptr;
    for (const Layer& layer : layers_) {
      if (layer.left() && (newest == nullptr || layer.at->first < newest->at->first))
        newest = &layer;
    }
    const bool in_store = store_->valid();
    if (newest == nullptr && !in_store) {
      STROM_TRY(store_->status());
      return false;
    }
    if (newest == nullptr || (in_store && store_->key() < newest->at->first)) {
      key_ = store_->key();
      value_ = store_->value();
      on_store_ = true;
      return true;
    }
    key_ = newest->at->first;
    const std::optional<Bytes>& row = newest->at->second;
    if (in_store && store_->key() == key_) store_->Next();
    for (Layer& layer : layers_) {
      if (layer.left() && layer.at->first == key_) ++layer.at;
    }
    if (!row) continue;  // deleted
    value_ = *row;
    return true;
  }
}

}  // namespace strom::kv
