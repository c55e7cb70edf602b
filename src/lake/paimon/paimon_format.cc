#include "lake/paimon/paimon_format.h"

#include <algorithm>

#include "base/coding.h"
#include "base/json.h"
#include "base/text.h"
#include "lake/file/avro_file.h"
#include "lake/paimon/paimon_type_internal.h"

namespace strom::lake::paimon {
namespace {

constexpr int kManifestVersion = 2;

// The Avro schemas of Paimon 1.4 manifests and 1.3 manifest lists; readers go by field name.
constexpr const char* kManifestSchema =
    R"({"type":"record","name":"record","namespace":"org.apache.paimon.avro.generated","fields":[{"name":"_VERSION",")"
    R"(type":"int"},{"name":"_KIND","type":"int"},{"name":"_PARTITION","type":"bytes"},{"name":"_BUCKET","type":"int")"
    R"(},{"name":"_TOTAL_BUCKETS","type":"int"},{"name":"_FILE","type":{"type":"record","name":"record__FILE","fields)"
    R"(":[{"name":"_FILE_NAME","type":"string"},{"name":"_FILE_SIZE","type":"long"},{"name":"_ROW_COUNT","type":"long)"
    R"("},{"name":"_MIN_KEY","type":"bytes"},{"name":"_MAX_KEY","type":"bytes"},{"name":"_KEY_STATS","type":{"type":")"
    R"(record","name":"record__FILE__KEY_STATS","fields":[{"name":"_MIN_VALUES","type":"bytes"},{"name":"_MAX_VALUES")"
    R"(,"type":"bytes"},{"name":"_NULL_COUNTS","type":["null",{"type":"array","items":["null","long"]}],"default":nul)"
    R"(l}]}},{"name":"_VALUE_STATS","type":{"type":"record","name":"record__FILE__VALUE_STATS","fields":[{"name":"_MI)"
    R"(N_VALUES","type":"bytes"},{"name":"_MAX_VALUES","type":"bytes"},{"name":"_NULL_COUNTS","type":["null",{"type":)"
    R"("array","items":["null","long"]}],"default":null}]}},{"name":"_MIN_SEQUENCE_NUMBER","type":"long"},{"name":"_M)"
    R"(AX_SEQUENCE_NUMBER","type":"long"},{"name":"_SCHEMA_ID","type":"long"},{"name":"_LEVEL","type":"int"},{"name":)"
    R"("_EXTRA_FILES","type":{"type":"array","items":"string"}},{"name":"_CREATION_TIME","type":["null",{"type":"long)"
    R"(","logicalType":"timestamp-millis"}],"default":null},{"name":"_DELETE_ROW_COUNT","type":["null","long"],"defau)"
    R"(lt":null},{"name":"_EMBEDDED_FILE_INDEX","type":["null","bytes"],"default":null},{"name":"_FILE_SOURCE","type")"
    R"(:["null","int"],"default":null},{"name":"_VALUE_STATS_COLS","type":["null",{"type":"array","items":"string"}],)"
    R"("default":null},{"name":"_EXTERNAL_PATH","type":["null","string"],"default":null},{"name":"_FIRST_ROW_ID","typ)"
    R"(e":["null","long"],"default":null},{"name":"_WRITE_COLS","type":["null",{"type":"array","items":"string"}],"de)"
    R"(fault":null}]}}]})";

constexpr const char* kManifestListSchema =
    R"({"type":"record","name":"record","namespace":"org.apache.paimon.avro.generated","fields":[{"name":"_VERSION",")"
    R"(type":"int"},{"name":"_FILE_NAME","type":"string"},{"name":"_FILE_SIZE","type":"long"},{"name":"_NUM_ADDED_FIL)"
    R"(ES","type":"long"},{"name":"_NUM_DELETED_FILES","type":"long"},{"name":"_PARTITION_STATS","type":{"type":"reco)"
    R"(rd","name":"record__PARTITION_STATS","fields":[{"name":"_MIN_VALUES","type":"bytes"},{"name":"_MAX_VALUES","ty)"
    R"(pe":"bytes"},{"name":"_NULL_COUNTS","type":["null",{"type":"array","items":["null","long"]}],"default":null}]})"
    R"(},{"name":"_SCHEMA_ID","type":"long"},{"name":"_MIN_BUCKET","type":["null","int"],"default":null},{"name":"_MA)"
    R"(X_BUCKET","type":["null","int"],"default":null},{"name":"_MIN_LEVEL","type":["null","int"],"default":null},{"n)"
    R"(ame":"_MAX_LEVEL","type":["null","int"],"default":null}]})";

