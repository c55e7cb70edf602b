#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "kv/kv_scan.h"
#include "model/ids.h"

namespace strom::replica {

/// The scans of key tables that clients of one shard have open: each sees the rows of the moment it
/// was opened and is read batch by batch. Owner: the shard.
class KvScans {
 public:
  static constexpr size_t kMaxPerBucket = 8;
  static constexpr size_t kMaxPerShard = 200;
  static constexpr Millis kIdleMs = 600'000;

  struct Scan {
    model::TableBucket bucket;
    kv::KvScan rows;
    int64_t rows_left = INT64_MAX;
    int32_t next_call = 1;  // the sequence number that the next call must have
    bool stepped = false;   // `rows` stands on a row that was not given out yet
    Millis last_used = 0;
  };

  /// Opens a scan; its id begins with the shard's number. Errors: kTooManyScanners.
  Result<std::pair<Bytes, Scan*>> Open(size_t shard, const model::TableBucket& bucket,
                                       kv::KvScan rows, Millis now);
  /// Errors: kUnknownScannerId, kScannerExpired.
  Result<Scan*> Find(ByteView id, Millis now);
  void Close(ByteView id) { scans_.erase(Bytes(id)); }
  /// Ends the scans of a bucket that is gone.
  void CloseAll(const model::TableBucket& bucket);

  /// The shard in an id; nothing when it is none of ours.
  static std::optional<size_t> ShardOf(ByteView id);

 private:
  void Expire(Millis now);
  std::map<Bytes, Scan> scans_;
  std::map<Bytes, Millis> expired_;  // remembered for a while, to tell why
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace strom::replica
