#include "testing/vectors.h"

#include <bit>
#include <fstream>
#include <iterator>

#include "base/bytes.h"
#include "base/check.h"

namespace strom::testing {

using model::TypeRoot;
using record::Value;

namespace {

int64_t IntegerOf(const Json& value) {
  return value.is_string() ? std::stoll(value.get<std::string>()) : value.get<int64_t>();
}

__int128 BigIntegerOf(const std::string& text) {
  __int128 number = 0;
  for (const char c : text) {
    if (c != '-') number = number * 10 + (c - '0');
  }
  return text.starts_with('-') ? -number : number;
}

}  // namespace

Json LoadVectors(const std::string& name) {
  std::ifstream file(std::string(STROM_TEST_DATA) + "/vectors/" + name + ".json");
  STROM_CHECK(file.is_open());
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto json = ParseJson(text, name);
  STROM_CHECK(json.has_value());
  return std::move(*json);
}

std::vector<model::DataType> TypesOf(const Json& types) {
  std::vector<model::DataType> out;
  for (const Json& type : types) {
    auto parsed = model::DataTypeFromJson(type.dump());
    STROM_CHECK(parsed.has_value());
    out.push_back(std::move(*parsed));
  }
  return out;
}

Value ValueOf(const model::DataType& type, const Json& value) {
  if (value.is_null()) return {};
  switch (type.root) {
    case TypeRoot::kBoolean: return {value.get<bool>()};
    case TypeRoot::kFloat:
      return {std::bit_cast<float>(
          static_cast<uint32_t>(std::stoul(value["bits"].get<std::string>(), nullptr, 16)))};
    case TypeRoot::kDouble:
      return {std::bit_cast<double>(std::stoull(value["bits"].get<std::string>(), nullptr, 16))};
    case TypeRoot::kChar:
    case TypeRoot::kString: return {value.get<std::string>()};
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return {FromHex(value["hex"].get<std::string>())};
    case TypeRoot::kDecimal:
      return {record::Decimal{BigIntegerOf(value["unscaled"].get<std::string>())}};
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz:
      return {record::Timestamp{IntegerOf(value["millis"]),
                                static_cast<int32_t>(IntegerOf(value["nano_of_milli"]))}};
    case TypeRoot::kArray: {
      record::Nested items;
      for (const Json& item : value) items.push_back(ValueOf(type.element(), item));
      return {std::move(items)};
    }
    case TypeRoot::kMap: {
      record::Nested items;
      for (const Json& pair : value) {
        items.push_back(ValueOf(type.key(), pair[0]));
        items.push_back(ValueOf(type.value(), pair[1]));
      }
      return {std::move(items)};
    }
    case TypeRoot::kRow: {
      record::Nested items;
      for (size_t i = 0; i < type.fields.size(); ++i)
        items.push_back(ValueOf(type.fields[i].type, value[i]));
      return {std::move(items)};
    }
    default: return {IntegerOf(value)};
  }
}

record::Row RowOf(const std::vector<model::DataType>& types, const Json& values) {
  record::Row row;
  for (size_t i = 0; i < types.size(); ++i) row.push_back(ValueOf(types[i], values[i]));
  return row;
}

}  // namespace strom::testing
