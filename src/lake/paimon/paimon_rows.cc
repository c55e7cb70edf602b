#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "base/uuid.h"
#include "lake/file/text_bounds.h"
#include "lake/paimon/paimon_rows_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::paimon {
namespace {

using model::DataType;
using model::TypeRoot;
using record::FromArrow;

constexpr int32_t kElementIds =
    536870911;  // where Paimon's ids of list elements and map entries begin

std::shared_ptr<arrow::Field> WithId(const std::shared_ptr<arrow::Field>& field, int32_t id) {
  return field->WithMetadata(arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
}

/// The Arrow type whose Parquet form is Paimon's.
std::shared_ptr<arrow::DataType> FileType(const DataType& type, int32_t field_id, int32_t depth) {
  switch (type.root) {
    case TypeRoot::kBinary: return arrow::binary();
    case TypeRoot::kTime: return arrow::time32(arrow::TimeUnit::MILLI);
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      const auto unit = type.precision <= 3   ? arrow::TimeUnit::MILLI
                        : type.precision <= 6 ? arrow::TimeUnit::MICRO
                                              : arrow::TimeUnit::NANO;
      return type.root == TypeRoot::kTimestamp ? arrow::timestamp(unit)
                                               : arrow::timestamp(unit, "UTC");
    }
    case TypeRoot::kArray: {
      const auto element = arrow::field("element", FileType(type.element(), field_id, depth + 1),
                                        type.element().nullable);
      return arrow::list(WithId(element, kElementIds + field_id * 1024 + depth + 1));
    }
    case TypeRoot::kMap: {
      const auto key = arrow::field("key", FileType(type.key(), field_id, depth + 1), false);
      const auto value =
          arrow::field("value", FileType(type.value(), field_id, depth + 1), type.value().nullable);
      return std::make_shared<arrow::MapType>(
          WithId(key, kElementIds - (field_id * 1024 + depth + 1)),
          WithId(value, kElementIds + field_id * 1024 + depth + 1));
    }
    case TypeRoot::kRow: {
      arrow::FieldVector fields;
      for (const model::RowField& field : type.fields) {
        fields.push_back(
            WithId(arrow::field(field.name, FileType(field.type, field.id, 0), field.type.nullable),
                   field.id));
      }
      return arrow::struct_(fields);
    }
    default: return record::ToArrowType(type);
  }
}

}  // namespace

std::shared_ptr<arrow::Field> FileField(const Field& field) {
  return WithId(arrow::field(field.name, FileType(field.type, field.id, 0), field.type.nullable),
                field.id);
}

Result<EntryStats> StatsOf(std::span<const Field> fields,
                           std::span<const std::optional<ColumnStats>> columns) {
  EntryStats out;
  std::vector<DataType> types;
  std::vector<std::string> names;
  record::Row low;
  record::Row high;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i]) continue;
    const Field& field = fields[i];
    DataType type = field.type;
    type.nullable = true;
    types.push_back(type);
    names.push_back(field.name);
    out.stats.null_counts.push_back(columns[i]->null_count);
    record::Value min = columns[i]->min.value_or(record::Value{});
    record::Value max = columns[i]->max.value_or(record::Value{});
    if (!min.is_null() && (type.root == TypeRoot::kString || type.root == TypeRoot::kChar)) {
      min = {Truncate(min.As<std::string>(), kBoundChars)};
      const auto raised = TruncateUp(max.As<std::string>(), kBoundChars);
      max = raised ? record::Value{*raised} : record::Value{};
      if (!raised) min = {};
    }
    low.push_back(std::move(min));
    high.push_back(std::move(max));
  }
  STROM_ASSIGN(out.stats.min, EncodeRow(types, low));
  STROM_ASSIGN(out.stats.max, EncodeRow(types, high));
  if (names.size() != fields.size()) out.names = std::move(names);
  return out;
}

std::shared_ptr<arrow::Schema> FileSchema(const TableSchema& schema) {
  arrow::FieldVector fields;
  for (const Field& field : schema.fields) fields.push_back(FileField(field));
  return arrow::schema(std::move(fields));
}

namespace {

/// All rows of a writer are of one partition, so the first tells which.
Result<Bytes> PartitionOf(const TableSchema& schema, const arrow::RecordBatch& rows) {
  const std::vector<DataType> types = schema.PartitionTypes();
  if (types.empty()) return EmptyRow();
  record::Row values;
  for (size_t i = 0; i < types.size(); ++i) {
    const auto column = rows.GetColumnByName(schema.partition_keys[i]);
    if (!column)
      return Err(ErrorCode::kInvalidTable, "the rows have no partition column '{}'",
                 schema.partition_keys[i]);
    STROM_ASSIGN(record::Value value, record::ValueAt(types[i], *column, 0));
    values.push_back(std::move(value));
  }
  return EncodeRow(types, values);
}

}  // namespace

BucketFiles::BucketFiles(const PaimonFiles& files, const TableSchema& schema, WriterOptions options,
                         int32_t bucket)
    : files_(files),
      schema_(schema),
      options_(std::move(options)),
      bucket_(schema.buckets() < 0 ? 0 : bucket),
      uuid_(NewUuid()) {}

Status BucketFiles::PlaceBy(const arrow::RecordBatch& rows) {
  if (!partition_.empty()) return {};
  STROM_ASSIGN(const Bytes partition, PartitionOf(schema_, rows));
  return PlaceAt(partition);
}

Status BucketFiles::PlaceAt(const Bytes& partition) {
  partition_ = partition;
  STROM_ASSIGN(partition_dir_, PaimonFiles::PartitionDir(schema_, partition_));
  return {};
}

BucketFiles::Place BucketFiles::Next(const std::string& prefix) {
  std::string name = fmt::format("{}{}-{}.{}", prefix, uuid_, counter_++, options_.file.format);
  std::string path = files_.DataFilePath(partition_dir_, bucket_, name);
  return {std::move(name), std::move(path)};
}

ManifestEntry BucketFiles::EntryOf(const std::string& name, const FinishedFile& finished) const {
  ManifestEntry entry;
  entry.partition = partition_;
  entry.bucket = bucket_;
  entry.total_buckets = schema_.buckets();
  entry.file_name = name;
  entry.file_size = finished.bytes;
  entry.row_count = finished.rows;
  entry.schema_id = schema_.id;
  entry.creation_ms = SystemClock().Now();
  return entry;
}

Result<ManifestEntry> BucketFiles::EntryOfRows(const std::string& name,
                                               const FinishedFile& finished) const {
  ManifestEntry entry = EntryOf(name, finished);
  STROM_ASSIGN(EntryStats stats, StatsOf(schema_.fields, finished.columns));
  entry.value_stats = std::move(stats.stats);
  entry.value_stats_columns = std::move(stats.names);
  entry.delete_rows = 0;
  return entry;
}

}  // namespace strom::lake::paimon
