#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace strom::model {

/// The kinds of SQL types that a column can have.
enum class TypeRoot {
  kBoolean,
  kTinyInt,
  kSmallInt,
  kInt,
  kBigInt,
  kFloat,
  kDouble,
  kChar,
  kString,
  kDecimal,
  kDate,
  kTime,
  kTimestamp,
  kTimestampLtz,
  kBinary,
  kBytes,
  kArray,
  kMap,
  kRow
};

struct RowField;

/// A column's type. Only the members that belong to the root carry meaning.
struct DataType {
  TypeRoot root = TypeRoot::kInt;
  bool nullable = true;
  int32_t length = 0;            // CHAR, BINARY
  int32_t precision = 0;         // DECIMAL, TIME, TIMESTAMP, TIMESTAMP_LTZ
  int32_t scale = 0;             // DECIMAL
  std::vector<RowField> fields;  // ARRAY: the element; MAP: key, value; ROW: its fields

  const DataType& element() const;
  const DataType& key() const { return element(); }
  const DataType& value() const;
  bool operator==(const DataType&) const;

  /// As in SQL, "DECIMAL(15, 2) NOT NULL".
  std::string ToString() const;
};

/// A field of a ROW type; ids come from the same counter as those of columns.
struct RowField {
  std::string name;
  DataType type;
  std::optional<std::string> description;
  int32_t id = -1;
  bool operator==(const RowField&) const = default;
};

inline DataType MakeType(TypeRoot root, bool nullable = true) {
  return DataType{.root = root, .nullable = nullable, .fields = {}};
}
inline bool IsNested(TypeRoot root) {
  return root >= TypeRoot::kArray;
}
/// Whether a DECIMAL fits an int64.
inline bool IsCompactDecimal(const DataType& type) {
  return type.precision <= 18;
}
/// Whether a TIMESTAMP is kept as milliseconds alone.
inline bool IsCompactTimestamp(const DataType& type) {
  return type.precision <= 3;
}

/// The JSON form of the published descriptor format, version 1, as compact text.
std::string DataTypeToJson(const DataType& type);
/// Errors: kInvalidTable for anything that is not a valid type.
Result<DataType> DataTypeFromJson(const std::string& text);

}  // namespace strom::model
