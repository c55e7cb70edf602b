#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/kv_snapshot.h"
#include "model/remote_log.h"

namespace strom::replica {

/// What replicas ask of the coordinator. Any thread; calls wait for the answer.
class CoordinatorLink {
 public:
  virtual ~CoordinatorLink() = default;

  /// The value of an auto-increment column's counter before it grows by `count`. Called on shards,
  /// once every so many thousand rows.
  virtual Result<int64_t> TakeColumnIds(model::TableId table, int32_t column_id, int64_t count) = 0;

  virtual Result<int64_t> NextSnapshotId(const model::TableBucket& bucket) = 0;
  struct Committed {
    std::vector<model::KvSnapshotHandle> kept;  // oldest first, with the new one
    std::vector<model::KvSnapshotHandle> dropped;
  };
  /// Makes a key snapshot the newest of its bucket and drops those that need not be kept. Errors:
  /// kUnknownTableOrBucket.
  virtual Result<Committed> CommitSnapshot(const model::TableBucket& bucket,
                                           const model::KvSnapshotHandle& handle) = 0;
  /// The key snapshots of a bucket, oldest first.
  virtual Result<std::vector<model::KvSnapshotHandle>> SnapshotsOf(
      const model::TableBucket& bucket) = 0;

  /// Which manifest of the bucket's remote log counts; nothing before the first.
  virtual Result<std::optional<model::RemoteLogHandle>> RemoteLogOf(
      const model::TableBucket& bucket) = 0;
  /// Makes a manifest the one that counts. Errors: kUnknownTableOrBucket.
  virtual Status CommitRemoteLog(const model::TableBucket& bucket,
                                 const model::RemoteLogHandle& handle) = 0;
};

}  // namespace strom::replica
