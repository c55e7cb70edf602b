#include "model/kv_snapshot.h"

#include "base/json.h"

namespace strom::model {
namespace {

constexpr const char* kWhat = "key snapshot";

Json FilesToJson(const std::vector<KvSnapshot::File>& files) {
  Json json = Json::array();
  for (const KvSnapshot::File& file : files) {
    json.push_back({{"kv_file_handle", {{"path", file.remote_path}, {"size", file.bytes}}},
                    {"local_path", file.local_name}});
  }
  return json;
}

Result<std::vector<KvSnapshot::File>> FilesFromJson(const Json& object, const char* key) {
  std::vector<KvSnapshot::File> files;
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array())
    return Err(ErrorCode::kCorrupt, "{}: it has no list '{}'", kWhat, key);
  for (const Json& item : *list) {
    const auto handle = item.find("kv_file_handle");
    if (!item.is_object() || handle == item.end() || !handle->is_object())
      return Err(ErrorCode::kCorrupt, "{}: a file in '{}' has no handle", kWhat, key);
    KvSnapshot::File& file = files.emplace_back();
    STROM_ASSIGN(file.remote_path, JsonString(*handle, "path"));
    STROM_ASSIGN(file.bytes, JsonInt(*handle, "size"));
    STROM_ASSIGN(file.local_name, JsonString(item, "local_path"));
  }
  return files;
}

Result<Json> ParseObject(const std::string& text) {
  STROM_ASSIGN(Json json, ParseJson(text, kWhat));
  if (!json.is_object()) return Err(ErrorCode::kCorrupt, "{}: no JSON object", kWhat);
  return json;
}

}  // namespace

std::string KvSnapshotToJson(const KvSnapshot& snapshot) {
  Json json{{"version", 1}, {"table_id", snapshot.bucket.table_id}};
  if (snapshot.bucket.partition_id != kNoPartition)
    json["partition_id"] = snapshot.bucket.partition_id;
  json["bucket_id"] = snapshot.bucket.bucket;
  json["snapshot_id"] = snapshot.snapshot_id;
  json["snapshot_location"] = snapshot.location;
  json["kv_snapshot_handle"] = {{"shared_file_handles", FilesToJson(snapshot.shared_files)},
                                {"private_file_handles", FilesToJson(snapshot.private_files)},
                                {"snapshot_incremental_size", snapshot.new_bytes}};
  json["log_offset"] = snapshot.log_offset;
  if (snapshot.row_count) json["row_count"] = *snapshot.row_count;
  return json.dump();
}

Result<KvSnapshot> KvSnapshotFromJson(const std::string& text) {
  STROM_ASSIGN(const Json json, ParseObject(text));
  KvSnapshot snapshot;
  STROM_ASSIGN(snapshot.bucket.table_id, JsonInt(json, "table_id"));
  snapshot.bucket.partition_id = JsonOr<int64_t>(json, "partition_id", kNoPartition);
  snapshot.bucket.bucket = JsonOr<int32_t>(json, "bucket_id", 0);
  STROM_ASSIGN(snapshot.snapshot_id, JsonInt(json, "snapshot_id"));
  STROM_ASSIGN(snapshot.location, JsonString(json, "snapshot_location"));
  STROM_ASSIGN(snapshot.log_offset, JsonInt(json, "log_offset"));
  const auto handle = json.find("kv_snapshot_handle");
  if (handle == json.end() || !handle->is_object())
    return Err(ErrorCode::kCorrupt, "{}: it has no files", kWhat);
  STROM_ASSIGN(snapshot.shared_files, FilesFromJson(*handle, "shared_file_handles"));
  STROM_ASSIGN(snapshot.private_files, FilesFromJson(*handle, "private_file_handles"));
  snapshot.new_bytes = JsonOr<int64_t>(*handle, "snapshot_incremental_size", 0);
  if (json.contains("row_count")) {
    STROM_ASSIGN(snapshot.row_count, JsonInt(json, "row_count"));
  }
  return snapshot;
}

std::string KvSnapshotHandleToJson(const KvSnapshotHandle& handle) {
  return Json{{"version", 1},
              {"snapshot_id", handle.snapshot_id},
              {"log_offset", handle.log_offset},
              {"metadata_path", handle.metadata_path}}
      .dump();
}

Result<KvSnapshotHandle> KvSnapshotHandleFromJson(const std::string& text) {
  STROM_ASSIGN(const Json json, ParseObject(text));
  KvSnapshotHandle handle;
  STROM_ASSIGN(handle.snapshot_id, JsonInt(json, "snapshot_id"));
  STROM_ASSIGN(handle.log_offset, JsonInt(json, "log_offset"));
  STROM_ASSIGN(handle.metadata_path, JsonString(json, "metadata_path"));
  return handle;
}

}  // namespace strom::model
