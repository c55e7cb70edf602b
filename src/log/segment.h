#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/file_system.h"
#include "log/log_format.h"
#include "record/log_batch.h"

namespace strom::log {

/// One segment of a bucket's log: a run of batches in a file, with an index by offset and one by
/// time.
///
/// Owner: a LogTablet. Files are opened at first use. Index entries collect in memory and reach
/// their files with a flush; after a crash they are rebuilt from the batches, so they need not be
/// durable at once.
class Segment {
 public:
  /// About `index_interval` bytes lie between two index entries.
  Segment(io::FileSystem& files, std::string dir, int64_t base_offset, int64_t index_interval)
      : files_(files), dir_(std::move(dir)), base_(base_offset), index_interval_(index_interval) {}

  int64_t base_offset() const { return base_; }
  int64_t size() const { return size_; }
  /// The largest commit timestamp, or -1 while there is none.
  Millis max_timestamp() const { return max_timestamp_; }

  /// Reads what is on the disk of a segment that was closed in order: sizes and indexes, no
  /// batches.
  Status Load();
  /// Reads the batches from `trusted_offset` on (all below it are known to be whole), checks each,
  /// rebuilds the indexes and cuts the file at the first fault. Calls `visit` for every batch from
  /// `visit_from` on. Returns the offset after the last batch.
  using Visit = std::function<void(const record::LogBatchView&)>;
  Result<int64_t> Recover(int64_t trusted_offset, int64_t visit_from, const Visit& visit);

  /// Appends stamped batches as `parts`, which are `appended.bytes` in all.
  struct Appended {
    int64_t first_offset;
    int64_t last_offset;
    Millis timestamp;
    int64_t bytes;
  };
  Status Append(std::span<const ByteView> parts, const Appended& appended);

  /// The position of the batch that holds `offset`, or of the first batch after it, starting the
  /// walk at `hint` when that is a known batch start; `size()` when there is none. Errors: kIo,
  /// kCorruptRecord.
  Result<int64_t> PositionOf(int64_t offset, std::optional<int64_t> hint) const;
  /// The base offset of the first batch whose timestamp is at least `timestamp`.
  Result<std::optional<int64_t>> OffsetAt(Millis timestamp) const;
  /// Errors: kIo, kCorrupt when the file ends before.
  Status ReadExactly(int64_t position, char* into, size_t size) const;
  /// Calls `visit` with the header (not the payload) of each batch from `position` on, until it
  /// returns false.
  Status WalkHeaders(int64_t position,
                     const std::function<bool(int64_t, const record::LogBatchView&)>& visit) const;

  /// What a flush has to write and sync, on any thread. It can be made again when it failed; the
  /// files of the indexes are open only while it runs.
  struct Flush {
    struct Index {
      std::string path;
      size_t entries = 0;    // in the file afterwards
      int64_t position = 0;  // where `bytes` belong
      Bytes bytes;
      Status Write(io::FileSystem& in) const;
      Status Sync(io::FileSystem& in) const;
    };
    io::FileSystem* files = nullptr;
    std::shared_ptr<io::File> log;
    int64_t base_offset = 0;
    int64_t size = 0;    // of the log, synced afterwards
    bool first = false;  // the files may be new
    Index index;
    Index time_index;
    /// Brings the indexes to their files. Errors: kIo.
    Status Write() const;
    /// Waits for the disk. Errors: kLogStorage when the log itself could not be synced: what was
    /// written since the last sync may be lost, and a later one that succeeds says nothing about
    /// it. kIo otherwise.
    Status Sync() const;
  };
  bool dirty() const { return synced_size_ != size_; }
  /// Closes the file when it was not used since the last call; the next use opens it again.
  void ReleaseIdle();
  Result<Flush> MakeFlush() const;
  /// `flush` has run.
  void Flushed(const Flush& flush);
  /// Adds the final time index entry; no append comes after it.
  void Seal();
  /// Removes the segment's files.
  Status Delete();

 private:
  std::string PathOf(const char* suffix) const { return dir_ + "/" + FileNameOf(base_, suffix); }
  Result<std::shared_ptr<io::File>> Log() const;
  Status LoadIndexes() const;
  void Note(const Appended& appended, int64_t position);

  io::FileSystem& files_;
  const std::string dir_;
  const int64_t base_;
  const int64_t index_interval_;
  int64_t size_ = 0;
  Millis max_timestamp_ = -1;
  int64_t max_timestamp_offset_ = -1;  // base offset of the batch that has it
  int64_t bytes_since_entry_ = 0;
  int64_t synced_size_ = 0;
  // Opened or read at first use, also by reads.
  mutable std::shared_ptr<io::File> log_;
  mutable bool used_ = false;  // log_, lately
  mutable bool indexes_loaded_ = false;
  mutable std::vector<IndexEntry> index_;
  mutable std::vector<TimeIndexEntry> time_index_;
  size_t flushed_entries_ = 0;
  size_t flushed_time_entries_ = 0;
};

}  // namespace strom::log
