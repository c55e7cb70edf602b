#include "meta/catalog.h"

#include <set>

#include "base/json.h"
#include "base/log_line.h"
#include "base/uuid.h"
#include "meta/paths.h"

namespace strom::meta {
namespace {

using model::TableInfo;
using model::TablePath;

std::string DatabaseNode(const DatabaseEntry& entry) {
  Json json{{"version", 1}};
  if (entry.descriptor.comment) json["comment"] = *entry.descriptor.comment;
  json["custom_properties"] = entry.descriptor.custom_properties;
  json["created_time"] = entry.created_ms;
  json["modified_time"] = entry.modified_ms;
  return json.dump();
}

std::string TableNode(const TableInfo& info) {
  const model::TableDescriptor& descriptor = info.descriptor;
  Json json{{"version", 1}, {"table_id", info.table_id}};
  if (descriptor.comment) json["comment"] = *descriptor.comment;
  if (descriptor.partitioned()) json["partition_key"] = descriptor.partition_keys;
  if (!descriptor.bucket_keys.empty()) json["bucket_key"] = descriptor.bucket_keys;
  json["bucket_count"] = info.bucket_count();
  json["properties"] = descriptor.properties;
  json["custom_properties"] = descriptor.custom_properties;
  json["created_time"] = info.created_ms;
  json["modified_time"] = info.modified_ms;
  return json.dump();
}

Result<TableInfo> TableFromNode(const TablePath& path, ByteView data, int32_t schema_id,
                                const model::Schema& schema) {
  STROM_ASSIGN(const Json json, ParseJson(data, "table " + path.ToString()));
  TableInfo info;
  info.path = path;
  STROM_ASSIGN(info.table_id, JsonInt(json, "table_id"));
  info.schema_id = schema_id;
  model::TableDescriptor& descriptor = info.descriptor;
  descriptor.schema = schema;
  if (json.contains("comment")) descriptor.comment = JsonOr<std::string>(json, "comment", "");
  descriptor.partition_keys = JsonStrings(json, "partition_key");
  descriptor.bucket_keys = JsonStrings(json, "bucket_key");
  STROM_ASSIGN(const int64_t buckets, JsonInt(json, "bucket_count"));
  descriptor.bucket_count = static_cast<int32_t>(buckets);
  descriptor.properties = JsonStringMap(json, "properties");
  descriptor.custom_properties = JsonStringMap(json, "custom_properties");
  info.created_ms = JsonOr<int64_t>(json, "created_time", 0);
  info.modified_ms = JsonOr<int64_t>(json, "modified_time", 0);
  STROM_ASSIGN(info.options, model::ParseTableOptions(descriptor.properties));
  return info;
}

std::string LakeNode(const LakeState& lake) {
  Json snapshots = Json::array();
  for (const LakeState::Snapshot& snapshot : lake.snapshots) {
    Json item{{"snapshot_id", snapshot.snapshot_id}, {"tiered_offsets", snapshot.tiered_path}};
    if (snapshot.readable_path) item["readable_offsets"] = *snapshot.readable_path;
    snapshots.push_back(std::move(item));
  }
  return Json{{"version", 2}, {"lake_snapshots", std::move(snapshots)}}.dump();
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::Open(MetaTree& tree, io::FileSystem& files,
                                               model::ServerId server_id) {
  std::unique_ptr<Catalog> catalog(new Catalog(tree, files, server_id));
  STROM_TRY(catalog->Load());
  return catalog;
}

Status Catalog::Load() {
  auto view = std::make_shared<ClusterView>();
  for (const std::string& name : tree_.Children(paths::kDatabases)) {
    const auto node = tree_.Get(paths::Database(name));
    if (!node) continue;
    STROM_ASSIGN(const Json json, ParseJson(node->data, "database " + name));
    auto entry = std::make_shared<DatabaseEntry>();
    entry->name = name;
    if (json.contains("comment"))
      entry->descriptor.comment = JsonOr<std::string>(json, "comment", "");
    entry->descriptor.custom_properties = JsonStringMap(json, "custom_properties");
    entry->created_ms = JsonOr<int64_t>(json, "created_time", 0);
    entry->modified_ms = JsonOr<int64_t>(json, "modified_time", 0);
    view->databases[name] = std::move(entry);
    for (const std::string& table : tree_.Children(paths::Database(name) + "/tables")) {
      STROM_TRY(LoadTable({name, table}, *view));
    }
  }
  STROM_TRY(LoadAcls(*view));
  if (const auto node = tree_.Get(paths::kDynamicConfig)) {
    STROM_ASSIGN(const Json json, ParseJson(node->data, "cluster config"));
    if (const auto configs = json.find("configs"); configs != json.end()) {
      for (const auto& [key, value] : configs->items()) {
        dynamic_[key] = value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
      }
    }
  }
  view_ = std::move(view);
  return {};
}

Status Catalog::LoadAcls(ClusterView& view) const {
  for (const std::string& type : tree_.Children(paths::kAcls)) {
    for (const std::string& name : tree_.Children(std::string(paths::kAcls) + "/" + type)) {
      const auto node = tree_.Get(paths::Acls(type, name));
      if (!node) continue;
      const auto known = security::ResourceTypeNamed(type);
      if (!known) return Err(ErrorCode::kCorrupt, "access rights on {} {}", type, name);
      auto entries = security::AclsFromJson(node->data);
      if (!entries) return std::unexpected(entries.error().In(type + " " + name));
      view.acls[{*known, name}] = std::move(*entries);
    }
  }
  return {};
}

Status Catalog::PutAcls(const security::Resource& resource,
                        const std::set<security::AclEntry>& entries) {
  if (resource.name.empty() || resource.name.find('/') != std::string::npos ||
      resource.name == "." || resource.name == "..")
    return Err(ErrorCode::kInvalidArgument, "'{}' cannot name a resource", resource.name);
  const std::string path = paths::Acls(NameOf(resource.type), resource.name);
  auto view = std::make_shared<ClusterView>(*view_);
  if (!entries.empty()) {
    STROM_TRY(tree_.Put(path, security::AclsToJson(entries)));
    view->acls[resource] = entries;
  } else if (tree_.Get(path)) {
    STROM_TRY(tree_.Commit({Change::Delete(path)}));
    view->acls.erase(resource);
  }
  view_ = std::move(view);
  return {};
}

Status Catalog::LoadTable(const TablePath& path, ClusterView& view) {
  const auto node = tree_.Get(paths::Table(path));
  if (!node || node->data.empty()) return {};
  auto entry = std::make_shared<TableEntry>();
  int32_t newest = 0;
  for (const std::string& id : tree_.Children(paths::Table(path) + "/schemas")) {
    const auto schema_node = tree_.Get(paths::Schema(path, std::stoi(id)));
    STROM_ASSIGN(model::Schema schema, model::SchemaFromJson(schema_node->data));
    entry->schemas[std::stoi(id)] = std::make_shared<const model::Schema>(std::move(schema));
    newest = std::max(newest, std::stoi(id));
  }
  if (newest == 0) return Err(ErrorCode::kCorrupt, "table {} has no schema", path.ToString());
  STROM_ASSIGN(entry->info, TableFromNode(path, node->data, newest, *entry->schemas[newest]));
  for (const std::string& name : tree_.Children(paths::Table(path) + "/partitions")) {
    const auto partition = tree_.Get(paths::Partition(path, name));
    if (!partition) continue;
    STROM_ASSIGN(const Json json, ParseJson(partition->data, "partition " + name));
    STROM_ASSIGN(entry->partitions[name], JsonInt(json, "partition_id"));
  }
  STROM_TRY(LoadLake(*entry, view));
  PutTable(std::move(entry), view);
  return {};
}

Status Catalog::LoadLake(const TableEntry& table, ClusterView& view) {
  const auto node = tree_.Get(paths::Lake(table.info.table_id));
  if (!node) return {};
  STROM_ASSIGN(const Json json,
               ParseJson(node->data, "lake state of " + table.info.path.ToString()));
  auto lake = std::make_shared<LakeState>();
  const auto snapshots = json.find("lake_snapshots");
  if (snapshots == json.end() || !snapshots->is_array()) return {};
  for (const Json& item : *snapshots) {
    LakeState::Snapshot snapshot;
    STROM_ASSIGN(snapshot.snapshot_id, JsonInt(item, "snapshot_id"));
    STROM_ASSIGN(snapshot.tiered_path, JsonString(item, "tiered_offsets"));
    if (item.contains("readable_offsets"))
      snapshot.readable_path = JsonOr<std::string>(item, "readable_offsets", "");
    lake->snapshots.push_back(std::move(snapshot));
  }
  if (!lake->snapshots.empty()) {
    STROM_ASSIGN(lake->offsets, ReadLakeOffsets(lake->snapshots.back().tiered_path));
  }
  view.lakes[table.info.table_id] = std::move(lake);
  return {};
}

void Catalog::PutTable(std::shared_ptr<const TableEntry> table, ClusterView& view) const {
  for (const auto& [name, id] : table->partitions) view.partitions[id] = {table, name};
  view.tables_by_id[table->info.table_id] = table;
  view.tables[table->info.path] = std::move(table);
}

std::string Catalog::AssignmentJson(int32_t buckets, std::optional<model::TableId> of_table) const {
  Json assigned = Json::object();
  for (int32_t i = 0; i < buckets; ++i) assigned[std::to_string(i)] = Json::array({server_id_});
  Json json{{"version", 1}};
  if (of_table) json["table_id"] = *of_table;
  json["buckets"] = std::move(assigned);
  return json.dump();
}

Status Catalog::CreateDatabase(const std::string& name, const model::DatabaseDescriptor& descriptor,
                               Millis now) {
  auto entry = std::make_shared<DatabaseEntry>(DatabaseEntry{name, descriptor, now, now});
  STROM_TRY(tree_.Commit({Change::Create(paths::Database(name), DatabaseNode(*entry))}));
  auto view = std::make_shared<ClusterView>(*view_);
  view->databases[name] = std::move(entry);
  view_ = std::move(view);
  return {};
}

Status Catalog::UpdateDatabase(const DatabaseEntry& before,
                               const model::DatabaseDescriptor& descriptor, Millis now) {
  auto entry = std::make_shared<DatabaseEntry>(
      DatabaseEntry{before.name, descriptor, before.created_ms, now});
  STROM_TRY(tree_.Commit({Change::Set(paths::Database(before.name), DatabaseNode(*entry))}));
  auto view = std::make_shared<ClusterView>(*view_);
  view->databases[before.name] = std::move(entry);
  view_ = std::move(view);
  return {};
}

Status Catalog::DropDatabase(const std::string& name) {
  STROM_TRY(tree_.Commit({Change::Delete(paths::Database(name))}));
  auto view = std::make_shared<ClusterView>(*view_);
  view->databases.erase(name);
  view_ = std::move(view);
  return {};
}

Result<std::shared_ptr<const TableEntry>> Catalog::CreateTable(
    const TablePath& path, const model::TableDescriptor& descriptor,
    const model::TableOptions& options, Millis now) {
  auto entry = std::make_shared<TableEntry>();
  STROM_ASSIGN(const int64_t table_id, tree_.NextId(paths::kTableCounter));
  entry->info = TableInfo{path, table_id, 1, descriptor, options, now, now};
  entry->schemas[1] = std::make_shared<const model::Schema>(descriptor.schema);
  std::vector<Change> changes;
  if (!descriptor.partitioned()) {
    changes.push_back(Change::Create(paths::Assignment(table_id),
                                     AssignmentJson(entry->info.bucket_count(), std::nullopt)));
  }
  changes.push_back(Change::Create(paths::Schema(path, 1), model::SchemaToJson(descriptor.schema)));
  changes.push_back(Change::Create(paths::Table(path), TableNode(entry->info)));
  STROM_TRY(tree_.Commit(changes));
  auto view = std::make_shared<ClusterView>(*view_);
  PutTable(entry, *view);
  view_ = std::move(view);
  return entry;
}

Status Catalog::DropTable(const TableEntry& table) {
  std::vector<Change> changes{Change::Delete(paths::Table(table.info.path)),
                              Change::Delete(paths::Assignment(table.info.table_id))};
  for (const auto& [name, id] : table.partitions)
    changes.push_back(Change::Delete(paths::PartitionAssignment(id)));
  const model::TablePath path = table.info.path;  // `table` may live in the view that is replaced
  const model::TableId id = table.info.table_id;
  STROM_TRY(tree_.Commit(changes));
  auto view = std::make_shared<ClusterView>(*view_);
  for (const auto& [name, partition] : table.partitions) view->partitions.erase(partition);
  view->lakes.erase(id);
  view->tables_by_id.erase(id);
  view->tables.erase(path);
  view_ = std::move(view);
  return {};
}

Status Catalog::UpdateTable(const TableEntry& before, TableInfo next) {
  auto entry = std::make_shared<TableEntry>(before);
  std::vector<Change> changes;
  if (next.schema_id != before.info.schema_id) {
    changes.push_back(Change::Create(paths::Schema(next.path, next.schema_id),
                                     model::SchemaToJson(next.descriptor.schema)));
    entry->schemas[next.schema_id] = std::make_shared<const model::Schema>(next.descriptor.schema);
  }
  changes.push_back(Change::Set(paths::Table(next.path), TableNode(next)));
  STROM_TRY(tree_.Commit(changes));
  entry->info = std::move(next);
  auto view = std::make_shared<ClusterView>(*view_);
  PutTable(std::move(entry), *view);
  view_ = std::move(view);
  return {};
}

Result<model::PartitionId> Catalog::CreatePartition(const TableEntry& table,
                                                    const std::string& name) {
  STROM_ASSIGN(const int64_t id, tree_.NextId(paths::kPartitionCounter));
  const Json node{{"version", 1}, {"table_id", table.info.table_id}, {"partition_id", id}};
  STROM_TRY(
      tree_.Commit({Change::Create(paths::PartitionAssignment(id),
                                   AssignmentJson(table.info.bucket_count(), table.info.table_id)),
                    Change::Create(paths::Partition(table.info.path, name), node.dump())}));
  auto entry = std::make_shared<TableEntry>(table);
  entry->partitions[name] = id;
  auto view = std::make_shared<ClusterView>(*view_);
  PutTable(std::move(entry), *view);
  view_ = std::move(view);
  return id;
}

Status Catalog::DropPartition(const TableEntry& table, const std::string& name) {
  const model::PartitionId id = table.partitions.at(name);
  STROM_TRY(tree_.Commit({Change::Delete(paths::Partition(table.info.path, name)),
                          Change::Delete(paths::PartitionAssignment(id))}));
  auto entry = std::make_shared<TableEntry>(table);
  entry->partitions.erase(name);
  auto view = std::make_shared<ClusterView>(*view_);
  view->partitions.erase(id);
  PutTable(std::move(entry), *view);
  view_ = std::move(view);
  return {};
}

Result<std::string> Catalog::WriteLakeOffsets(const std::string& dir, model::TableId table_id,
                                              const BucketNumbers& offsets) {
  STROM_TRY(files_.MakeDirectories(dir));
  std::string path = dir + "/" + NewUuid() + ".offsets";
  STROM_TRY(
      io::WriteFileAtomically(files_, path, BucketNumbersToJson("offsets", table_id, offsets)));
  return path;
}

Result<BucketNumbers> Catalog::ReadLakeOffsets(const std::string& path) const {
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  const auto content = io::ReadWholeFile(files_, local);
  if (!content) return std::unexpected(content.error().In("lake offsets"));
  return BucketNumbersFromJson("offsets", *content);
}

Status Catalog::PutLake(model::TableId table_id, LakeState lake) {
  const auto before = view_->lakes.find(table_id);
  std::set<std::string> obsolete;
  if (before != view_->lakes.end()) {
    for (const LakeState::Snapshot& old : before->second->snapshots) {
      obsolete.insert(old.tiered_path);
      if (old.readable_path) obsolete.insert(*old.readable_path);
    }
  }
  for (const LakeState::Snapshot& kept : lake.snapshots) {
    obsolete.erase(kept.tiered_path);
    if (kept.readable_path) obsolete.erase(*kept.readable_path);
  }
  STROM_TRY(tree_.Put(paths::Lake(table_id), LakeNode(lake)));
  auto view = std::make_shared<ClusterView>(*view_);
  view->lakes[table_id] = std::make_shared<const LakeState>(std::move(lake));
  view_ = std::move(view);
  for (const std::string& old : obsolete) {
    const auto local = io::LocalPath(old);
    if (local && !files_.Remove(*local))
      LogWarn("the obsolete offsets file {} cannot be removed", old);
  }
  return {};
}

Status Catalog::PutDynamicConfig(const DynamicConfig& config) {
  Json configs = Json::object();
  for (const auto& [key, value] : config) configs[key] = value ? Json(*value) : Json();
  STROM_TRY(tree_.Put(paths::kDynamicConfig,
                      Json{{"version", 1}, {"configs", std::move(configs)}}.dump()));
  dynamic_ = config;
  return {};
}

bool Catalog::IsTieringPaused(model::TableId table_id) const {
  return tree_.Get(paths::TieringPaused(table_id)).has_value();
}

Status Catalog::SetTieringPaused(model::TableId table_id, bool paused) {
  if (IsTieringPaused(table_id) == paused) return {};
  const std::string path = paths::TieringPaused(table_id);
  return tree_.Commit({paused ? Change::Create(path, Bytes()) : Change::Delete(path)});
}

Result<int64_t> Catalog::TakeWriterIds(int64_t count) {
  return tree_.NextId(paths::kWriterCounter, count);
}

Result<int64_t> Catalog::NextKvSnapshotId(const model::TableBucket& bucket) {
  return tree_.NextId(paths::KvSnapshotCounter(bucket));
}

Result<std::vector<model::KvSnapshotHandle>> Catalog::KvSnapshots(
    const model::TableBucket& bucket) const {
  const std::string dir = paths::KvSnapshots(bucket);
  std::vector<model::KvSnapshotHandle> handles;
  for (const std::string& name : tree_.Children(dir)) {
    const auto node = tree_.Get(dir + "/" + name);
    if (!node) continue;
    STROM_ASSIGN(auto handle, model::KvSnapshotHandleFromJson(node->data));
    handles.push_back(std::move(handle));
  }
  std::ranges::sort(handles, {}, &model::KvSnapshotHandle::snapshot_id);
  return handles;
}

Status Catalog::PutKvSnapshot(const model::TableBucket& bucket,
                              const model::KvSnapshotHandle& handle,
                              const std::vector<int64_t>& dropped_ids) {
  const std::string dir = paths::KvSnapshots(bucket);
  std::vector<Change> changes{Change::Create(dir + "/" + std::to_string(handle.snapshot_id),
                                             model::KvSnapshotHandleToJson(handle))};
  for (const int64_t id : dropped_ids)
    changes.push_back(Change::Delete(dir + "/" + std::to_string(id)));
  return tree_.Commit(changes);
}

Result<std::optional<model::RemoteLogHandle>> Catalog::RemoteLog(
    const model::TableBucket& bucket) const {
  const auto node = tree_.Get(paths::RemoteLog(bucket));
  if (!node) return std::nullopt;
  return model::RemoteLogHandleFromJson(node->data);
}

Status Catalog::PutRemoteLog(const model::TableBucket& bucket,
                             const model::RemoteLogHandle& handle) {
  return tree_.Put(paths::RemoteLog(bucket), model::RemoteLogHandleToJson(handle));
}

Result<int64_t> Catalog::TakeColumnIds(const model::TablePath& path, int32_t column_id,
                                       int64_t count) {
  return tree_.NextId(paths::AutoIncrement(path, column_id), count);
}

}  // namespace strom::meta
