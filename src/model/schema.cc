#include "model/schema.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "model/json_internal.h"

namespace strom::model {
namespace {

void AssignNestedIds(DataType& type, int32_t& highest) {
  for (RowField& field : type.fields) {
    if (type.root == TypeRoot::kRow) field.id = ++highest;
    AssignNestedIds(field.type, highest);
  }
}

Status CollectIds(const DataType& type, std::set<int32_t>& ids) {
  for (const RowField& field : type.fields) {
    if (type.root == TypeRoot::kRow && field.id >= 0 && !ids.insert(field.id).second) {
      return Err(ErrorCode::kInvalidTable, "field id {} of '{}' is used twice", field.id,
                 field.name);
    }
    STROM_TRY(CollectIds(field.type, ids));
  }
  return {};
}

bool HasNestedWithoutId(const DataType& type) {
  return std::ranges::any_of(type.fields, [&](const RowField& field) {
    return (type.root == TypeRoot::kRow && field.id < 0) || HasNestedWithoutId(field.type);
  });
}

Result<Column> ColumnFromJson(const Json& json) {
  Column column;
  STROM_ASSIGN(column.name, JsonString(json, "name"));
  const auto type = json.find("data_type");
  if (type == json.end())
    return Err(ErrorCode::kInvalidTable, "column '{}' has no data_type", column.name);
  auto parsed = DataTypeFromJson(*type, 0);
  if (!parsed) return std::unexpected(parsed.error().In(fmt::format("column '{}'", column.name)));
  column.type = std::move(*parsed);
  if (json.contains("comment")) column.comment = JsonOr<std::string>(json, "comment", "");
  if (const auto agg = json.find("agg_function"); agg != json.end() && agg->is_object()) {
    AggFunction function;
    STROM_ASSIGN(const std::string name, JsonString(*agg, "type"));
    function.type = ToLower(name);
    std::ranges::replace(function.type, '-', '_');
    STROM_ASSIGN(function.parameters, PropertiesFromJson(*agg, "parameters"));
    column.agg_function = std::move(function);
  }
  column.id = JsonOr<int32_t>(json, "id", -1);
  return column;
}

Status CheckIds(Schema& schema) {
  const auto with_id =
      std::ranges::count_if(schema.columns, [](const Column& c) { return c.id >= 0; });
  if (with_id != 0 && static_cast<size_t>(with_id) != schema.columns.size()) {
    return Err(ErrorCode::kInvalidTable, "either all columns have an id or none");
  }
  if (with_id == 0) {  // as written before ids existed: positions
    for (size_t i = 0; i < schema.columns.size(); ++i)
      schema.columns[i].id = static_cast<int32_t>(i);
  }
  std::set<int32_t> ids;
  for (const Column& column : schema.columns) {
    if (!ids.insert(column.id).second) {
      return Err(ErrorCode::kInvalidTable, "column id {} of '{}' is used twice", column.id,
                 column.name);
    }
    STROM_TRY(CollectIds(column.type, ids));
  }
  const int32_t largest = ids.empty() ? -1 : *ids.rbegin();
  if (schema.highest_field_id < 0) schema.highest_field_id = largest;
  if (largest > schema.highest_field_id) {
    return Err(ErrorCode::kInvalidTable, "highest_field_id {} is below id {}",
               schema.highest_field_id, largest);
  }
  for (Column& column : schema.columns) {
    if (HasNestedWithoutId(column.type)) AssignNestedIds(column.type, schema.highest_field_id);
  }
  return {};
}

Status CheckKeys(Schema& schema) {
  std::set<std::string> seen;
  for (const std::string& name : schema.primary_key) {
    const int position = schema.Find(name);
    if (position < 0)
      return Err(ErrorCode::kInvalidTable, "primary key column '{}' does not exist", name);
    if (!seen.insert(name).second)
      return Err(ErrorCode::kInvalidTable, "primary key names '{}' twice", name);
    schema.columns[static_cast<size_t>(position)].type.nullable = false;
  }
  if (schema.auto_increment.empty()) return {};
  if (schema.auto_increment.size() > 1)
    return Err(ErrorCode::kInvalidTable, "only one column can be auto-increment");
  const std::string& name = schema.auto_increment[0];
  const int position = schema.Find(name);
  if (position < 0)
    return Err(ErrorCode::kInvalidTable, "auto-increment column '{}' does not exist", name);
  const TypeRoot root = schema.columns[static_cast<size_t>(position)].type.root;
  if (root != TypeRoot::kInt && root != TypeRoot::kBigInt) {
    return Err(ErrorCode::kInvalidTable, "auto-increment column '{}' must be INT or BIGINT", name);
  }
  if (schema.primary_key.empty())
    return Err(ErrorCode::kInvalidTable, "auto-increment needs a primary key");
  if (seen.contains(name))
    return Err(ErrorCode::kInvalidTable, "auto-increment column '{}' is in the primary key", name);
  return {};
}

}  // namespace

int Schema::Find(const std::string& name) const {
  const auto it = std::ranges::find(columns, name, &Column::name);
  return it == columns.end() ? -1 : static_cast<int>(it - columns.begin());
}

int Schema::FindById(int32_t id) const {
  const auto it = std::ranges::find(columns, id, &Column::id);
  return it == columns.end() ? -1 : static_cast<int>(it - columns.begin());
}

bool Schema::IsKey(const std::string& name) const {
  return std::ranges::find(primary_key, name) != primary_key.end();
}

std::vector<int> Schema::Positions(const std::vector<std::string>& names) const {
  std::vector<int> positions;
  for (const std::string& name : names) positions.push_back(Find(name));
  return positions;
}

Json PropertiesToJson(const Properties& properties) {
  Json json = Json::object();
  for (const auto& [key, value] : properties) json[key] = value;
  return json;
}

Result<Properties> PropertiesFromJson(const Json& object, const char* key) {
  Properties properties;
  const auto it = object.find(key);
  if (it == object.end()) return properties;
  if (!it->is_object()) return Err(ErrorCode::kInvalidTable, "'{}' must be an object", key);
  for (const auto& [name, value] : it->items()) {
    if (!value.is_string())
      return Err(ErrorCode::kInvalidTable, "'{}' of {} must be a string", name, key);
    properties[name] = value.get<std::string>();
  }
  return properties;
}

Result<std::vector<std::string>> StringsFromJson(const Json& object, const char* key) {
  std::vector<std::string> strings;
  const auto it = object.find(key);
  if (it == object.end()) return strings;
  if (!it->is_array()) return Err(ErrorCode::kInvalidTable, "'{}' must be a list", key);
  for (const Json& item : *it) {
    if (!item.is_string())
      return Err(ErrorCode::kInvalidTable, "'{}' must be a list of strings", key);
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

Json SchemaToJsonValue(const Schema& schema) {
  Json columns = Json::array();
  for (const Column& column : schema.columns) {
    Json item{{"name", column.name}, {"data_type", DataTypeToJsonValue(column.type)}};
    if (column.comment) item["comment"] = *column.comment;
    if (column.agg_function) {
      Json agg{{"type", column.agg_function->type}};
      if (!column.agg_function->parameters.empty())
        agg["parameters"] = PropertiesToJson(column.agg_function->parameters);
      item["agg_function"] = std::move(agg);
    }
    item["id"] = column.id;
    columns.push_back(std::move(item));
  }
  Json json{{"version", 1}, {"columns", std::move(columns)}};
  if (!schema.primary_key.empty()) json["primary_key"] = schema.primary_key;
  if (!schema.auto_increment.empty()) json["auto_increment_column"] = schema.auto_increment;
  json["highest_field_id"] = schema.highest_field_id;
  return json;
}

Result<Schema> SchemaFromJsonValue(const Json& json) {
  const auto columns = json.find("columns");
  if (columns == json.end() || !columns->is_array())
    return Err(ErrorCode::kInvalidTable, "the schema has no columns");
  Schema schema;
  std::set<std::string> names;
  for (const Json& item : *columns) {
    if (!item.is_object()) return Err(ErrorCode::kInvalidTable, "a column must be an object");
    STROM_ASSIGN(Column column, ColumnFromJson(item));
    if (!names.insert(column.name).second)
      return Err(ErrorCode::kInvalidTable, "column '{}' exists twice", column.name);
    schema.columns.push_back(std::move(column));
  }
  if (schema.columns.empty()) return Err(ErrorCode::kInvalidTable, "the schema has no columns");
  STROM_ASSIGN(schema.primary_key, StringsFromJson(json, "primary_key"));
  STROM_ASSIGN(schema.auto_increment, StringsFromJson(json, "auto_increment_column"));
  schema.highest_field_id = JsonOr<int32_t>(json, "highest_field_id", -1);
  STROM_TRY(CheckIds(schema));
  STROM_TRY(CheckKeys(schema));
  return schema;
}

std::string SchemaToJson(const Schema& schema) {
  return SchemaToJsonValue(schema).dump();
}

Result<Schema> SchemaFromJson(const std::string& text) {
  STROM_ASSIGN(const Json json, ParseJson(text, "schema"));
  return SchemaFromJsonValue(json);
}

void AssignIds(Schema& schema) {
  for (Column& column : schema.columns) {
    if (column.id >= 0) continue;
    column.id = ++schema.highest_field_id;
    AssignNestedIds(column.type, schema.highest_field_id);
  }
}

Result<Schema> WithColumn(const Schema& schema, Column column) {
  if (schema.Find(column.name) >= 0) {
    return Err(ErrorCode::kInvalidAlterTable, "column '{}' already exists", column.name);
  }
  if (!column.type.nullable) {
    return Err(ErrorCode::kInvalidAlterTable,
               "column '{}' must be nullable: rows written before have no value for it",
               column.name);
  }
  Schema next = schema;
  column.id = -1;
  next.columns.push_back(std::move(column));
  AssignIds(next);
  return next;
}

}  // namespace strom::model
