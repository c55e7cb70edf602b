#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "lake/paimon/paimon_type_internal.h"

namespace strom::lake::paimon {
namespace {

using model::DataType;
using model::TypeRoot;

struct Name {
  const char* text;
  TypeRoot root;
};
constexpr Name kNames[] = {
    {"BOOLEAN", TypeRoot::kBoolean},     {"TINYINT", TypeRoot::kTinyInt},
    {"SMALLINT", TypeRoot::kSmallInt},   {"INT", TypeRoot::kInt},
    {"INTEGER", TypeRoot::kInt},         {"BIGINT", TypeRoot::kBigInt},
    {"FLOAT", TypeRoot::kFloat},         {"DOUBLE", TypeRoot::kDouble},
    {"CHAR", TypeRoot::kChar},           {"VARCHAR", TypeRoot::kString},
    {"STRING", TypeRoot::kString},       {"DECIMAL", TypeRoot::kDecimal},
    {"DATE", TypeRoot::kDate},           {"TIME", TypeRoot::kTime},
    {"TIMESTAMP", TypeRoot::kTimestamp}, {"TIMESTAMP_LTZ", TypeRoot::kTimestampLtz},
    {"BINARY", TypeRoot::kBinary},       {"VARBINARY", TypeRoot::kBytes},
    {"BYTES", TypeRoot::kBytes}};
constexpr std::string_view kNotNull = " NOT NULL";
constexpr std::string_view kWithZone = " WITH LOCAL TIME ZONE";

Result<DataType> FromText(std::string text) {
  DataType type;
  if (text.ends_with(kNotNull)) {
    type.nullable = false;
    text.resize(text.size() - kNotNull.size());
  }
  const bool zoned = text.ends_with(kWithZone);
  if (zoned) text.resize(text.size() - kWithZone.size());
  std::vector<int32_t> numbers;
  if (const size_t open = text.find('('); open != std::string::npos) {
    for (const std::string& part : Split(text.substr(open + 1, text.find(')') - open - 1), ',')) {
      const std::string_view word = Trim(part);
      int32_t number = 0;
      std::from_chars(word.data(), word.data() + word.size(), number);
      numbers.push_back(number);
    }
    text.resize(open);
  }
  const auto* const it =
      std::ranges::find(kNames, text, [](const Name& n) { return std::string_view(n.text); });
  if (it == std::end(kNames))
    return Err(ErrorCode::kUnsupported, "Paimon type '{}' is not supported", text);
  type.root = zoned ? TypeRoot::kTimestampLtz : it->root;
  const auto number = [&](size_t i, int32_t fallback) {
    return i < numbers.size() ? numbers[i] : fallback;
  };
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kBinary: type.length = number(0, 1); break;
    case TypeRoot::kDecimal:
      type.precision = number(0, 10);
      type.scale = number(1, 0);
      break;
    case TypeRoot::kTime: type.precision = number(0, 0); break;
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: type.precision = number(0, 6); break;
    default: break;
  }
  return type;
}

}  // namespace

Json TypeToJson(const DataType& type) {
  const std::string suffix(type.nullable ? "" : kNotNull);
  switch (type.root) {
    case TypeRoot::kArray:
      return Json{{"type", "ARRAY" + suffix}, {"element", TypeToJson(type.element())}};
    case TypeRoot::kMap:
      return Json{{"type", "MAP" + suffix},
                  {"key", TypeToJson(type.key())},
                  {"value", TypeToJson(type.value())}};
    case TypeRoot::kRow: {
      Json fields = Json::array();
      for (const model::RowField& field : type.fields) {
        Json item{{"id", field.id}, {"name", field.name}, {"type", TypeToJson(field.type)}};
        if (field.description) item["description"] = *field.description;
        fields.push_back(std::move(item));
      }
      return Json{{"type", "ROW" + suffix}, {"fields", std::move(fields)}};
    }
    case TypeRoot::kTime:
      return Json("TIME(0)" +
                  suffix);  // the published mapping; the milliseconds are kept in the data
    case TypeRoot::kTimestampLtz:
      return Json(fmt::format("TIMESTAMP({}){}{}", type.precision, kWithZone, suffix));
    default: return Json(type.ToString());
  }
}

Result<DataType> TypeFromJson(const Json& json) {
  if (json.is_string()) return FromText(json.get<std::string>());
  STROM_ASSIGN(std::string name, JsonString(json, "type"));
  DataType type;
  if (name.ends_with(kNotNull)) {
    type.nullable = false;
    name.resize(name.size() - kNotNull.size());
  }
  const auto child = [&](const char* key, const char* field_name) -> Status {
    if (!json.contains(key)) return Err(ErrorCode::kCorrupt, "Paimon type {} has no {}", name, key);
    STROM_ASSIGN(DataType inner, TypeFromJson(json[key]));
    type.fields.push_back({field_name, std::move(inner), {}, -1});
    return {};
  };
  if (name == "ARRAY") {
    type.root = TypeRoot::kArray;
    STROM_TRY(child("element", "element"));
  } else if (name == "MAP") {
    type.root = TypeRoot::kMap;
    STROM_TRY(child("key", "key"));
    STROM_TRY(child("value", "value"));
  } else if (name == "ROW" && json.contains("fields") && json["fields"].is_array()) {
    type.root = TypeRoot::kRow;
    for (const Json& item : json["fields"]) {
      model::RowField field;
      STROM_ASSIGN(field.name, JsonString(item, "name"));
      if (!item.contains("type"))
        return Err(ErrorCode::kCorrupt, "Paimon type: field '{}' has no type", field.name);
      STROM_ASSIGN(field.type, TypeFromJson(item["type"]));
      field.id = JsonOr<int32_t>(item, "id", -1);
      type.fields.push_back(std::move(field));
    }
  } else {
    return Err(ErrorCode::kUnsupported, "Paimon type '{}' is not supported", name);
  }
  return type;
}

}  // namespace strom::lake::paimon
