#pragma once
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/table.h"
#include "security/acl.h"

namespace strom::meta {

struct DatabaseEntry {
  std::string name;
  model::DatabaseDescriptor descriptor;
  Millis created_ms = 0;
  Millis modified_ms = 0;
};

/// A table with everything a request may ask about it.
struct TableEntry {
  model::TableInfo info;
  std::map<int32_t, std::shared_ptr<const model::Schema>> schemas;  // by schema id
  std::map<std::string, model::PartitionId> partitions;             // by name

  const model::Schema* SchemaOf(int32_t id) const {
    const auto it = schemas.find(id);
    return it == schemas.end() ? nullptr : it->second.get();
  }
};

/// The lake side of a table: the newest registered snapshot and how far each bucket is in it.
struct LakeState {
  struct Snapshot {
    int64_t snapshot_id = 0;
    std::string tiered_path;
    std::optional<std::string> readable_path;
  };
  std::vector<Snapshot> snapshots;                // oldest first
  std::map<model::TableBucket, int64_t> offsets;  // tiered log end offsets of the newest one
};

/// All metadata at one moment, immutable: shards read it without asking anybody.
struct ClusterView {
  std::map<std::string, std::shared_ptr<const DatabaseEntry>> databases;
  std::map<model::TablePath, std::shared_ptr<const TableEntry>> tables;
  std::unordered_map<model::TableId, std::shared_ptr<const TableEntry>> tables_by_id;
  struct PartitionRef {
    std::shared_ptr<const TableEntry> table;
    std::string name;
  };
  std::unordered_map<model::PartitionId, PartitionRef> partitions;
  std::unordered_map<model::TableId, std::shared_ptr<const LakeState>> lakes;
  security::AclRules acls;

  const TableEntry* Find(const model::TablePath& path) const {
    const auto it = tables.find(path);
    return it == tables.end() ? nullptr : it->second.get();
  }
  const TableEntry* Find(model::TableId id) const {
    const auto it = tables_by_id.find(id);
    return it == tables_by_id.end() ? nullptr : it->second.get();
  }
  /// How far the lake has a bucket's log; 0 while it has nothing.
  int64_t LakeOffset(const model::TableBucket& bucket) const {
    const auto lake = lakes.find(bucket.table_id);
    if (lake == lakes.end()) return 0;
    const auto offset = lake->second->offsets.find(bucket);
    return offset == lake->second->offsets.end() ? 0 : offset->second;
  }
  /// Whether a bucket is one of its table, or of a partition of that very table.
  bool Has(const model::TableBucket& bucket) const {
    const TableEntry* const table = Find(bucket.table_id);
    if (table == nullptr || bucket.bucket < 0 || bucket.bucket >= table->info.bucket_count())
      return false;
    if (!table->info.descriptor.partitioned()) return bucket.partition_id == model::kNoPartition;
    const auto partition = partitions.find(bucket.partition_id);
    return partition != partitions.end() &&
           partition->second.table->info.table_id == bucket.table_id;
  }
};

}  // namespace strom::meta
