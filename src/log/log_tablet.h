#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "io/file_system.h"
#include "log/flush_job.h"
#include "log/segment.h"
#include "log/writer_state.h"
#include "model/ids.h"
#include "model/schema.h"
#include "record/projection.h"

namespace strom::log {

/// One bucket's log: batches of rows in segment files, appended at the end, cut at the front by
/// retention.
///
/// Offsets number rows from 0. Invariant: start_offset <= flushed_offset <= end_offset; segments
/// follow each other. Owner: one shard. Append reaches the page cache, which survives the process;
/// MakeFlush gives a job that waits for the disk and may run on any thread. A tablet without rows
/// has no file. On disk: docs/formats/log.md (Apache Fluss 0.9).
class LogTablet {
 public:
  struct Options {
    model::TableBucket bucket;
    std::string dir;
    int64_t segment_bytes = int64_t{1}
                            << 30;  // roll when the next batches would pass this; at most 2^31 - 1
    int64_t index_interval_bytes = 4096;
    int64_t flushed_offset = 0;  // everything below was synced: recovery trusts it
    bool clean = false;          // the last owner closed the log in order
  };

  /// Opens or creates the log; cuts a torn tail. Errors: kIo, kCorrupt.
  static Result<std::unique_ptr<LogTablet>> Open(io::FileSystem& files, Options options);

  struct Appended {
    int64_t first_offset = -1;  // -1 when there was no batch
    int64_t end_offset = -1;    // after the last row of the append
    int64_t bytes = 0;          // written; 0 for a duplicate
    bool duplicate = false;
  };
  /// Appends the whole batches of `batches`, stamping base offsets and one commit time; a cut batch
  /// at the end is left out. When one of them was written before, nothing is written and its old
  /// offsets come back. Errors: kCorruptRecord, kOutOfOrderSequence, kStorage (disk; from then on
  /// every append fails).
  Result<Appended> Append(ByteView batches, Millis now);

  /// What an Append of a batch of this writer with this number would answer when it was written
  /// before.
  std::optional<Appended> FindDuplicate(int64_t writer_id, int32_t sequence) const;

  struct ReadLimits {
    int64_t max_bytes = 0;
    int64_t end_offset = 0;     // only batches that end at or below
    bool at_least_one = false;  // one batch even when it is larger than max_bytes
  };
  /// How a projecting read finds the schema of a batch.
  using SchemaOf = std::function<std::shared_ptr<const model::Schema>(int16_t schema_id)>;
  struct ProjectionRequest {
    const record::Projection& projection;
    const SchemaOf& schema_of;
  };
  /// Whole batches from the one that holds `offset` on. Errors: kLogOffsetOutOfRange, kIo,
  /// kCorrupt, and with a projection kInvalidColumnProjection, kSchemaNotExist.
  Result<SharedBytes> Read(int64_t offset, const ReadLimits& limits,
                           const ProjectionRequest* projection = nullptr);

  /// The base offset of the first batch with a commit time of at least `timestamp`; end_offset()
  /// when there is none.
  Result<int64_t> OffsetForTimestamp(Millis timestamp) const;

  int64_t start_offset() const { return segments_.front()->base_offset(); }
  int64_t end_offset() const { return end_offset_; }
  int64_t flushed_offset() const { return flushed_offset_; }
  Millis max_timestamp() const { return max_timestamp_; }
  int64_t bytes() const;
  size_t segment_count() const { return segments_.size(); }
  size_t writer_count() const { return writers_.size(); }
  const model::TableBucket& bucket() const { return options_.bucket; }
  const std::string& dir() const { return options_.dir; }

