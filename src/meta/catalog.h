#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "meta/bucket_numbers.h"
#include "meta/tree.h"
#include "meta/view.h"
#include "model/kv_snapshot.h"
#include "model/remote_log.h"
#include "model/table.h"

namespace strom::meta {

/// The typed facts over the tree: what each document says, and which documents one change touches.
/// Keeps a ClusterView of everything, made anew after each change. Paths and JSON:
/// docs/formats/metadata.md (Apache Fluss 0.9).
///
/// Owner: the coordinator's thread. Every change is durable when its function returns. Errors of
/// all changes: kIo, kConflict.
class Catalog {
 public:
  /// Reads the tree. Errors: kCorrupt naming the document.
  static Result<std::unique_ptr<Catalog>> Open(MetaTree& tree, io::FileSystem& files,
                                               model::ServerId server_id);

  std::shared_ptr<const ClusterView> view() const { return view_; }
  MetaTree& tree() { return tree_; }
  io::FileSystem& files() { return files_; }

  Status CreateDatabase(const std::string& name, const model::DatabaseDescriptor& descriptor,
                        Millis now);
  Status UpdateDatabase(const DatabaseEntry& before, const model::DatabaseDescriptor& descriptor,
                        Millis now);
  Status DropDatabase(const std::string& name);
  /// Adds a table (schema 1) whose descriptor is complete and checked; returns it with its new id.
  Result<std::shared_ptr<const TableEntry>> CreateTable(const model::TablePath& path,
                                                        const model::TableDescriptor& descriptor,
                                                        const model::TableOptions& options,
                                                        Millis now);
  Status DropTable(const TableEntry& table);
  /// Writes changed properties or a new schema (then `next.schema_id` is one more than before).
  Status UpdateTable(const TableEntry& before, model::TableInfo next);
  Result<model::PartitionId> CreatePartition(const TableEntry& table, const std::string& name);
  Status DropPartition(const TableEntry& table, const std::string& name);
  /// Registers the lake side of a table; offsets files that are named no more are removed.
  Status PutLake(model::TableId table_id, LakeState lake);
  /// Writes an offsets file with a new name into `dir`; returns its path.
  Result<std::string> WriteLakeOffsets(const std::string& dir, model::TableId table_id,
                                       const BucketNumbers& offsets);
  Result<BucketNumbers> ReadLakeOffsets(const std::string& path) const;

  Result<int64_t> NextKvSnapshotId(const model::TableBucket& bucket);
  /// The key snapshots of a bucket, oldest first. Errors: kCorrupt.
  Result<std::vector<model::KvSnapshotHandle>> KvSnapshots(const model::TableBucket& bucket) const;
  /// Adds a key snapshot and removes others by their id.
  Status PutKvSnapshot(const model::TableBucket& bucket, const model::KvSnapshotHandle& handle,
                       const std::vector<int64_t>& dropped_ids);

  /// Which manifest of a bucket's remote log counts; nothing before the first. Errors: kCorrupt.
  Result<std::optional<model::RemoteLogHandle>> RemoteLog(const model::TableBucket& bucket) const;
  Status PutRemoteLog(const model::TableBucket& bucket, const model::RemoteLogHandle& handle);

  /// Overridden cluster settings; an absent value hides even the initial one.
  using DynamicConfig = std::map<std::string, std::optional<std::string>>;
  const DynamicConfig& dynamic_config() const { return dynamic_; }
  Status PutDynamicConfig(const DynamicConfig& config);
  /// Whether people paused the tiering of a table; forgotten with the table.
  bool IsTieringPaused(model::TableId table_id) const;
  Status SetTieringPaused(model::TableId table_id, bool paused);

  /// The rights on a resource, instead of those before. Errors: kInvalidArgument for a name that
  /// cannot name a node.
  Status PutAcls(const security::Resource& resource, const std::set<security::AclEntry>& entries);

  /// The first of `count` writer ids that nobody else gets.
  Result<int64_t> TakeWriterIds(int64_t count);
  /// The value of an auto-increment column's counter before it grows by `count`.
  Result<int64_t> TakeColumnIds(const model::TablePath& path, int32_t column_id, int64_t count);

 private:
  Catalog(MetaTree& tree, io::FileSystem& files, model::ServerId server_id)
      : tree_(tree), files_(files), server_id_(server_id) {}
  Status Load();
  Status LoadTable(const model::TablePath& path, ClusterView& view);
  Status LoadAcls(ClusterView& view) const;
  Status LoadLake(const TableEntry& table, ClusterView& view);
  void PutTable(std::shared_ptr<const TableEntry> table, ClusterView& view) const;
  std::string AssignmentJson(int32_t buckets, std::optional<model::TableId> of_table) const;

  MetaTree& tree_;
  io::FileSystem& files_;
  const model::ServerId server_id_;
  std::shared_ptr<const ClusterView> view_;
  DynamicConfig dynamic_;
};

}  // namespace strom::meta
