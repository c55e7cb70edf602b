#pragma once
#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::kv {

inline ByteView ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

inline Status FromRocks(const rocksdb::Status& status, const char* what) {
  if (status.ok()) return {};
  return Err(status.IsCorruption() ? ErrorCode::kCorrupt : ErrorCode::kIo, "key store: {}: {}",
             what, status.ToString());
}

}  // namespace strom::kv
