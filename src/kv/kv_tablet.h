#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kv/kv_scan.h"
#include "kv/kv_store.h"
#include "kv/merge/merger.h"
#include "record/kv_batch.h"
#include "record/log_batch.h"

namespace strom::kv {

/// The keys of one bucket: what writes make of them, and what lookups see.
///
/// The changelog is the write-ahead log. A write is prepared (old rows, merge, changelog), its
/// changelog appended to the log by the owner, and committed into the rows in memory, which cannot
/// fail. From there rows go to the store in order, after the log below them is on the disk, so that
/// the store never knows more than the log: MakeFlush gives that work as a job for any thread.
/// Reads look into memory first. Owner: one shard.
class KvTablet {
 public:
  /// Opens the bucket with what the store has of it; the log from log_offset() on is to be applied.
  static Result<std::unique_ptr<KvTablet>> Open(KvStore& store, const model::TableBucket& bucket,
                                                std::shared_ptr<const TableShape> shape);

  /// Where ids of an auto-increment column come from: the last one given out before `count` more
  /// are taken.
  using TakeIds = std::function<Result<int64_t>(int32_t column_id, int64_t count)>;
  void SetIds(TakeIds take) { take_ids_ = std::move(take); }
  /// The table changed: a column more.
  void Reshape(std::shared_ptr<const TableShape> shape) { shape_ = std::move(shape); }
  const TableShape& shape() const { return *shape_; }

  /// A write whose changelog is not in the log yet; the batch it came from must be there as long.
  /// Dropping it leaves no trace.
  struct Prepared {
    /// Refers to the batch that it was prepared from, or to `made`.
    struct NewRow {
      ByteView key;
      uint64_t hash = 0;
      std::optional<record::StoredValue> value;  // nothing when the key goes
    };
    Bytes changelog;              // one log batch
    std::vector<NewRow> changes;  // each key once
    std::deque<Bytes> made;       // rows that are not as they came
    int64_t row_delta = 0;
  };
  /// Errors: kCorruptRecord, kSchemaNotExist, kInvalidTargetColumn, kDeletionDisabled,
  /// kInvalidArgument (a row that the table cannot have).
  Result<Prepared> Prepare(const record::KvBatchView& batch, const MergeRequest& request);
  /// A write that makes a row of each of `keys` that has none, of its key columns alone. Nothing
  /// when all have one. Errors: as Prepare.
  Result<std::optional<Prepared>> PrepareMissing(std::span<const ByteView> keys);
  /// The changelog is in the log, which now ends at `end_offset`.
  void Commit(Prepared prepared, int64_t end_offset);

  /// Replays one batch of the log, in order, from log_offset() on. Errors: kCorruptRecord.
  Status Apply(const record::LogBatchView& batch);
  /// Everything below is in memory or in the store.
  int64_t log_offset() const { return state_.log_offset; }
  /// Rows, or nothing where the changelog has no images to count by.
  std::optional<int64_t> row_count() const;

  /// Tells the stored value of each key that has one, in any order, with its place in `keys`; the
  /// value is there for the time of the call.
  Status Get(std::span<const ByteView> keys, const KvStore::Found& found) const;
  using Visit = std::function<bool(ByteView key, ByteView value)>;
  /// Visits keys from `from` on in order, while `visit` returns true.
  Status Scan(ByteView from, const Visit& visit) const;
  /// Visits the keys that begin with `prefix`.
  Status ScanPrefix(ByteView prefix, const Visit& visit) const;
  /// A scan that goes on over time and sees the rows of now, those below log_offset().
  KvScan NewScan();

  /// A write of rows to the store as a value. The log below `state.log_offset` must be on the disk
  /// before it runs; tell the tablet with Flushed() or FlushFailed().
  struct FlushJob {
    KvStore* store = nullptr;
    model::TableBucket bucket;
    std::shared_ptr<const RowBuffer> rows;
    SpaceState state;
    Status Run() const { return store->Write(bucket, *rows, state); }
  };
  /// Nothing when there is nothing to write or a job is under way.
  std::optional<FlushJob> MakeFlush();
  void Flushed();
  void FlushFailed() { flushing_ = false; }
  /// Bytes of rows in memory.
  size_t memory_bytes() const { return active_.bytes() + (frozen_ ? frozen_->bytes() : 0); }

 private:
  KvTablet(KvStore& store, const model::TableBucket& bucket, KvStore::SpaceId space,
           const SpaceState& state, std::shared_ptr<const TableShape> shape)
      : store_(store), bucket_(bucket), space_(space), shape_(std::move(shape)), state_(state) {}

  struct Source {
    int16_t schema_id = 0;
    int64_t writer_id = record::kNoWriter;
    int32_t sequence = -1;
  };
  /// `made`: what records refer to that nobody else keeps.
  Result<Prepared> PrepareRecords(std::span<const record::KvRecord> records, const Source& source,
                                  const MergeRequest& request, std::deque<Bytes> made = {});
  /// Finds the fields of a row that arrives under `key`, which must be its own. Errors:
  /// kInvalidArgument.
  Status CheckIncoming(ByteView key, const record::StoredValue& stored,
                       record::Fields& fields) const;
  KvScan Walk(ByteView from) const;
  /// Sets the rows in memory aside for the store, where none are yet.
  void Freeze();
  /// What memory knows of a key; null when nothing.
  const Change* FindInMemory(ByteView key, uint64_t hash) const;
  /// The hashes of keys, whose places in memory are then on their way into the cache.
  std::vector<uint64_t> Hashes(std::span<const ByteView> keys) const;
  /// Gives a new row its auto-increment value. Errors: those of the source, kUnknownServerError
  /// when the column's type has no more.
  Status FillAutoIncrement(record::Row& row);
  bool counts_rows() const {
    return shape_->options().changelog_image == model::ChangelogImage::kFull;
  }

  KvStore& store_;
  const model::TableBucket bucket_;
  const KvStore::SpaceId space_;
  std::shared_ptr<const TableShape> shape_;
  SpaceState state_;  // of memory and store together
  RowBuffer active_;
  std::shared_ptr<const RowBuffer> frozen_;  // on its way to the store
  SpaceState frozen_state_;
  TakeIds take_ids_;
  int64_t next_id_ = 0;  // [next_id_, ids_end_) are this bucket's; a restart forgets them
  int64_t ids_end_ = 0;
  bool flushing_ = false;
};

}  // namespace strom::kv
