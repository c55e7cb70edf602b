#include "meta/lease_store.h"

#include <algorithm>

#include "base/json.h"
#include "base/log_line.h"
#include "base/uuid.h"
#include "meta/paths.h"

namespace strom::meta {

std::string LeaseStore::DirectoryOf(const std::string& id) const {
  return fmt::format("{}/lease/kv-snapshot/{}", remote_dir_, id);
}

Result<SnapshotLease> LeaseStore::Read(ByteView node) const {
  STROM_ASSIGN(const Json json, ParseJson(node, "its node"));
  SnapshotLease lease;
  STROM_ASSIGN(lease.expires, JsonInt(json, "expiration_time"));
  const auto tables = json.find("tables");
  if (tables == json.end() || !tables->is_array()) return lease;
  for (const Json& table : *tables) {
    STROM_ASSIGN(const std::string location, JsonString(table, "lease_metadata_path"));
    STROM_ASSIGN(const std::string path, io::LocalPath(location));
    STROM_ASSIGN(const Bytes content, io::ReadWholeFile(files_, path));
    STROM_ASSIGN(BucketNumbers snapshots, BucketNumbersFromJson("snapshots", content));
    lease.snapshots.merge(std::move(snapshots));
  }
  return lease;
}

std::map<std::string, SnapshotLease> LeaseStore::Load() const {
  std::map<std::string, SnapshotLease> leases;
  for (const std::string& id : tree_.Children(paths::kSnapshotLeases)) {
    const auto node = tree_.Get(paths::SnapshotLease(id));
    if (!node) continue;
    auto lease = Read(node->data);
    if (lease) {
      leases.emplace(id, std::move(*lease));
    } else {
      LogWarn("the lease {} on key snapshots cannot be read and holds them no more: {}", id,
              lease.error().message);
    }
  }
  return leases;
}

Status LeaseStore::Put(const std::string& id, const SnapshotLease& lease) {
  STROM_TRY(model::CheckName(id, "lease id", ErrorCode::kInvalidArgument));
  std::map<model::TableId, BucketNumbers> by_table;
  for (const auto& [bucket, snapshot] : lease.snapshots)
    by_table[bucket.table_id][bucket] = snapshot;
  std::map<model::TableId, std::string> named;
  Json tables = Json::array();
  for (const auto& [table_id, snapshots] : by_table) {
    const std::string dir = fmt::format("{}/{}", DirectoryOf(id), table_id);
    const std::string name = NewUuid() + ".metadata";
    STROM_TRY(files_.MakeDirectories(dir));
    STROM_TRY(io::WriteFileAtomically(files_, fmt::format("{}/{}", dir, name),
                                      BucketNumbersToJson("snapshots", table_id, snapshots)));
    tables.push_back(
        Json{{"table_id", table_id}, {"lease_metadata_path", fmt::format("{}/{}", dir, name)}});
    named[table_id] = name;
  }
  const Json node{{"version", 1}, {"expiration_time", lease.expires}, {"tables", tables}};
  STROM_TRY(tree_.Put(paths::SnapshotLease(id), node.dump()));
  if (const Status removed = RemoveFilesBut(id, named); !removed)
    LogWarn("old files of the lease {} stay: {}", id, removed.error().message);
  return {};
}

Status LeaseStore::RemoveFilesBut(const std::string& id,
                                  const std::map<model::TableId, std::string>& named) {
  const auto tables = files_.List(DirectoryOf(id));
  if (!tables) return {};
  for (const io::Entry& table : *tables) {
    const std::string dir = fmt::format("{}/{}", DirectoryOf(id), table.name);
    STROM_ASSIGN(const auto entries, files_.List(dir));
    for (const io::Entry& file : entries) {
      const bool kept = std::ranges::any_of(named, [&](const auto& one) {
        return std::to_string(one.first) == table.name && one.second == file.name;
      });
      if (!kept) STROM_TRY(files_.Remove(fmt::format("{}/{}", dir, file.name)));
    }
  }
  return {};
}

Status LeaseStore::Drop(const std::string& id) {
  const std::string path = paths::SnapshotLease(id);
  if (!model::CheckName(id, "lease id", ErrorCode::kInvalidArgument) || !tree_.Get(path)) return {};
  STROM_TRY(tree_.Commit({Change::Delete(path)}));
  if (const Status removed = files_.RemoveTree(DirectoryOf(id)); !removed)
    LogWarn("the files of the dropped lease {} stay: {}", id, removed.error().message);
  return {};
}

}  // namespace strom::meta
