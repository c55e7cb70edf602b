#include "lake/iceberg/iceberg_metadata.h"

#include <set>

#include "base/json.h"
#include "base/uuid.h"
#include "lake/conventions.h"
#include "lake/iceberg/iceberg_json_internal.h"
#include "model/duration.h"

namespace strom::lake::iceberg {
namespace {

constexpr int kMaxDepth = 32;
constexpr int32_t kUnpartitionedLastId = 999;
constexpr int32_t kSortOrderId = 1;

Json ToJson(const Type& type) {
  if (type.name == "list") {
    const Field& element = type.fields[0];
    return Json{{"type", "list"},
                {"element-id", element.id},
                {"element", ToJson(element.type)},
                {"element-required", element.required}};
  }
  if (type.name == "map") {
    const Field& value = type.fields[1];
    return Json{
        {"type", "map"},        {"key-id", type.fields[0].id}, {"key", ToJson(type.fields[0].type)},
        {"value-id", value.id}, {"value", ToJson(value.type)}, {"value-required", value.required}};
  }
  if (type.name != "struct") return type.name;
  Json fields = Json::array();
  for (const Field& field : type.fields) {
    fields.push_back(Json{{"id", field.id},
                          {"name", field.name},
                          {"required", field.required},
                          {"type", ToJson(field.type)}});
    if (!field.doc.empty()) fields.back()["doc"] = field.doc;
  }
  return Json{{"type", "struct"}, {"fields", std::move(fields)}};
}

int32_t LastIdIn(const std::vector<Field>& fields) {
  int32_t last = 0;
  for (const Field& field : fields) last = std::max({last, field.id, LastIdIn(field.type.fields)});
  return last;
}

std::unexpected<Error> Bad(const char* what) {
  return Err(ErrorCode::kCorrupt, "Iceberg metadata: {}", what);
}

Result<int32_t> IdIn(const Json& json, const char* key) {
  STROM_ASSIGN(const int64_t id, JsonInt(json, key));
  if (!std::in_range<int32_t>(id)) return Bad("an id is out of range");
  return static_cast<int32_t>(id);
}

Result<Type> TypeFrom(const Json& json, int depth);

Result<Field> FieldFrom(const Json& json, const char* id, const std::string& name, const char* type,
                        bool required, int depth) {
  Field field{0, name, required, {}, JsonOr<std::string>(json, "doc", "")};
  STROM_ASSIGN(field.id, IdIn(json, id));
  if (!json.contains(type)) return Bad("a field has no type");
  STROM_ASSIGN(field.type, TypeFrom(json[type], depth + 1));
  return field;
}

Result<std::vector<Field>> FieldsFrom(const Json& json, int depth) {
  const auto list = json.find("fields");
  if (list == json.end() || !list->is_array()) return Bad("a struct has no fields");
  std::vector<Field> fields;
  for (const Json& item : *list) {
    if (!item.is_object()) return Bad("a field is no object");
    STROM_ASSIGN(const std::string name, JsonString(item, "name"));
    STROM_ASSIGN(Field field,
                 FieldFrom(item, "id", name, "type", JsonOr(item, "required", false), depth));
    fields.push_back(std::move(field));
  }
  return fields;
}

Result<Type> TypeFrom(const Json& json, int depth) {
  if (depth > kMaxDepth) return Bad("types are nested too deeply");
  if (json.is_string()) return Type{json.get<std::string>(), {}};
  if (!json.is_object()) return Bad("a type is neither a name nor an object");
  Type type;
  STROM_ASSIGN(type.name, JsonString(json, "type"));
  if (type.name == "struct") {
    STROM_ASSIGN(type.fields, FieldsFrom(json, depth));
  } else if (type.name == "list") {
    STROM_ASSIGN(Field element, FieldFrom(json, "element-id", "element", "element",
                                          JsonOr(json, "element-required", false), depth));
    type.fields.push_back(std::move(element));
  } else if (type.name == "map") {
    STROM_ASSIGN(Field key, FieldFrom(json, "key-id", "key", "key", true, depth));
    STROM_ASSIGN(Field value, FieldFrom(json, "value-id", "value", "value",
                                        JsonOr(json, "value-required", false), depth));
    type.fields.push_back(std::move(key));
    type.fields.push_back(std::move(value));
  } else {
    return Bad("a type is unknown");
  }
  if (type.fields.empty()) return Bad("a nested type has no fields");
  return type;
}

Result<Schema> SchemaFrom(const Json& json) {
  Schema schema;
  if (!json.is_object()) return Bad("a schema is no object");
  STROM_ASSIGN(schema.id, IdIn(json, "schema-id"));
  STROM_ASSIGN(schema.fields, FieldsFrom(json, 0));
  if (const auto ids = json.find("identifier-field-ids"); ids != json.end() && ids->is_array()) {
    for (const Json& id : *ids) {
      if (HoldsInteger<int32_t>(id)) schema.identifier_ids.push_back(id.get<int32_t>());
    }
  }
  return schema;
}

Result<PartitionSpec> SpecFrom(const Json& json) {
  PartitionSpec spec;
  STROM_ASSIGN(spec.id, IdIn(json, "spec-id"));
  const auto fields = json.find("fields");
  if (fields == json.end() || !fields->is_array()) return Bad("a partition spec has no fields");
  for (const Json& item : *fields) {
    PartitionField field;
    STROM_ASSIGN(field.name, JsonString(item, "name"));
    STROM_ASSIGN(field.transform, JsonString(item, "transform"));
    STROM_ASSIGN(field.source_id, IdIn(item, "source-id"));
    STROM_ASSIGN(field.field_id, IdIn(item, "field-id"));
    spec.fields.push_back(std::move(field));
  }
  return spec;
}

Result<Snapshot> SnapshotFrom(const Json& json) {
  Snapshot snapshot;
  STROM_ASSIGN(snapshot.id, JsonInt(json, "snapshot-id"));
  STROM_ASSIGN(snapshot.sequence, JsonInt(json, "sequence-number"));
  STROM_ASSIGN(snapshot.time_ms, JsonInt(json, "timestamp-ms"));
  STROM_ASSIGN(snapshot.manifest_list, JsonString(json, "manifest-list"));
  if (json.contains("parent-snapshot-id")) {
    STROM_ASSIGN(snapshot.parent, JsonInt(json, "parent-snapshot-id"));
  }
  snapshot.summary = JsonStringMap(json, "summary");
  snapshot.schema_id = JsonOr<int32_t>(json, "schema-id", 0);
  return snapshot;
}

/// The items of the array below `key`, read by `read`.
template <class Read>
Status ForEach(const Json& json, const char* key, Read read) {
  const auto list = json.find(key);
  if (list == json.end()) return {};
  if (!list->is_array()) return Bad("a list is no array");
  for (const Json& item : *list) {
    if (!item.is_object()) return Bad("an item of a list is no object");
    STROM_TRY(read(item));
  }
  return {};
}

/// The document as JSON, with `previous_file` in its log and a time that never goes back.
Result<Json> NextOf(const TableMetadata& metadata, const std::string& previous_file, Millis now) {
  STROM_ASSIGN(Json json, ParseJson(metadata.document(), "Iceberg metadata"));
  const auto before = JsonOr<int64_t>(json, "last-updated-ms", 0);
  for (const char* list : {"metadata-log", "snapshot-log", "snapshots", "schemas"}) {
    if (!json[list].is_array()) json[list] = Json::array();
  }
  if (!json["refs"].is_object()) json["refs"] = Json::object();
  Json& log = json["metadata-log"];
  log.push_back(Json{{"timestamp-ms", before}, {"metadata-file", previous_file}});
  const auto kept = model::ParseInteger(
      metadata.Property("write.metadata.previous-versions-max", "100"), 1, 1'000'000);
  while (log.size() > static_cast<size_t>(kept.value_or(100))) log.erase(log.begin());
  json["last-updated-ms"] = std::max(before, now);
  return json;
}

}  // namespace

Json ToJson(const Schema& schema) {
  Json json{{"type", "struct"}, {"schema-id", schema.id}};
  if (!schema.identifier_ids.empty()) json["identifier-field-ids"] = schema.identifier_ids;
  json["fields"] = ToJson(Type{"struct", schema.fields})["fields"];
  return json;
}

Json FieldsOf(const PartitionSpec& spec) {
  Json fields = Json::array();
  for (const PartitionField& field : spec.fields) {
    fields.push_back(Json{{"name", field.name},
                          {"transform", field.transform},
                          {"source-id", field.source_id},
                          {"field-id", field.field_id}});
  }
  return fields;
}

Json ToJson(const Snapshot& snapshot) {
  Json json{{"sequence-number", snapshot.sequence}, {"snapshot-id", snapshot.id}};
  if (snapshot.parent) json["parent-snapshot-id"] = *snapshot.parent;
  json["timestamp-ms"] = snapshot.time_ms;
  json["summary"] = snapshot.summary;
  json["manifest-list"] = snapshot.manifest_list;
  json["schema-id"] = snapshot.schema_id;
  return json;
}

Json SortOrderOf(const Schema& schema) {
  const Json field{{"transform", "identity"},
                   {"source-id", schema.Find(kOffsetColumn)->id},
                   {"direction", "asc"},
                   {"null-order", "nulls-first"}};
  return Json{{"order-id", kSortOrderId}, {"fields", Json::array({field})}};
}

std::string Snapshot::operation() const {
  const auto it = summary.find("operation");
  return it == summary.end() ? std::string() : it->second;
}

int64_t Snapshot::Number(const std::string& key) const {
  const auto it = summary.find(key);
  if (it == summary.end()) return 0;
  return model::ParseInteger(it->second, 0, INT64_MAX).value_or(0);
}

std::string SchemaText(const Schema& schema) {
  return ToJson(schema).dump();
}
std::string SpecText(const PartitionSpec& spec) {
  return FieldsOf(spec).dump();
}

Result<TableMetadata> TableMetadata::Parse(Bytes document) {
  STROM_ASSIGN(const Json json, ParseJson(document, "Iceberg metadata"));
  if (!json.is_object()) return Bad("it is no object");
  TableMetadata out;
  STROM_ASSIGN(const int64_t version, JsonInt(json, "format-version"));
  if (version != 2)
    return Err(ErrorCode::kUnsupported, "Iceberg format version {} is not supported; 2 is",
               version);
  STROM_ASSIGN(out.location_, JsonString(json, "location"));
  STROM_ASSIGN(out.uuid_, JsonString(json, "table-uuid"));
  STROM_ASSIGN(out.last_sequence_, JsonInt(json, "last-sequence-number"));
  STROM_ASSIGN(out.last_column_id_, IdIn(json, "last-column-id"));
  STROM_ASSIGN(out.current_schema_, IdIn(json, "current-schema-id"));
  STROM_ASSIGN(out.default_spec_, IdIn(json, "default-spec-id"));
  STROM_TRY(ForEach(json, "schemas", [&](const Json& item) -> Status {
    STROM_ASSIGN(Schema schema, SchemaFrom(item));
    out.schemas_[schema.id] = std::move(schema);
    return {};
  }));
  STROM_TRY(ForEach(json, "partition-specs", [&](const Json& item) -> Status {
    STROM_ASSIGN(PartitionSpec spec, SpecFrom(item));
    out.specs_[spec.id] = std::move(spec);
    return {};
  }));
  STROM_TRY(ForEach(json, "snapshots", [&](const Json& item) -> Status {
    STROM_ASSIGN(Snapshot snapshot, SnapshotFrom(item));
    out.snapshots_.push_back(std::move(snapshot));
    return {};
  }));
  out.properties_ = JsonStringMap(json, "properties");
  if (const auto id = JsonOr<int64_t>(json, "current-snapshot-id", -1); id != -1) out.current_ = id;
  if (const auto refs = json.find("refs"); refs != json.end() && refs->is_object())
    out.has_other_refs_ = refs->size() > (refs->contains("main") ? 1 : 0);
  STROM_TRY(ForEach(json, "metadata-log", [&](const Json& item) -> Status {
    out.log_.push_back(JsonOr<std::string>(item, "metadata-file", ""));
    return {};
  }));
  if (!out.schemas_.contains(out.current_schema_)) return Bad("its current schema is missing");
  if (!out.specs_.contains(out.default_spec_)) return Bad("its default partition spec is missing");
  if (out.current_ && out.current() == nullptr) return Bad("its current snapshot is missing");
  out.document_ = std::move(document);
  return out;
}

Result<TableMetadata> TableMetadata::Create(const New& table, Millis now) {
  const Json json{
      {"format-version", 2},
      {"table-uuid", NewUuid()},
      {"location", table.location},
      {"last-sequence-number", 0},
      {"last-updated-ms", now},
      {"last-column-id", LastIdIn(table.schema.fields)},
      {"current-schema-id", table.schema.id},
      {"schemas", Json::array({ToJson(table.schema)})},
      {"default-spec-id", table.spec.id},
      {"partition-specs",
       Json::array({Json{{"spec-id", table.spec.id}, {"fields", FieldsOf(table.spec)}}})},
      {"last-partition-id", kUnpartitionedLastId + static_cast<int32_t>(table.spec.fields.size())},
      {"default-sort-order-id", kSortOrderId},
      {"sort-orders", Json::array({SortOrderOf(table.schema)})},
      {"properties", table.properties},
      {"current-snapshot-id", -1},
      {"refs", Json::object()},
      {"snapshots", Json::array()},
      {"statistics", Json::array()},
      {"partition-statistics", Json::array()},
      {"snapshot-log", Json::array()},
      {"metadata-log", Json::array()}};
  return Parse(json.dump(2));
}

std::string TableMetadata::Property(const std::string& key, const std::string& fallback) const {
  const auto it = properties_.find(key);
  return it == properties_.end() ? fallback : it->second;
}

const Snapshot* TableMetadata::Find(int64_t snapshot_id) const {
  const auto it = std::ranges::find(snapshots_, snapshot_id, &Snapshot::id);
  return it == snapshots_.end() ? nullptr : &*it;
}

namespace {

void Apply(const AddSnapshot& change, Json& json) {
  const Snapshot& snapshot = change.snapshot;
  json["last-sequence-number"] = snapshot.sequence;
  json["current-snapshot-id"] = snapshot.id;
  json["refs"]["main"] = Json{{"snapshot-id", snapshot.id}, {"type", "branch"}};
  json["snapshots"].push_back(ToJson(snapshot));
  json["snapshot-log"].push_back(
      Json{{"timestamp-ms", json["last-updated-ms"]}, {"snapshot-id", snapshot.id}});
}

void Apply(const SetSchema& change, Json& json) {
  Schema next = change.schema;
  next.id = 0;
  for (const Json& item : json["schemas"])
    next.id = std::max(next.id, JsonOr<int32_t>(item, "schema-id", 0) + 1);
  json["last-column-id"] =
      std::max(JsonOr<int32_t>(json, "last-column-id", 0), LastIdIn(next.fields));
  json["current-schema-id"] = next.id;
  json["schemas"].push_back(ToJson(next));
}

void Apply(const RemoveSnapshots& change, Json& json) {
  const std::set<int64_t> gone(change.ids.begin(), change.ids.end());
  const auto is_gone = [&](const Json& item) {
    return gone.contains(JsonOr<int64_t>(item, "snapshot-id", -1));
  };
  Json kept = Json::array();
  for (const Json& item : json["snapshots"]) {
    if (!is_gone(item)) kept.push_back(item);
  }
  json["snapshots"] = std::move(kept);
  // The log begins anew after the newest snapshot that is gone: before it, it would have a gap.
  Json log = Json::array();
  for (const Json& item : json["snapshot-log"]) {
    if (is_gone(item)) {
      log.clear();
    } else {
      log.push_back(item);
    }
  }
  json["snapshot-log"] = std::move(log);
}

}  // namespace

Result<TableMetadata> TableMetadata::With(const MetadataChange& change,
                                          const std::string& previous_file, Millis now) const {
  STROM_ASSIGN(Json json, NextOf(*this, previous_file, now));
  std::visit([&](const auto& one) { Apply(one, json); }, change);
  return Parse(json.dump(2));
}

}  // namespace strom::lake::iceberg
