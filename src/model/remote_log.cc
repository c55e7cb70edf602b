#include "model/remote_log.h"

#include <algorithm>

#include "base/json.h"

namespace strom::model {
namespace {

constexpr const char* kWhat = "remote log manifest";

Json SegmentToJson(const RemoteLogSegment& segment) {
  Json json{{"segment_id", segment.id},
            {"start_offset", segment.start_offset},
            {"end_offset", segment.end_offset}};
  if (segment.logical_start_offset) json["logical_start_offset"] = *segment.logical_start_offset;
  if (segment.logical_end_offset) json["logical_end_offset"] = *segment.logical_end_offset;
  json["max_timestamp"] = segment.max_timestamp;
  json["size_in_bytes"] = segment.bytes;
  return json;
}

Status ReadOptional(const Json& json, const char* key, std::optional<int64_t>& into) {
  if (!json.contains(key)) return {};
  STROM_ASSIGN(into, JsonInt(json, key));
  return {};
}

Result<RemoteLogSegment> SegmentFromJson(const Json& json) {
  if (!json.is_object()) return Err(ErrorCode::kCorrupt, "{}: a segment is no object", kWhat);
  RemoteLogSegment segment;
  STROM_ASSIGN(segment.id, JsonString(json, "segment_id"));
  STROM_ASSIGN(segment.start_offset, JsonInt(json, "start_offset"));
  STROM_ASSIGN(segment.end_offset, JsonInt(json, "end_offset"));
  STROM_TRY(ReadOptional(json, "logical_start_offset", segment.logical_start_offset));
  STROM_TRY(ReadOptional(json, "logical_end_offset", segment.logical_end_offset));
  STROM_ASSIGN(segment.max_timestamp, JsonInt(json, "max_timestamp"));
  STROM_ASSIGN(segment.bytes, JsonInt(json, "size_in_bytes"));
  const bool in_order = segment.start_offset >= 0 &&
                        segment.start_offset <= segment.first_offset() &&
                        segment.first_offset() <= segment.last_end() &&
                        segment.last_end() <= segment.end_offset && segment.bytes >= 0;
  if (!in_order)
    return Err(ErrorCode::kCorrupt, "{}: segment {} has impossible offsets", kWhat, segment.id);
  return segment;
}

}  // namespace

size_t RemoteLogManifest::IndexOf(int64_t offset) const {
  const auto after =
      std::ranges::upper_bound(segments, offset, {}, &RemoteLogSegment::first_offset);
  return static_cast<size_t>(after - segments.begin()) - 1;
}

std::string RemoteLogManifestToJson(const RemoteLogManifest& manifest) {
  Json json{{"version", 1}, {"database", manifest.path.database}, {"table", manifest.path.table}};
  if (manifest.partition_name) json["partition_name"] = *manifest.partition_name;
  json["table_id"] = manifest.bucket.table_id;
  if (manifest.bucket.partition_id != kNoPartition)
    json["partition_id"] = manifest.bucket.partition_id;
  json["bucket_id"] = manifest.bucket.bucket;
  if (manifest.highest_copied_end_offset)
    json["highest_copied_end_offset"] = *manifest.highest_copied_end_offset;
  Json segments = Json::array();
  for (const RemoteLogSegment& segment : manifest.segments)
    segments.push_back(SegmentToJson(segment));
  json["remote_log_segments"] = std::move(segments);
  return json.dump();
}

Result<RemoteLogManifest> RemoteLogManifestFromJson(const std::string& text) {
  STROM_ASSIGN(const Json json, ParseJson(text, kWhat));
  if (!json.is_object()) return Err(ErrorCode::kCorrupt, "{}: no JSON object", kWhat);
  RemoteLogManifest manifest;
  STROM_ASSIGN(manifest.path.database, JsonString(json, "database"));
  STROM_ASSIGN(manifest.path.table, JsonString(json, "table"));
  if (json.contains("partition_name")) {
    STROM_ASSIGN(manifest.partition_name, JsonString(json, "partition_name"));
  }
  STROM_ASSIGN(manifest.bucket.table_id, JsonInt(json, "table_id"));
  manifest.bucket.partition_id = JsonOr<int64_t>(json, "partition_id", kNoPartition);
  manifest.bucket.bucket = JsonOr<int32_t>(json, "bucket_id", 0);
  STROM_TRY(ReadOptional(json, "highest_copied_end_offset", manifest.highest_copied_end_offset));
  const auto list = json.find("remote_log_segments");
  if (list == json.end() || !list->is_array())
    return Err(ErrorCode::kCorrupt, "{}: it has no list of segments", kWhat);
  for (const Json& item : *list) {
    STROM_ASSIGN(RemoteLogSegment segment, SegmentFromJson(item));
    if (!manifest.empty() && segment.first_offset() != manifest.end_offset()) {
      return Err(ErrorCode::kCorrupt, "{}: segment {} begins at {}, the one before ends at {}",
                 kWhat, segment.id, segment.first_offset(), manifest.end_offset());
    }
    manifest.segments.push_back(std::move(segment));
  }
  return manifest;
}

std::string RemoteLogHandleToJson(const RemoteLogHandle& handle) {
  return Json{{"version", 1},
              {"remote_log_manifest_path", handle.manifest_path},
              {"remote_log_end_offset", handle.end_offset}}
      .dump();
}

Result<RemoteLogHandle> RemoteLogHandleFromJson(const std::string& text) {
  STROM_ASSIGN(const Json json, ParseJson(text, "remote log handle"));
  if (!json.is_object()) return Err(ErrorCode::kCorrupt, "remote log handle: no JSON object");
  RemoteLogHandle handle;
  STROM_ASSIGN(handle.manifest_path, JsonString(json, "remote_log_manifest_path"));
  STROM_ASSIGN(handle.end_offset, JsonInt(json, "remote_log_end_offset"));
  return handle;
}

}  // namespace strom::model