  // A flush waits for the disk, on any thread; the tablet is told with Flushed() or FlushFailed()
  // before the next one is made.
  bool needs_flush() const;
  /// A final flush leaves files from which the next Open needs no recovery; others do with what
  /// makes that recovery short. Errors: kIo; kLogStorage once a sync of the log has failed.
  enum class FlushKind { kPeriodic, kFinal };
  Result<FlushJob> MakeFlush(FlushKind kind = FlushKind::kPeriodic);
  /// Whether a final flush would do anything.
  bool needs_final_flush() const { return needs_flush() || bytes_since_snapshot_ > 0; }
  void Flushed(const FlushJob& job);
  /// After a failed sync of the log nothing is appended or flushed any more.
  void FlushFailed(const Error& error);

  /// Deletes segments that end at or below `limit_offset` and whose rows are all older than
  /// `expire_before` and that are on the disk; with `roll_active` also the newest one, after a new
  /// empty one was begun. Returns how many went.
  Result<int> DeleteExpired(Millis expire_before, int64_t limit_offset, bool roll_active);

  /// A segment that no row is added to any more and that is on the disk.
  struct ClosedSegment {
    int64_t base_offset = 0;
    int64_t end_offset = 0;  // where the next one begins
    int64_t bytes = 0;
    Millis max_timestamp = -1;
  };
  /// Those that begin at or after `from_offset`, in order.
  std::vector<ClosedSegment> ClosedSegments(int64_t from_offset) const;
  /// Deletes the oldest closed segments that end at or below `limit_offset`, until `kept` segments
  /// are left. Returns how many went.
  Result<int> DeleteCopied(size_t kept, int64_t limit_offset);
  /// Deletes all rows and goes on at `offset`, with the writers of `writers` (a writer snapshot).
  /// Before anything is appended. Errors: kIo, kCorrupt.
  Status StartAt(int64_t offset, const std::string& writers);

  /// Closes files that were not used since the last call.
  void ReleaseIdleFiles() {
    for (const auto& segment : segments_) segment->ReleaseIdle();
  }
  void ExpireWriters(Millis before) { writers_.Expire(before); }

  /// Makes and runs a final flush.
  Status Close();

 private:
  LogTablet(io::FileSystem& files, Options options) : files_(files), options_(std::move(options)) {}
  Status LoadSegments();
  Status LoadWriters();
  Status Roll(int64_t base_offset);
  Status DeleteFirst();
  Status KeepFileOfEmptyActive();
  Segment& active() { return *segments_.back(); }
  size_t SegmentAt(int64_t offset) const;
  bool IsSegmentBase(int64_t offset) const;
  std::optional<int64_t> HintFor(const Segment& segment, int64_t offset) const;
  Result<SharedBytes> ReadWhole(const Segment& segment, int64_t position, const ReadLimits& limits);
  Result<SharedBytes> ReadProjected(const Segment& segment, int64_t position,
                                    const ReadLimits& limits, const ProjectionRequest& projection);
  void AddHint(const Segment& segment, int64_t offset, int64_t position);
  std::vector<std::string> SnapshotNames() const;

  io::FileSystem& files_;
  const Options options_;
  // State.
  std::vector<std::unique_ptr<Segment>> segments_;  // never empty after Open
  int64_t end_offset_ = 0;
  int64_t flushed_offset_ = 0;
  Millis max_timestamp_ = -1;
  WriterState writers_;
  /// Writers at the beginning of segments, not yet on the disk: where a segment begins is known for
  /// as long as it lives, and goes with the one before to the remote directory.
  std::map<int64_t, std::string> writers_at_;
  int64_t bytes_since_snapshot_ = 0;  // of batches that the newest writer snapshot does not know
  bool broken_ = false;               // an append failed
  bool sync_failed_ = false;          // and what was appended before may be lost
  bool directory_made_ = false;
  /// Where recent reads ended: sequential readers go on there without a search.
  struct Hint {
    int64_t segment_base = -1;
    int64_t offset = -1;
    int64_t position = 0;
  };
  std::array<Hint, 8> hints_;
  size_t next_hint_ = 0;
};

}  // namespace strom::log
