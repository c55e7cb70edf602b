#include "model/data_type.h"

#include "base/check.h"
#include "model/json_internal.h"

namespace strom::model {
namespace {

struct RootName {
  TypeRoot root;
  const char* json;
  const char* sql;
};

constexpr RootName kRoots[] = {
    {TypeRoot::kBoolean, "BOOLEAN", "BOOLEAN"},
    {TypeRoot::kTinyInt, "TINYINT", "TINYINT"},
    {TypeRoot::kSmallInt, "SMALLINT", "SMALLINT"},
    {TypeRoot::kInt, "INTEGER", "INT"},
    {TypeRoot::kBigInt, "BIGINT", "BIGINT"},
    {TypeRoot::kFloat, "FLOAT", "FLOAT"},
    {TypeRoot::kDouble, "DOUBLE", "DOUBLE"},
    {TypeRoot::kChar, "CHAR", "CHAR"},
    {TypeRoot::kString, "STRING", "STRING"},
    {TypeRoot::kDecimal, "DECIMAL", "DECIMAL"},
    {TypeRoot::kDate, "DATE", "DATE"},
    {TypeRoot::kTime, "TIME_WITHOUT_TIME_ZONE", "TIME"},
    {TypeRoot::kTimestamp, "TIMESTAMP_WITHOUT_TIME_ZONE", "TIMESTAMP"},
    {TypeRoot::kTimestampLtz, "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "TIMESTAMP_LTZ"},
    {TypeRoot::kBinary, "BINARY", "BINARY"},
    {TypeRoot::kBytes, "BYTES", "BYTES"},
    {TypeRoot::kArray, "ARRAY", "ARRAY"},
    {TypeRoot::kMap, "MAP", "MAP"},
    {TypeRoot::kRow, "ROW", "ROW"},
};

constexpr int kMaxNesting = 32;

const RootName& NamesOf(TypeRoot root) {
  return kRoots[static_cast<size_t>(root)];
}

Result<int32_t> Parameter(const Json& json, const char* key, int32_t low, int32_t high) {
  STROM_ASSIGN(const int64_t value, JsonInt(json, key));
  if (value < low || value > high) {
    return Err(ErrorCode::kInvalidTable, "{} {} of a type is outside {} to {}", key, value, low,
               high);
  }
  return static_cast<int32_t>(value);
}

Result<RowField> FieldFromJson(const Json& json, int depth) {
  RowField field;
  STROM_ASSIGN(field.name, JsonString(json, "name"));
  const auto type = json.find("field_type");
  if (type == json.end())
    return Err(ErrorCode::kInvalidTable, "field '{}' of a ROW has no field_type", field.name);
  STROM_ASSIGN(field.type, DataTypeFromJson(*type, depth + 1));
  if (json.contains("description"))
    field.description = JsonOr<std::string>(json, "description", "");
  field.id = JsonOr<int32_t>(json, "field_id", -1);
  return field;
}

Status ReadParameters(const Json& json, int depth, DataType& type) {
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kBinary: {
      STROM_ASSIGN(type.length, Parameter(json, "length", 1, INT32_MAX));
      return {};
    }
    case TypeRoot::kDecimal: {
      STROM_ASSIGN(type.precision, Parameter(json, "precision", 1, 38));
      STROM_ASSIGN(type.scale, Parameter(json, "scale", 0, type.precision));
      return {};
    }
    case TypeRoot::kTime:
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      STROM_ASSIGN(type.precision, Parameter(json, "precision", 0, 9));
      return {};
    }
    case TypeRoot::kArray: {
      if (!json.contains("element_type"))
        return Err(ErrorCode::kInvalidTable, "an ARRAY has no element_type");
      STROM_ASSIGN(DataType element, DataTypeFromJson(json["element_type"], depth + 1));
      type.fields = {RowField{"element", std::move(element), {}, -1}};
      return {};
    }
    case TypeRoot::kMap: {
      if (!json.contains("key_type")) return Err(ErrorCode::kInvalidTable, "a MAP has no key_type");
      if (!json.contains("value_type"))
        return Err(ErrorCode::kInvalidTable, "a MAP has no value_type");
      STROM_ASSIGN(DataType key, DataTypeFromJson(json["key_type"], depth + 1));
      STROM_ASSIGN(DataType value, DataTypeFromJson(json["value_type"], depth + 1));
      key.nullable = false;
      type.fields = {RowField{"key", std::move(key), {}, -1},
                     RowField{"value", std::move(value), {}, -1}};
      return {};
    }
    case TypeRoot::kRow: {
      const auto fields = json.find("fields");
      if (fields == json.end() || !fields->is_array())
        return Err(ErrorCode::kInvalidTable, "a ROW has no fields");
      for (const Json& item : *fields) {
        STROM_ASSIGN(RowField field, FieldFromJson(item, depth));
        type.fields.push_back(std::move(field));
      }
      return {};
    }
    default: return {};
  }
}

}  // namespace

