#pragma once
#include <memory>
#include <span>
#include <vector>

#include "kv/kv_store.h"

namespace strom::kv {

/// Walks over the keys of a bucket in their order: what the store has, under what memory knows
/// better. As they were when it was made, if the buffers do not change meanwhile.
class KvScan {
 public:
  /// `buffers`: rows in memory, the newest first.
  KvScan(std::unique_ptr<KvStore::Cursor> store,
         std::vector<std::shared_ptr<const RowBuffer>> buffers, ByteView from);

  /// Steps to the next key that has a row; false at the end. Errors: kIo, kCorrupt.
  Result<bool> Next();
  /// Of the row that Next stepped to; until the next step.
  ByteView key() const { return key_; }
  ByteView value() const { return value_; }

 private:
  /// What is left of one sorted run of a buffer.
  struct Run {
    std::span<const Change* const> left;
    ByteView key() const { return left.front()->key(); }
  };
  const std::vector<std::shared_ptr<const RowBuffer>> buffers_;  // keep the runs alive
  std::vector<Run> runs_;                                        // of newer buffers first
  std::unique_ptr<KvStore::Cursor> store_;
  bool on_store_ = false;  // the row given out is the store's, which has not stepped on yet
  ByteView key_;
  ByteView value_;
};

}  // namespace strom::kv
