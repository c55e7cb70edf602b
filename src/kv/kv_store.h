#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "kv/row_buffer.h"
#include "model/ids.h"

namespace strom::kv {

/// What a bucket's keys stand at: kept beside them, and changed with them in one step.
struct SpaceState {
  int64_t log_offset = 0;  // every change of the log below is in the store
  int64_t row_count = 0;
  bool operator==(const SpaceState&) const = default;
};

/// The keys of all buckets of a server, in one RocksDB: a bucket is a space, a prefix of four bytes
/// (docs/decisions/006). So memory has one budget, an empty bucket costs a record, and opening ten
/// thousand buckets opens one database.
///
/// There is no write-ahead log: the changelog is one. What is lost by a crash are the newest writes
/// of each space, always together with the state that says so. Any thread; calls block for the
/// disk.
class KvStore {
 public:
  struct Options {
    std::string dir;
    int64_t memory_bytes = 192 << 20;  // block cache and write buffers together
  };
  /// Errors: kIo, kCorrupt.
  static Result<std::unique_ptr<KvStore>> Open(Options options);
  ~KvStore();
  KvStore(const KvStore&) = delete;
  KvStore& operator=(const KvStore&) = delete;

  using SpaceId = uint32_t;
  /// The space of a bucket, made when there is none.
  Result<SpaceId> OpenSpace(const model::TableBucket& bucket);
  /// The state that the space had at its last write.
  Result<SpaceState> StateOf(const model::TableBucket& bucket) const;
  /// Forgets a bucket and its keys; nothing happens when there is none.
  Status DropSpace(const model::TableBucket& bucket);
  /// Removes all keys of a space and sets it back to its beginning.
  Status Clear(const model::TableBucket& bucket);
  /// The buckets that have a space.
  std::vector<model::TableBucket> Spaces() const;

  /// Writes changes, in the order of their keys, and the new state of a space in one step.
  Status Write(const model::TableBucket& bucket, const RowBuffer& changes, const SpaceState& state);

  /// Tells of each of `keys`, which are sorted, that has a value: its place among them, and the
  /// value, which is there for the time of the call.
  using Found = std::function<void(size_t i, ByteView value)>;
  Status Get(SpaceId space, std::span<const ByteView> keys, const Found& found) const;

  /// Walks over the keys of a space in their order, as they were when it was made. To be destroyed
  /// before the store.
  class Cursor {
   public:
    virtual ~Cursor() = default;
    virtual bool valid() const = 0;
    virtual ByteView key() const = 0;
    virtual ByteView value() const = 0;
    virtual void Next() = 0;
    /// Why the walk ended, if not at the end of the keys.
    virtual Status status() const = 0;
  };
  /// A cursor at the first key at or after `from`.
  std::unique_ptr<Cursor> NewCursor(SpaceId space, ByteView from) const;

  /// Brings everything written so far to the disk.
  Status Flush();

 private:
  struct Database;
  explicit KvStore(std::unique_ptr<Database> database);
  Status LoadSpaces();
  struct Space {
    SpaceId id = 0;
    SpaceState state;
  };
  Status WriteSpace(const model::TableBucket& bucket, const Space& space);

  const std::unique_ptr<Database> database_;
  mutable std::mutex mutex_;  // guards spaces_ and next_id_
  std::map<model::TableBucket, Space> spaces_;
  SpaceId next_id_ = 1;
};

}  // namespace strom::kv
