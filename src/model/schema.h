#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/data_type.h"

namespace strom::model {

/// How the aggregation merge engine combines values of a column.
struct AggFunction {
  std::string type;  // lower case, '_' between words
  std::map<std::string, std::string> parameters;
  bool operator==(const AggFunction&) const = default;
};

struct Column {
  std::string name;
  DataType type;
  std::optional<std::string> comment;
  std::optional<AggFunction> agg_function;
  int32_t id = -1;  // stable for the life of the column
  bool operator==(const Column&) const = default;
};

/// A table's columns in declared order, which is the order in all record formats.
///
/// JSON: the published descriptor format, version 1. Invariant after parsing: names and ids are
/// unique, every column has an id, primary key columns exist and are NOT NULL.
struct Schema {
  std::vector<Column> columns;
  std::vector<std::string> primary_key;
  std::vector<std::string> auto_increment;
  int32_t highest_field_id = -1;

  /// Position of a column, or -1.
  int Find(const std::string& name) const;
  /// Position of the column with an id, or -1.
  int FindById(int32_t id) const;
  /// Whether a column is part of the primary key.
  bool IsKey(const std::string& name) const;
  /// Positions of columns that exist.
  std::vector<int> Positions(const std::vector<std::string>& names) const;
  bool operator==(const Schema&) const = default;
};

std::string SchemaToJson(const Schema& schema);
/// Errors: kInvalidTable.
Result<Schema> SchemaFromJson(const std::string& text);

/// `schema` with a column at its end; the column and its nested fields get the next free ids.
/// Errors: kInvalidAlterTable when the name exists or the type is NOT NULL.
Result<Schema> WithColumn(const Schema& schema, Column column);

/// Gives ids to columns (and their nested fields, depth first) that have none yet, from
/// highest_field_id + 1 on.
void AssignIds(Schema& schema);

}  // namespace strom::model