void EncodeStats(AvroEncoder& out, const Stats& stats) {
  out.Binary(stats.min).Binary(stats.max).Branch(1).BlockStart(stats.null_counts.size());
  for (const auto& count : stats.null_counts) out.OptionalLong(count);
  out.BlockEnd();
}

Stats DecodeStats(const AvroValue& value) {
  Stats stats{value["_MIN_VALUES"].Text(), value["_MAX_VALUES"].Text(), {}};
  for (const AvroValue& count : value["_NULL_COUNTS"].Items()) {
    stats.null_counts.push_back(count.is_null() ? std::nullopt : std::optional(count.Long()));
  }
  return stats;
}

template <class T>
std::optional<T> Optional(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return std::nullopt;
  return JsonOr<T>(json, key, T());
}

}  // namespace

int32_t TableSchema::buckets() const {
  const auto it = options.find("bucket");
  return it == options.end() ? -1 : std::atoi(it->second.c_str());
}

const Field* TableSchema::Find(const std::string& name) const {
  const auto it = std::ranges::find(fields, name, &Field::name);
  return it == fields.end() ? nullptr : &*it;
}

std::vector<model::DataType> TableSchema::PartitionTypes() const {
  std::vector<model::DataType> types;
  for (const std::string& key : partition_keys) {
    if (const Field* field = Find(key)) types.push_back(field->type);
  }
  return types;
}

std::string SchemaToJson(const TableSchema& schema) {
  Json fields = Json::array();
  for (const Field& field : schema.fields) {
    Json item{{"id", field.id}, {"name", field.name}, {"type", TypeToJson(field.type)}};
    if (field.description) item["description"] = *field.description;
    fields.push_back(std::move(item));
  }
  Json options = Json::object();
  for (const auto& [key, value] : schema.options) options[key] = value;
  Json json{{"version", 3},
            {"id", schema.id},
            {"fields", std::move(fields)},
            {"highestFieldId", schema.highest_field_id},
            {"partitionKeys", schema.partition_keys},
            {"primaryKeys", schema.primary_keys},
            {"options", std::move(options)}};
  if (schema.comment) json["comment"] = *schema.comment;
  json["timeMillis"] = schema.time_ms;
  return json.dump(2);
}

Result<TableSchema> SchemaFromJson(ByteView text) {
  STROM_ASSIGN(const Json json, ParseJson(text, "Paimon schema"));
  TableSchema schema;
  STROM_ASSIGN(schema.id, JsonInt(json, "id"));
  const auto fields = json.find("fields");
  if (fields == json.end() || !fields->is_array())
    return Err(ErrorCode::kCorrupt, "Paimon schema: no fields");
  for (const Json& item : *fields) {
    Field field;
    STROM_ASSIGN(const int64_t id, JsonInt(item, "id"));
    field.id = static_cast<int32_t>(id);
    STROM_ASSIGN(field.name, JsonString(item, "name"));
    if (!item.contains("type"))
      return Err(ErrorCode::kCorrupt, "Paimon schema: field '{}' has no type", field.name);
    STROM_ASSIGN(field.type, TypeFromJson(item["type"]));
    if (item.contains("description"))
      field.description = JsonOr<std::string>(item, "description", "");
    schema.fields.push_back(std::move(field));
  }
  schema.highest_field_id = JsonOr<int32_t>(json, "highestFieldId", -1);
  schema.partition_keys = JsonStrings(json, "partitionKeys");
  schema.primary_keys = JsonStrings(json, "primaryKeys");
  schema.options = JsonStringMap(json, "options");
  schema.comment = Optional<std::string>(json, "comment");
  schema.time_ms = JsonOr<int64_t>(json, "timeMillis", 0);
  return schema;
}

