#pragma once
#include <string>

#include "model/ids.h"

/// Where each fact lies in the tree; the layout of Apache Fluss 0.9 below its ZooKeeper root.
namespace strom::meta::paths {

inline constexpr const char* kDatabases = "/metadata/databases";
inline constexpr const char* kTableCounter = "/metadata/table_seqid";
inline constexpr const char* kPartitionCounter = "/metadata/partition_seqid";
inline constexpr const char* kWriterCounter = "/metadata/writer_id";
inline constexpr const char* kDynamicConfig = "/config/server/global";
inline constexpr const char* kServerTags = "/tabletservers/server_tags";
inline constexpr const char* kRebalance = "/cluster/rebalance";

/// The access rights on a resource, by the name of its type.
inline constexpr const char* kAcls = "/fluss-acls";

inline std::string Acls(const std::string& type, const std::string& resource) {
  return std::string(kAcls) + "/" + type + "/" + resource;
}
inline std::string Database(const std::string& name) {
  return std::string(kDatabases) + "/" + name;
}
inline std::string Table(const model::TablePath& path) {
  return Database(path.database) + "/tables/" + path.table;
}
inline std::string Schema(const model::TablePath& path, int32_t id) {
  return Table(path) + "/schemas/" + std::to_string(id);
}
inline std::string Partition(const model::TablePath& path, const std::string& name) {
  return Table(path) + "/partitions/" + name;
}
inline std::string AutoIncrement(const model::TablePath& path, int32_t column_id) {
  return Table(path) + "/auto_inc/col_" + std::to_string(column_id);
}
inline std::string Assignment(model::TableId id) {
  return "/tabletservers/tables/" + std::to_string(id);
}
inline std::string PartitionAssignment(model::PartitionId id) {
  return "/tabletservers/partitions/" + std::to_string(id);
}
/// Of a bucket of a table or of one of its partitions.
inline std::string Bucket(const model::TableBucket& bucket) {
  return (bucket.partition_id == model::kNoPartition ? Assignment(bucket.table_id)
                                                     : PartitionAssignment(bucket.partition_id)) +
         "/buckets/" + std::to_string(bucket.bucket);
}
inline std::string KvSnapshots(const model::TableBucket& bucket) {
  return Bucket(bucket) + "/snapshots";
}
inline std::string KvSnapshotCounter(const model::TableBucket& bucket) {
  return Bucket(bucket) + "/snapshot_seqid";
}
inline std::string RemoteLog(const model::TableBucket& bucket) {
  return Bucket(bucket) + "/remote_logs";
}
inline std::string Lake(model::TableId id) {
  return Assignment(id) + "/laketable";
}
/// Ours: there while the tiering of a table is paused.
inline std::string TieringPaused(model::TableId id) {
  return Assignment(id) + "/tiering_paused";
}

}  // namespace strom::meta::paths
