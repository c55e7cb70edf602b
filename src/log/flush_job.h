#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"
#include "log/segment.h"

namespace strom::log {

/// The flush of one bucket's log as a value: what has to be written and synced, on any thread.
/// LogTablet makes it, and hears of its end. It can be made again when it failed.
struct FlushJob {
  std::vector<Segment::Flush> segments;
  int64_t end_offset = 0;
  struct WriterSnapshot {
    int64_t offset = 0;
    std::string path;
    std::string content;
  };
  std::vector<WriterSnapshot> snapshots;
  int64_t snapshot_bytes = 0;         // of batches that the newest of them is the first to know
  std::vector<std::string> obsolete;  // older ones
  std::string dir;                    // of the log
  io::FileSystem* files = nullptr;

  /// Errors: as Segment::Flush.
  Status Run() const;

  // The same in steps, each for what the one before has done.
  Status Write() const;
  Status Sync() const;
  Status Name() const;
  Status SyncNames() const;
  Status RemoveObsolete() const;
};

/// Runs flushes of logs below `root`; many of them wait for the disk together. Returns the result
/// of each.
std::vector<Status> RunFlushes(io::FileSystem& files, const std::string& root,
                               std::span<const FlushJob* const> jobs);

}  // namespace strom::log