std::string SnapshotToJson(const Snapshot& snapshot) {
  Json json{{"version", 3},
            {"id", snapshot.id},
            {"schemaId", snapshot.schema_id},
            {"baseManifestList", snapshot.base_manifest_list}};
  if (snapshot.base_manifest_list_size)
    json["baseManifestListSize"] = *snapshot.base_manifest_list_size;
  json["deltaManifestList"] = snapshot.delta_manifest_list;
  if (snapshot.delta_manifest_list_size)
    json["deltaManifestListSize"] = *snapshot.delta_manifest_list_size;
  if (snapshot.changelog_manifest_list)
    json["changelogManifestList"] = *snapshot.changelog_manifest_list;
  if (snapshot.changelog_manifest_list_size)
    json["changelogManifestListSize"] = *snapshot.changelog_manifest_list_size;
  if (snapshot.index_manifest) json["indexManifest"] = *snapshot.index_manifest;
  json["commitUser"] = snapshot.commit_user;
  json["commitIdentifier"] = snapshot.commit_identifier;
  json["commitKind"] = snapshot.commit_kind;
  json["timeMillis"] = snapshot.time_ms;
  json["totalRecordCount"] = snapshot.total_records;
  json["deltaRecordCount"] = snapshot.delta_records;
  if (snapshot.changelog_records) json["changelogRecordCount"] = *snapshot.changelog_records;
  if (snapshot.watermark) json["watermark"] = *snapshot.watermark;
  if (snapshot.statistics) json["statistics"] = *snapshot.statistics;
  if (!snapshot.properties.empty()) {
    Json properties = Json::object();
    for (const auto& [key, value] : snapshot.properties) properties[key] = value;
    json["properties"] = std::move(properties);
  }
  json["nextRowId"] = 0;
  return json.dump(2);
}

Result<Snapshot> SnapshotFromJson(ByteView text) {
  STROM_ASSIGN(const Json json, ParseJson(text, "Paimon snapshot"));
  Snapshot snapshot;
  STROM_ASSIGN(snapshot.id, JsonInt(json, "id"));
  STROM_ASSIGN(snapshot.schema_id, JsonInt(json, "schemaId"));
  STROM_ASSIGN(snapshot.base_manifest_list, JsonString(json, "baseManifestList"));
  STROM_ASSIGN(snapshot.delta_manifest_list, JsonString(json, "deltaManifestList"));
  snapshot.base_manifest_list_size = Optional<int64_t>(json, "baseManifestListSize");
  snapshot.delta_manifest_list_size = Optional<int64_t>(json, "deltaManifestListSize");
  snapshot.changelog_manifest_list = Optional<std::string>(json, "changelogManifestList");
  snapshot.changelog_manifest_list_size = Optional<int64_t>(json, "changelogManifestListSize");
  snapshot.index_manifest = Optional<std::string>(json, "indexManifest");
  snapshot.commit_user = JsonOr<std::string>(json, "commitUser", "");
  snapshot.commit_identifier = JsonOr<int64_t>(json, "commitIdentifier", 0);
  snapshot.commit_kind = JsonOr<std::string>(json, "commitKind", "");
  snapshot.time_ms = JsonOr<int64_t>(json, "timeMillis", 0);
  snapshot.total_records = JsonOr<int64_t>(json, "totalRecordCount", 0);
  snapshot.delta_records = JsonOr<int64_t>(json, "deltaRecordCount", 0);
  snapshot.changelog_records = Optional<int64_t>(json, "changelogRecordCount");
  snapshot.watermark = Optional<int64_t>(json, "watermark");
  snapshot.statistics = Optional<std::string>(json, "statistics");
  snapshot.properties = JsonStringMap(json, "properties");
  return snapshot;
}

std::string ManifestEntry::Identity() const {
  return fmt::format("{}/{}/{}/{}/{}", ToHex(partition), bucket, level, file_name,
                     external_path.value_or(""));
}

