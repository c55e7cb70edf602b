#include "lake/iceberg/iceberg_manifest.h"

#include "base/coding.h"
#include "base/json.h"
#include "lake/file/avro_file.h"
#include "lake/iceberg/iceberg_metadata.h"

namespace strom::lake::iceberg {
namespace {

Json FieldOf(const char* name, int id, Json type) {
  return Json{{"name", name}, {"type", std::move(type)}, {"field-id", id}};
}
Json OptionalField(const std::string& name, int id, Json type) {
  return Json{{"name", name},
              {"type", Json::array({"null", std::move(type)})},
              {"default", nullptr},
              {"field-id", id}};
}
/// A map with int keys, as Avro has none: an array of pairs.
Json MapOf(int key_id, int value_id, const char* value) {
  return Json{{"type", "array"},
              {"items", Json{{"type", "record"},
                             {"name", fmt::format("k{}_v{}", key_id, value_id)},
                             {"fields", Json::array({FieldOf("key", key_id, "int"),
                                                     FieldOf("value", value_id, value)})}}},
              {"logicalType", "map"}};
}
Json ListOf(int element_id, const char* element) {
  return Json{{"type", "array"}, {"items", element}, {"element-id", element_id}};
}

/// The type of a partition field's values.
Type ResultType(const Schema& schema, const PartitionField& field) {
  if (field.transform.starts_with("bucket")) return {"int", {}};
  const Field* const source = schema.FindById(field.source_id);
  return source == nullptr ? Type{"string", {}} : source->type;
}

Json EntrySchema(const Schema& schema, const PartitionSpec& spec) {
  Json partition = Json::array();
  for (const PartitionField& field : spec.fields) {
    const std::string type = ResultType(schema, field).name;
    const bool number = type == "int" || type == "long" || type == "date";
    partition.push_back(OptionalField(field.name, field.field_id,
                                      type == "date" ? "int"
                                      : number       ? type
                                                     : "string"));
  }
  const Json file{
      {"type", "record"},
      {"name", "r2"},
      {"fields",
       Json::array(
           {FieldOf("content", 134, "int"), FieldOf("file_path", 100, "string"),
            FieldOf("file_format", 101, "string"),
            FieldOf("partition", 102,
                    Json{{"type", "record"}, {"name", "r102"}, {"fields", std::move(partition)}}),
            FieldOf("record_count", 103, "long"), FieldOf("file_size_in_bytes", 104, "long"),
            OptionalField("column_sizes", 108, MapOf(117, 118, "long")),
            OptionalField("value_counts", 109, MapOf(119, 120, "long")),
            OptionalField("null_value_counts", 110, MapOf(121, 122, "long")),
            OptionalField("nan_value_counts", 137, MapOf(138, 139, "long")),
            OptionalField("lower_bounds", 125, MapOf(126, 127, "bytes")),
            OptionalField("upper_bounds", 128, MapOf(129, 130, "bytes")),
            OptionalField("key_metadata", 131, "bytes"),
            OptionalField("split_offsets", 132, ListOf(133, "long")),
            OptionalField("equality_ids", 135, ListOf(136, "int")),
            OptionalField("sort_order_id", 140, "int"),
            OptionalField("referenced_data_file", 143, "string")})}};
  return Json{
      {"type", "record"},
      {"name", "manifest_entry"},
      {"fields", Json::array({FieldOf("status", 0, "int"), OptionalField("snapshot_id", 1, "long"),
                              OptionalField("sequence_number", 3, "long"),
                              OptionalField("file_sequence_number", 4, "long"),
                              FieldOf("data_file", 2, file)})}};
}

const Json& ListSchema() {
  static const Json schema = [] {
    const Json summary{{"type", "record"},
                       {"name", "r508"},
                       {"fields", Json::array({FieldOf("contains_null", 509, "boolean"),
                                               OptionalField("contains_nan", 518, "boolean"),
                                               OptionalField("lower_bound", 510, "bytes"),
                                               OptionalField("upper_bound", 511, "bytes")})}};
    return Json{
        {"type", "record"},
        {"name", "manifest_file"},
        {"fields",
         Json::array(
             {FieldOf("manifest_path", 500, "string"), FieldOf("manifest_length", 501, "long"),
              FieldOf("partition_spec_id", 502, "int"), FieldOf("content", 517, "int"),
              FieldOf("sequence_number", 515, "long"), FieldOf("min_sequence_number", 516, "long"),
              FieldOf("added_snapshot_id", 503, "long"), FieldOf("added_files_count", 504, "int"),
              FieldOf("existing_files_count", 505, "int"),
              FieldOf("deleted_files_count", 506, "int"), FieldOf("added_rows_count", 512, "long"),
              FieldOf("existing_rows_count", 513, "long"),
              FieldOf("deleted_rows_count", 514, "long"),
              OptionalField("partitions", 507,
                            Json{{"type", "array"}, {"items", summary}, {"element-id", 508}}),
              OptionalField("key_metadata", 519, "bytes")})}};
  }();
  return schema;
}

void AppendCounts(AvroEncoder& out, const FileEntry::Counts& counts) {
  if (counts.empty()) return void(out.Branch(0));
  out.Branch(1).BlockStart(counts.size());
  for (const auto& [id, count] : counts) out.Long(id).Long(count);
  out.BlockEnd();
}
void AppendBounds(AvroEncoder& out, const FileEntry::Bounds& bounds) {
  if (bounds.empty()) return void(out.Branch(0));
  out.Branch(1).BlockStart(bounds.size());
  for (const auto& [id, bound] : bounds) out.Long(id).Binary(bound);
  out.BlockEnd();
}
void AppendList(AvroEncoder& out, const std::vector<int64_t>& values) {
  if (values.empty()) return void(out.Branch(0));
  out.Branch(1).BlockStart(values.size());
  for (const int64_t value : values) out.Long(value);
  out.BlockEnd();
}
void AppendOptional(AvroEncoder& out, const std::optional<std::string>& bytes) {
  if (!bytes) return void(out.Branch(0));
  out.Branch(1).Binary(*bytes);
}

FileEntry::Counts CountsIn(const AvroValue& value) {
  FileEntry::Counts counts;
  for (const AvroValue& pair : value.Items())
    counts[static_cast<int32_t>(pair["key"].Long())] = pair["value"].Long();
  return counts;
}
FileEntry::Bounds BoundsIn(const AvroValue& value) {
  FileEntry::Bounds bounds;
  for (const AvroValue& pair : value.Items())
    bounds[static_cast<int32_t>(pair["key"].Long())] = pair["value"].Text();
  return bounds;
}
std::vector<int64_t> LongsIn(const AvroValue& value) {
  std::vector<int64_t> longs;
  for (const AvroValue& item : value.Items()) longs.push_back(item.Long());
  return longs;
}
std::optional<int64_t> OptionalLong(const AvroValue& value) {
  return value.is_null() ? std::nullopt : std::optional(value.Long());
}
std::optional<std::string> OptionalText(const AvroValue& value) {
  return value.is_null() ? std::nullopt : std::optional(value.Text());
}

Bytes PartitionBound(const Type& type, const PartitionValue& value) {
  Bytes out;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const int64_t number = std::get<int64_t>(value);
  if (type.name == "long") {
    AppendLe(out, number);
  } else {
    AppendLe(out, static_cast<int32_t>(number));
  }
  return out;
}

}  // namespace

Bytes EncodeManifest(const Schema& schema, const PartitionSpec& spec, bool deletes,
                     const std::vector<FileEntry>& entries) {
  AvroFileWriter file(EntrySchema(schema, spec).dump(),
                      {{"schema", SchemaText(schema)},
                       {"partition-spec", SpecText(spec)},
                       {"partition-spec-id", std::to_string(spec.id)},
                       {"format-version", "2"},
                       {"content", deletes ? "deletes" : "data"}});
  for (const FileEntry& entry : entries) {
    AvroEncoder out;
    out.Long(static_cast<int>(entry.status)).OptionalLong(entry.snapshot_id);
    out.OptionalLong(entry.sequence).OptionalLong(entry.file_sequence);
    out.Long(static_cast<int>(entry.content)).Binary(entry.path).Binary(entry.format);
    for (const PartitionValue& value : entry.partition) {
      if (const auto* number = std::get_if<int64_t>(&value)) {
        out.Branch(1).Long(*number);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        out.Branch(1).Binary(*text);
      } else {
        out.Branch(0);
      }
    }
    out.Long(entry.rows).Long(entry.bytes);
    for (const auto* counts :
         {&entry.column_sizes, &entry.value_counts, &entry.null_counts, &entry.nan_counts})
      AppendCounts(out, *counts);
    AppendBounds(out, entry.lower);
    AppendBounds(out, entry.upper);
    out.Branch(0);  // no key metadata
    AppendList(out, entry.split_offsets);
    AppendList(out, entry.equality_ids);
    out.OptionalLong(entry.sort_order_id);
    AppendOptional(out, entry.referenced_data_file);
    file.Append(out);
  }
  return file.Finish();
}

ManifestFile Summarize(const Schema& schema, const PartitionSpec& spec, bool deletes,
                       const std::vector<FileEntry>& entries) {
  ManifestFile manifest;
  manifest.spec_id = spec.id;
  manifest.deletes = deletes;
  manifest.partitions.resize(spec.fields.size());
  for (const FileEntry& entry : entries) {
    ManifestFile::Count& count = entry.status == FileEntry::Status::kAdded      ? manifest.added
                                 : entry.status == FileEntry::Status::kExisting ? manifest.existing
                                                                                : manifest.deleted;
    ++count.files;
    count.rows += entry.rows;
  }
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    ManifestFile::Summary& summary = manifest.partitions[i];
    const PartitionValue* low = nullptr;
    const PartitionValue* high = nullptr;
    for (const FileEntry& entry : entries) {
      const PartitionValue& value = entry.partition[i];
      if (std::holds_alternative<std::monostate>(value)) {
        summary.contains_null = true;
        continue;
      }
      if (low == nullptr || value < *low) low = &value;
      if (high == nullptr || *high < value) high = &value;
    }
    const Type type = ResultType(schema, spec.fields[i]);
    if (low != nullptr) summary.lower = PartitionBound(type, *low);
    if (high != nullptr) summary.upper = PartitionBound(type, *high);
  }
  return manifest;
}

