#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/bytes.h"
#include "base/result.h"
#include "model/table.h"
#include "record/value.h"

namespace strom::lake::iceberg {

// Schemas and partition specs of Iceberg's table format, version 2 (docs/formats/iceberg.md).

struct Field;
/// "long", "decimal(10, 2)", ...; or "list" (one field: element), "map" (key, value), "struct".
struct Type {
  std::string name;
  std::vector<Field> fields;

  bool is_nested() const { return !fields.empty(); }
  /// As Iceberg prints it, without ids.
  std::string ToString() const;
};
struct Field {
  int32_t id = 0;
  std::string name;
  bool required = false;
  Type type;
  std::string doc;
};

struct Schema {
  int32_t id = 0;
  std::vector<Field> fields;
  std::vector<int32_t> identifier_ids;

  const Field* Find(std::string_view name) const;
  const Field* FindById(int32_t field_id) const;
};

struct PartitionField {
  int32_t source_id = 0;
  int32_t field_id = 0;
  std::string name;
  std::string transform;  // identity, bucket[N]
};
struct PartitionSpec {
  int32_t id = 0;
  std::vector<PartitionField> fields;
};

/// The lake table of a stream table: its columns and the system columns, numbered from 1, nested
/// ones after the top level. Errors: kInvalidTable when it has a type that Iceberg lacks.
Result<Schema> SchemaFor(const model::TableDescriptor& descriptor);
/// Its partitions: the table's own, then its buckets. Errors: kInvalidTable (a partition column
/// that is no text, several bucket keys).
Result<PartitionSpec> SpecFor(const model::TableDescriptor& descriptor, const Schema& schema);
/// The lake's type of a stream type, with ids from `last_id` on. Errors: kInvalidTable.
Result<Type> TypeFor(const model::DataType& type, int32_t& last_id);

/// The columns of a data file, with their ids.
std::shared_ptr<arrow::Schema> FileSchema(const Schema& schema);
/// What the statistics of a column are, as types of the stream have them.
model::DataType StatsType(const Type& type);

/// A partition's value of one field; integers of all widths are int64.
using PartitionValue = std::variant<std::monostate, int64_t, std::string>;
using PartitionTuple = std::vector<PartitionValue>;
/// The folder of a partition below data/: "dt=2026-01-01/id_bucket=1", escaped as Java does.
std::string PartitionPath(const PartitionSpec& spec, const PartitionTuple& partition);

/// A bound of a column as manifests have it; a text is cut to `upper ? the least above : its
/// beginning`. Nothing when there is none.
std::optional<Bytes> EncodeBound(const Type& type, const record::Value& value, bool upper);

}  // namespace strom::lake::iceberg