bool Less(const record::Value& a, const record::Value& b) {
  if (a.is_null() || b.is_null()) return a.is_null() && !b.is_null();
  if (const auto* x = std::get_if<int64_t>(&a.data)) return *x < b.As<int64_t>();
  if (const auto* x = std::get_if<std::string>(&a.data)) return *x < b.As<std::string>();
  if (const auto* x = std::get_if<bool>(&a.data)) return !*x && b.As<bool>();
  if (const auto* x = std::get_if<float>(&a.data)) return *x < b.As<float>();
  if (const auto* x = std::get_if<double>(&a.data)) return *x < b.As<double>();
  if (const auto* x = std::get_if<record::Decimal>(&a.data))
    return x->unscaled < b.As<record::Decimal>().unscaled;
  if (const auto* x = std::get_if<record::Timestamp>(&a.data)) {
    const auto& y = b.As<record::Timestamp>();
    return x->millis != y.millis ? x->millis < y.millis : x->nanos < y.nanos;
  }
  return false;
}

void MergedEntries::Add(ManifestEntry entry) {
  const std::string identity = entry.Identity();
  if (!entry.is_delete) {
    added_[identity] = entries_.size();
  } else if (const auto it = added_.find(identity); it != added_.end()) {
    entries_[it->second].reset();
    added_.erase(it);
    return;
  }
  entries_.emplace_back(std::move(entry));
}

std::vector<ManifestEntry> MergedEntries::Take() {
  std::vector<ManifestEntry> merged;
  for (auto& entry : entries_) {
    if (entry) merged.push_back(std::move(*entry));
  }
  return merged;
}

Bytes EncodeManifest(const std::vector<ManifestEntry>& entries) {
  AvroFileWriter file(kManifestSchema);
  for (const ManifestEntry& entry : entries) {
    AvroEncoder out;
    out.Long(kManifestVersion)
        .Long(entry.is_delete ? 1 : 0)
        .Binary(entry.partition)
        .Long(entry.bucket)
        .Long(entry.total_buckets);
    out.Binary(entry.file_name)
        .Long(entry.file_size)
        .Long(entry.row_count)
        .Binary(entry.min_key)
        .Binary(entry.max_key);
    EncodeStats(out, entry.key_stats);
    EncodeStats(out, entry.value_stats);
    out.Long(entry.min_sequence)
        .Long(entry.max_sequence)
        .Long(entry.schema_id)
        .Long(entry.level)
        .BlockEnd();
    out.Branch(1)
        .Long(entry.creation_ms)
        .OptionalLong(entry.delete_rows)
        .Branch(0)
        .Branch(1)
        .Long(entry.compacted ? 1 : 0);
    if (entry.value_stats_columns) {
      out.Branch(1).BlockStart(entry.value_stats_columns->size());
      for (const std::string& column : *entry.value_stats_columns) out.Binary(column);
      out.BlockEnd();
    } else {
      out.Branch(0);
    }
    if (entry.external_path) {
      out.Branch(1).Binary(*entry.external_path);
    } else {
      out.Branch(0);
    }
    out.Branch(0).Branch(0);
    file.Append(out);
  }
  return file.Finish();
}