const DataType& DataType::element() const {
  STROM_CHECK(!fields.empty());
  return fields[0].type;
}

const DataType& DataType::value() const {
  STROM_CHECK(fields.size() == 2);
  return fields[1].type;
}

bool DataType::operator==(const DataType& other) const {
  return root == other.root && nullable == other.nullable && length == other.length &&
         precision == other.precision && scale == other.scale && fields == other.fields;
}

std::string DataType::ToString() const {
  std::string out = NamesOf(root).sql;
  if (root == TypeRoot::kChar || root == TypeRoot::kBinary) out += fmt::format("({})", length);
  if (root == TypeRoot::kDecimal) out += fmt::format("({}, {})", precision, scale);
  if (root == TypeRoot::kTime || root == TypeRoot::kTimestamp || root == TypeRoot::kTimestampLtz) {
    out += fmt::format("({})", precision);
  }
  if (root == TypeRoot::kArray) out += "<" + element().ToString() + ">";
  if (root == TypeRoot::kMap) out += "<" + key().ToString() + ", " + value().ToString() + ">";
  if (root == TypeRoot::kRow) {
    out += "<";
    for (const RowField& field : fields) {
      if (&field != &fields.front()) out += ", ";
      out += "`" + field.name + "` " + field.type.ToString();
    }
    out += ">";
  }
  return nullable ? out : out + " NOT NULL";
}

Json DataTypeToJsonValue(const DataType& type) {
  Json json{{"type", NamesOf(type.root).json}};
  if (!type.nullable) json["nullable"] = false;
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kBinary: json["length"] = type.length; break;
    case TypeRoot::kDecimal:
      json["precision"] = type.precision;
      json["scale"] = type.scale;
      break;
    case TypeRoot::kTime:
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: json["precision"] = type.precision; break;
    case TypeRoot::kArray: json["element_type"] = DataTypeToJsonValue(type.element()); break;
    case TypeRoot::kMap:
      json["key_type"] = DataTypeToJsonValue(type.key());
      json["value_type"] = DataTypeToJsonValue(type.value());
      break;
    case TypeRoot::kRow: {
      Json fields = Json::array();
      for (const RowField& field : type.fields) {
        Json item{{"name", field.name}, {"field_type", DataTypeToJsonValue(field.type)}};
        if (field.description) item["description"] = *field.description;
        item["field_id"] = field.id;
        fields.push_back(std::move(item));
      }
      json["fields"] = std::move(fields);
      break;
    }
    default: break;
  }
  return json;
}

Result<DataType> DataTypeFromJson(const Json& json, int depth) {
  if (depth > kMaxNesting)
    return Err(ErrorCode::kInvalidTable, "a type is nested more than {} deep", kMaxNesting);
  if (!json.is_object()) return Err(ErrorCode::kInvalidTable, "a data type must be a JSON object");
  const std::string name = JsonOr<std::string>(json, "type", "");
  for (const RootName& candidate : kRoots) {
    if (name != candidate.json) continue;
    DataType type;
    type.root = candidate.root;
    type.nullable = JsonOr<bool>(json, "nullable", true);
    if (Status read = ReadParameters(json, depth, type); !read) {
      return Err(ErrorCode::kInvalidTable, "type {}: {}", name, read.error().message);
    }
    return type;
  }
  return Err(ErrorCode::kInvalidTable, "'{}' is no data type", name);
}

std::string DataTypeToJson(const DataType& type) {
  return DataTypeToJsonValue(type).dump();
}

Result<DataType> DataTypeFromJson(const std::string& text) {
  const Result<Json> json = ParseJson(text, "data type");
  if (!json) return Err(ErrorCode::kInvalidTable, "{}", json.error().message);
  return DataTypeFromJson(*json, 0);
}

}  // namespace strom::model