Result<std::vector<FileEntry>> DecodeManifest(ByteView file, const ManifestFile& manifest,
                                              const PartitionSpec& spec) {
  STROM_ASSIGN(const std::vector<AvroValue> records, ReadAvroFile(file));
  std::vector<FileEntry> entries;
  entries.reserve(records.size());
  for (const AvroValue& record : records) {
    const AvroValue& data = record["data_file"];
    const int64_t status = record["status"].Long(-1);
    const int64_t content = data["content"].Long(0);
    if (status < 0 || status > 2 || content < 0 || content > 2 || data["file_path"].Text().empty())
      return Err(ErrorCode::kCorrupt, "Iceberg manifest: an entry is damaged");
    FileEntry entry;
    entry.status = static_cast<FileEntry::Status>(status);
    entry.snapshot_id = OptionalLong(record["snapshot_id"]).value_or(manifest.added_snapshot_id);
    entry.sequence = OptionalLong(record["sequence_number"]).value_or(manifest.sequence);
    entry.file_sequence = OptionalLong(record["file_sequence_number"]).value_or(manifest.sequence);
    entry.content = static_cast<Content>(content);
    entry.path = data["file_path"].Text();
    entry.format = data["file_format"].Text();
    for (const PartitionField& field : spec.fields) {
      const AvroValue& value = data["partition"][field.name];
      if (const auto* number = std::get_if<int64_t>(&value.data)) {
        entry.partition.emplace_back(*number);
      } else if (const auto* text = std::get_if<std::string>(&value.data)) {
        entry.partition.emplace_back(*text);
      } else if (value.is_null()) {
        entry.partition.emplace_back();
      } else {
        return Err(ErrorCode::kUnsupported,
                   "Iceberg manifest: the partition field '{}' has a type "
                   "that is not known here",
                   field.name);
      }
    }
    entry.rows = data["record_count"].Long();
    entry.bytes = data["file_size_in_bytes"].Long();
    entry.column_sizes = CountsIn(data["column_sizes"]);
    entry.value_counts = CountsIn(data["value_counts"]);
    entry.null_counts = CountsIn(data["null_value_counts"]);
    entry.nan_counts = CountsIn(data["nan_value_counts"]);
    entry.lower = BoundsIn(data["lower_bounds"]);
    entry.upper = BoundsIn(data["upper_bounds"]);
    if (!data["key_metadata"].is_null())
      return Err(ErrorCode::kUnsupported, "Iceberg manifest: encrypted files are not supported");
    entry.split_offsets = LongsIn(data["split_offsets"]);
    entry.equality_ids = LongsIn(data["equality_ids"]);
    if (!data["sort_order_id"].is_null())
      entry.sort_order_id = static_cast<int32_t>(data["sort_order_id"].Long());
    entry.referenced_data_file = OptionalText(data["referenced_data_file"]);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Bytes EncodeManifestList(const ListHead& head, const std::vector<ManifestFile>& manifests) {
  AvroFileWriter file(ListSchema().dump(),
                      {{"snapshot-id", std::to_string(head.snapshot_id)},
                       {"parent-snapshot-id", head.parent ? std::to_string(*head.parent) : "null"},
                       {"sequence-number", std::to_string(head.sequence)},
                       {"format-version", "2"}});
  for (const ManifestFile& manifest : manifests) {
    AvroEncoder out;
    out.Binary(manifest.path).Long(manifest.bytes).Long(manifest.spec_id);
    out.Long(manifest.deletes ? 1 : 0).Long(manifest.sequence).Long(manifest.min_sequence);
    out.Long(manifest.added_snapshot_id);
    for (const auto* count : {&manifest.added, &manifest.existing, &manifest.deleted})
      out.Long(count->files);
    for (const auto* count : {&manifest.added, &manifest.existing, &manifest.deleted})
      out.Long(count->rows);
    out.Branch(1).BlockStart(manifest.partitions.size());
    for (const ManifestFile::Summary& summary : manifest.partitions) {
      out.Bool(summary.contains_null).Branch(0);
      AppendOptional(out, summary.lower);
      AppendOptional(out, summary.upper);
    }
    out.BlockEnd();
    out.Branch(0);  // no key metadata
    file.Append(out);
  }
  return file.Finish();
}

Result<std::vector<ManifestFile>> DecodeManifestList(ByteView file) {
  STROM_ASSIGN(const std::vector<AvroValue> records, ReadAvroFile(file));
  std::vector<ManifestFile> manifests;
  for (const AvroValue& record : records) {
    ManifestFile manifest;
    manifest.path = record["manifest_path"].Text();
    if (manifest.path.empty())
      return Err(ErrorCode::kCorrupt, "Iceberg manifest list: an entry is damaged");
    manifest.bytes = record["manifest_length"].Long();
    manifest.spec_id = static_cast<int32_t>(record["partition_spec_id"].Long());
    manifest.deletes = record["content"].Long() == 1;
    manifest.sequence = record["sequence_number"].Long();
    manifest.min_sequence = record["min_sequence_number"].Long();
    manifest.added_snapshot_id = record["added_snapshot_id"].Long();
    // Writers before 1.4 called the counts otherwise.
    const auto files = [&](const std::string& kind) {
      const AvroValue& now = record[kind + "_files_count"];
      return now.is_null() ? record[kind + "_data_files_count"].Long() : now.Long();
    };
    manifest.added = {files("added"), record["added_rows_count"].Long()};
    manifest.existing = {files("existing"), record["existing_rows_count"].Long()};
    manifest.deleted = {files("deleted"), record["deleted_rows_count"].Long()};
    for (const AvroValue& item : record["partitions"].Items()) {
      const auto* null = std::get_if<bool>(&item["contains_null"].data);
      manifest.partitions.push_back({null != nullptr && *null, OptionalText(item["lower_bound"]),
                                     OptionalText(item["upper_bound"])});
    }
    manifests.push_back(std::move(manifest));
  }
  return manifests;
}

}  // namespace strom::lake::iceberg
