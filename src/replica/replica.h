#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kv/kv_tablet.h"
#include "log/log_tablet.h"
#include "replica/remote_log.h"

namespace strom::replica {

/// Something that waits for rows in a bucket, a parked fetch. Called on the shard that owns the
/// bucket.
class RowWaiter {
 public:
  virtual ~RowWaiter() = default;
  virtual void OnRows() = 0;
};

/// One bucket replica of this server: its log, in primary key tables its keys, how far the log is
/// committed, and who waits for more.
///
/// Owner: one shard. With a single replica a row is committed as soon as it is in the log.
class Replica {
 public:
  Replica(std::unique_ptr<log::LogTablet> log, RemoteLog remote,
          std::unique_ptr<kv::KvTablet> kv = nullptr)
      : log_(std::move(log)),
        kv_(std::move(kv)),
        remote_(std::move(remote)),
        high_watermark_(log_->end_offset()) {}

  /// Errors: those of LogTablet::Append.
  Result<log::LogTablet::Appended> Append(ByteView batches, Millis now);

  /// The keys of a primary key table; null in a log table.
  kv::KvTablet* kv() { return kv_.get(); }
  const kv::KvTablet* kv() const { return kv_.get(); }
  /// Merges a key batch into the keys and appends what changed to the log; returns the log's end
  /// after that. A batch that was written before changes nothing. Errors: those of
  /// KvTablet::Prepare and of LogTablet::Append.
  Result<int64_t> PutKv(ByteView batch, const kv::MergeRequest& request, Millis now);
  /// Gives each of `keys` that has no row one of its key columns alone. Errors: as PutKv.
  Status PutMissing(std::span<const ByteView> keys, Millis now);

  /// How far the newest key snapshot and the oldest kept one are; changes before the latter are
  /// needed by nobody.
  struct Snapshots {
    int64_t newest_offset = 0;
    int64_t oldest_offset = 0;
    bool wanted = false;
    bool under_way = false;
    bool first = true;  // since the start
  };
  Snapshots& snapshots() { return snapshots_; }
  const Snapshots& snapshots() const { return snapshots_; }
  /// Closed segments in the remote directory; never null.
  const RemoteLog& remote() const { return remote_; }
  void SetRemote(RemoteLog remote) { remote_ = std::move(remote); }
  /// Of the jobs that make it: one at a time, the first one since the start cleans up.
  struct Copies {
    bool under_way = false;
    bool first = true;
  };
  Copies& copies() { return copies_; }
  /// The first row there is, here or in the remote directory.
  int64_t start_offset() const {
    const int64_t local = log_->start_offset();
    return remote_->empty() ? local : std::min(local, remote_->start_offset());
  }

  log::LogTablet& log() { return *log_; }
  const log::LogTablet& log() const { return *log_; }
  /// Rows below are committed: consumers see them.
  int64_t high_watermark() const { return high_watermark_; }

  /// Called once when rows arrive; then it must be registered again.
  void Wait(const std::weak_ptr<RowWaiter>& waiter);

  /// Calls `on_rows` once, as soon as there are committed rows at or after `from_offset`; maybe at
  /// once.
  void Announce(int64_t from_offset, std::function<void()> on_rows);

 private:
  void OnHighWatermark();
  Result<int64_t> Write(kv::KvTablet::Prepared prepared, Millis now);

  std::unique_ptr<log::LogTablet> log_;
  std::unique_ptr<kv::KvTablet> kv_;
  Snapshots snapshots_;
  RemoteLog remote_;
  Copies copies_;
  int64_t high_watermark_;
  std::vector<std::weak_ptr<RowWaiter>> waiters_;
  int64_t announce_from_ = 0;
  std::function<void()> announce_;
};

}  // namespace strom::replica