Result<std::vector<ManifestEntry>> DecodeManifest(ByteView bytes) {
  STROM_ASSIGN(const std::vector<AvroValue> records, ReadAvroFile(bytes));
  std::vector<ManifestEntry> entries;
  for (const AvroValue& record : records) {
    ManifestEntry entry;
    entry.is_delete = record["_KIND"].Long() == 1;
    entry.partition = record["_PARTITION"].Text();
    entry.bucket = static_cast<int32_t>(record["_BUCKET"].Long());
    entry.total_buckets = static_cast<int32_t>(record["_TOTAL_BUCKETS"].Long());
    const AvroValue& file = record["_FILE"];
    entry.file_name = file["_FILE_NAME"].Text();
    if (entry.file_name.empty())
      return Err(ErrorCode::kCorrupt, "Paimon manifest: an entry names no file");
    entry.file_size = file["_FILE_SIZE"].Long();
    entry.row_count = file["_ROW_COUNT"].Long();
    entry.min_key = file["_MIN_KEY"].Text();
    entry.max_key = file["_MAX_KEY"].Text();
    entry.key_stats = DecodeStats(file["_KEY_STATS"]);
    entry.value_stats = DecodeStats(file["_VALUE_STATS"]);
    if (!file["_VALUE_STATS_COLS"].is_null()) {
      entry.value_stats_columns.emplace();
      for (const AvroValue& column : file["_VALUE_STATS_COLS"].Items())
        entry.value_stats_columns->push_back(column.Text());
    }
    entry.min_sequence = file["_MIN_SEQUENCE_NUMBER"].Long();
    entry.max_sequence = file["_MAX_SEQUENCE_NUMBER"].Long();
    entry.schema_id = file["_SCHEMA_ID"].Long();
    entry.level = static_cast<int32_t>(file["_LEVEL"].Long());
    entry.creation_ms = file["_CREATION_TIME"].Long();
    entry.compacted = !file["_FILE_SOURCE"].is_null() && file["_FILE_SOURCE"].Long() == 1;
    if (!file["_DELETE_ROW_COUNT"].is_null()) entry.delete_rows = file["_DELETE_ROW_COUNT"].Long();
    if (!file["_EXTERNAL_PATH"].is_null()) entry.external_path = file["_EXTERNAL_PATH"].Text();
    entries.push_back(std::move(entry));
  }
  return entries;
}

Bytes EncodeManifestList(const std::vector<ManifestMeta>& manifests) {
  AvroFileWriter file(kManifestListSchema);
  for (const ManifestMeta& meta : manifests) {
    AvroEncoder out;
    out.Long(kManifestVersion)
        .Binary(meta.file_name)
        .Long(meta.file_size)
        .Long(meta.added_files)
        .Long(meta.deleted_files);
    EncodeStats(out, meta.partition_stats);
    out.Long(meta.schema_id).Branch(0).Branch(0).Branch(0).Branch(0);
    file.Append(out);
  }
  return file.Finish();
}

Result<std::vector<ManifestMeta>> DecodeManifestList(ByteView bytes) {
  STROM_ASSIGN(const std::vector<AvroValue> records, ReadAvroFile(bytes));
  std::vector<ManifestMeta> manifests;
  for (const AvroValue& record : records) {
    manifests.push_back({record["_FILE_NAME"].Text(), record["_FILE_SIZE"].Long(),
                         record["_NUM_ADDED_FILES"].Long(), record["_NUM_DELETED_FILES"].Long(),
                         DecodeStats(record["_PARTITION_STATS"]), record["_SCHEMA_ID"].Long()});
    if (manifests.back().file_name.empty())
      return Err(ErrorCode::kCorrupt, "Paimon manifest list: an entry names no file");
  }
  return manifests;
}

Bytes SerializeRow(size_t arity, ByteView aligned_row) {
  Bytes out;
  AppendBe(out, static_cast<int32_t>(arity));
  out.append(aligned_row);
  return out;
}

Bytes EmptyRow() {
  return SerializeRow(0, Bytes(8, '\0'));
}

Result<ByteView> DeserializeRow(ByteView serialized) {
  if (serialized.size() < 4) return Err(ErrorCode::kCorrupt, "a serialized row is cut");
  return serialized.substr(4);
}

Result<Bytes> EncodeRow(const std::vector<model::DataType>& types, const record::Row& row) {
  STROM_ASSIGN(const Bytes aligned,
               record::EncodeAlignedRow(types, row, record::AlignedNulls::kReserveSpace));
  return SerializeRow(types.size(), aligned);
}

Result<record::Row> DecodeRow(const std::vector<model::DataType>& types, ByteView serialized) {
  STROM_ASSIGN(const ByteView aligned, DeserializeRow(serialized));
  return record::DecodeAlignedRow(types, aligned);
}

}  // namespace strom::lake::paimon
