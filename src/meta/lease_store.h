#pragma once
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "io/file_system.h"
#include "meta/bucket_numbers.h"
#include "meta/tree.h"

namespace strom::meta {

/// A reader's claim on key snapshots, one of a bucket, until it expires.
struct SnapshotLease {
  Millis expires = 0;
  BucketNumbers snapshots;
};

/// Leases as they are kept (Apache Fluss 0.9): the node `/leases/kv_snapshot/<id>` names, for each
/// table, a file `<remote dir>/lease/kv-snapshot/<id>/<table>/<uuid>.metadata` with the snapshots.
///
/// Owner: the coordinator's thread. Every change is durable when its function returns.
class LeaseStore {
 public:
  LeaseStore(MetaTree& tree, io::FileSystem& files, std::string remote_dir)
      : tree_(tree), files_(files), remote_dir_(std::move(remote_dir)) {}

  /// All leases by their id. One that cannot be read protects nothing more, which the log tells.
  std::map<std::string, SnapshotLease> Load() const;
  /// Writes a lease, over an earlier one of the id. Errors: kInvalidArgument for an id that cannot
  /// name a node, kIo.
  Status Put(const std::string& id, const SnapshotLease& lease);
  /// Fine when there is none. Errors: kIo.
  Status Drop(const std::string& id);

 private:
  std::string DirectoryOf(const std::string& id) const;
  Result<SnapshotLease> Read(ByteView node) const;
  /// Of the files of a lease, the node of which names others by now.
  Status RemoveFilesBut(const std::string& id, const std::map<model::TableId, std::string>& named);

  MetaTree& tree_;
  io::FileSystem& files_;
  const std::string remote_dir_;
};

}  // namespace strom::meta
