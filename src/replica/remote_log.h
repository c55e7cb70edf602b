#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "log/log_tablet.h"
#include "model/remote_log.h"
#include "replica/coordinator_link.h"

namespace strom::replica {

using RemoteLog = std::shared_ptr<const model::RemoteLogManifest>;

/// Which rows of a bucket's log may go for good: those older than `before` and below `limit`.
struct Expiry {
  Millis before = 0;
  int64_t limit = 0;
  bool Covers(Millis newest, int64_t end_offset) const {
    return newest < before && end_offset <= limit;
  }
};

/// One step of a bucket's remote log as a job for a thread that may wait: copies closed segments,
/// leaves out expired ones, and makes a manifest of the result the one that counts.
struct RemoteLogJob {
  RemoteLog before;
  size_t expired = 0;  // segments at the front of `before` that go
  std::vector<log::LogTablet::ClosedSegment> copies;
  std::string log_dir;     // local
  std::string remote_dir;  // of the bucket
  bool sweep = false;      // remove what an interrupted job may have left
  CoordinatorLink* link = nullptr;
  io::FileSystem* files = nullptr;

  /// What is to be done for a log, at most `most` copies; nothing when all is well.
  static std::optional<RemoteLogJob> Plan(const log::LogTablet& log, const RemoteLog& now,
                                          const Expiry& expiry, size_t most);
  /// The remote log afterwards. After an error it is as before.
  Result<RemoteLog> Run() const;

 private:
  Result<model::RemoteLogSegment> Copy(const log::LogTablet::ClosedSegment& segment) const;
  Result<std::string> Commit(const model::RemoteLogManifest& next) const;
  void Remove(const std::vector<model::RemoteLogSegment>& segments) const;
  void Sweep() const;
};

/// The remote log as the coordinator knows it; null when there is none. Errors: kIo, kCorrupt.
Result<RemoteLog> LoadRemoteLog(const model::TableBucket& bucket, CoordinatorLink& link,
                                io::FileSystem& files);

/// Makes `log` go on where the remote log ends, when it ends before: what it lost is there. Errors:
/// kIo, kCorrupt.
Status FollowRemoteLog(log::LogTablet& log, const model::RemoteLogManifest& remote,
                       const std::string& remote_dir, io::FileSystem& files);

/// The base offset of the first batch of a remote segment with a commit time of at least
/// `timestamp`. Waits for the disk. Errors: kNotFound, kIo, kCorrupt.
Result<std::optional<int64_t>> RemoteOffsetAt(io::FileSystem& files, const std::string& remote_dir,
                                              const model::RemoteLogSegment& segment,
                                              Millis timestamp);

/// Calls `visit` with the batches of the remote log from the one that holds `offset` on. Errors:
/// kIo, kCorruptRecord, those of `visit`.
Status VisitRemoteLog(io::FileSystem& files, const std::string& remote_dir,
                      const model::RemoteLogManifest& remote, int64_t offset,
                      const std::function<Status(const record::LogBatchView&)>& visit);

}  // namespace strom::replica
