#pragma once
#include <memory>
#include <vector>

#include "kv/kv_store.h"

namespace strom::kv {

/// Walks over the keys of a bucket in their order: what the store has, under what memory knows
/// better. As they were when it was made, if the layers do not change meanwhile.
class KvScan {
 public:
  /// `layers`: rows in memory, the newest first.
  KvScan(std::unique_ptr<KvStore::Cursor> store, std::vector<std::shared_ptr<const Changes>> layers,
         ByteView from);

  /// Steps to the next key that has a row; false at the end. Errors: kIo, kCorrupt.
  Result<bool> Next();
  /// Of the row that Next stepped to; until the next step.
  ByteView key() const { return key_; }
  ByteView value() const { return value_; }

 private:
  struct Layer {
    std::shared_ptr<const Changes> rows;
    Changes::const_iterator at;
    bool left() const { return at != rows->end(); }
  };
  std::unique_ptr<KvStore::Cursor> store_;
  std::vector<Layer> layers_;
  bool on_store_ = false;  // the row given out is the store's, which has not stepped on yet
  ByteView key_;
  ByteView value_;
};

}  // namespace strom::kv
