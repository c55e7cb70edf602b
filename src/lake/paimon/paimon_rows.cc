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
#include "lake/paimon/paimon_rows_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::paimon {
namespace {

using model::DataType;
using model::TypeRoot;
using record::FromArrow;

constexpr int32_t kElementIds =
    536870911;                      // where Paimon's ids of list elements and map entries begin
constexpr size_t kStatsChars = 16;  // metadata.stats-mode truncate(16)

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

/// Cuts a text to a number of code points.
std::string Truncate(const std::string& text, size_t code_points) {
  size_t at = 0;
  for (size_t n = 0; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (starts && n++ == code_points) break;
  }
  return text.substr(0, at);
}

/// The least text of at most `code_points` that is not below `text`, or nothing when there is none.
/// Only ASCII ends are raised.
std::optional<std::string> TruncateUp(const std::string& text, size_t code_points) {
  std::string cut = Truncate(text, code_points);
  if (cut.size() == text.size()) return cut;
  while (!cut.empty()) {
    const auto last = static_cast<unsigned char>(cut.back());
    if (last < 0x7e) {
      ++cut.back();
      return cut;
    }
    do {
      cut.pop_back();
    } while (!cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80);
    if (last >= 0x80 && !cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0xc0)
      cut.pop_back();
  }
  return std::nullopt;
}

}  // namespace

Result<std::shared_ptr<arrow::ArrayData>> ConvertColumn(
    const std::shared_ptr<arrow::ArrayData>& data, const std::shared_ptr<arrow::DataType>& type) {
  if (data->type->Equals(*type, /*check_metadata=*/true)) return data;
  auto copy = data->Copy();
  if (type->num_fields() > 0) {
    for (size_t i = 0; i < copy->child_data.size(); ++i) {
      STROM_ASSIGN(copy->child_data[i],
                   ConvertColumn(data->child_data[i], type->field(static_cast<int>(i))->type()));
    }
    copy->type = type;
    return copy;
  }
  const bool only_zone = data->type->id() == arrow::Type::TIMESTAMP &&
                         type->id() == arrow::Type::TIMESTAMP &&
                         static_cast<const arrow::TimestampType&>(*data->type).unit() ==
                             static_cast<const arrow::TimestampType&>(*type).unit();
  if (only_zone) {
    copy->type = type;
    return copy;
  }
  // A naive timestamp gets its zone by relabelling, not by a cast, which would shift it.
  std::shared_ptr<arrow::DataType> cast_to = type;
  if (type->id() == arrow::Type::TIMESTAMP)
    cast_to = arrow::timestamp(static_cast<const arrow::TimestampType&>(*type).unit());
  const auto cast =
      arrow::compute::Cast(arrow::Datum(data), cast_to, arrow::compute::CastOptions::Unsafe());
  STROM_TRY(FromArrow(cast.status(), "convert column"));
  auto converted = cast->array()->Copy();
  converted->type = type;
  return converted;
}

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
      min = {Truncate(min.As<std::string>(), kStatsChars)};
      const auto raised = TruncateUp(max.As<std::string>(), kStatsChars);
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

Result<FileRows> FileRows::Make(const PaimonFiles& files, const TableSchema& schema,
                                const model::Schema& rows, int32_t bucket) {
  FileRows out(schema, bucket);
  arrow::FieldVector fields;
  for (const Field& field : schema.fields) {
    fields.push_back(FileField(field));
    const int at = rows.Find(field.name);
    out.sources_.push_back(at);
    if (at < 0 && !IsSystemColumn(field.name) && !field.type.nullable) {
      return Err(ErrorCode::kInvalidTable,
                 "the lake table {} wants column '{}', which the rows do not have", files.dir(),
                 field.name);
    }
  }
  out.arrow_schema_ = arrow::schema(std::move(fields));
  for (const model::Column& column : rows.columns) {
    if (schema.Find(column.name) == nullptr) {
      return Err(ErrorCode::kInvalidTable, "the lake table {} has no column '{}' yet", files.dir(),
                 column.name);
    }
  }
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> FileRows::Convert(const arrow::RecordBatch& rows,
                                                              int64_t base_offset,
                                                              Millis timestamp) const {
  arrow::ArrayVector columns;
  for (size_t i = 0; i < schema_.fields.size(); ++i) {
    STROM_ASSIGN(auto column, ColumnFor(i, rows, base_offset, timestamp));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(arrow_schema_, rows.num_rows(), std::move(columns));
}

/// All rows of a writer are of one partition, so the first tells which.
Result<Bytes> FileRows::PartitionOf(const arrow::RecordBatch& rows) const {
  const std::vector<DataType> types = schema_.PartitionTypes();
  if (types.empty()) return EmptyRow();
  record::Row values;
  for (size_t i = 0; i < types.size(); ++i) {
    const auto column = rows.GetColumnByName(schema_.partition_keys[i]);
    if (!column)
      return Err(ErrorCode::kInvalidTable, "the rows have no partition column '{}'",
                 schema_.partition_keys[i]);
    STROM_ASSIGN(record::Value value, record::ValueAt(types[i], *column, 0));
    values.push_back(std::move(value));
  }
  return EncodeRow(types, values);
}

Result<std::shared_ptr<arrow::Array>> FileRows::ColumnFor(size_t index,
                                                          const arrow::RecordBatch& rows,
                                                          int64_t base_offset,
                                                          Millis timestamp) const {
  const auto& type = arrow_schema_->field(static_cast<int>(index))->type();
  const auto constant = [&](const arrow::Scalar& value) -> Result<std::shared_ptr<arrow::Array>> {
    auto array = arrow::MakeArrayFromScalar(value, rows.num_rows());
    STROM_TRY(FromArrow(array.status(), "system column"));
    return *array;
  };
  if (sources_[index] >= 0) {
    STROM_ASSIGN(const auto data, ConvertColumn(rows.column(sources_[index])->data(), type));
    return arrow::MakeArray(data);
  }
  const std::string& name = schema_.fields[index].name;
  if (name == kBucketColumn) return constant(arrow::Int32Scalar(bucket_));
  if (name == kTimestampColumn) return constant(arrow::TimestampScalar(timestamp, type));
  if (name == kOffsetColumn) {
    arrow::Int64Builder builder;
    STROM_TRY(FromArrow(builder.Resize(rows.num_rows()), "system column"));
    const int64_t step = base_offset == LakeWriter::kNoOffset ? 0 : 1;
    for (int64_t i = 0; i < rows.num_rows(); ++i) builder.UnsafeAppend(base_offset + i * step);
    auto array = builder.Finish();
    STROM_TRY(FromArrow(array.status(), "system column"));
    return *array;
  }
  auto nulls = arrow::MakeArrayOfNull(type, rows.num_rows());
  STROM_TRY(FromArrow(nulls.status(), "missing column"));
  return *nulls;
}

BucketFiles::BucketFiles(const PaimonFiles& files, const TableSchema& schema, WriterOptions options,
                         int32_t bucket)
    : files_(files),
      schema_(schema),
      options_(std::move(options)),
      bucket_(schema.buckets() < 0 ? 0 : bucket),
      uuid_(NewUuid()) {}

Status BucketFiles::PlaceBy(const FileRows& file_rows, const arrow::RecordBatch& rows) {
  if (!partition_.empty()) return {};
  STROM_ASSIGN(const Bytes partition, file_rows.PartitionOf(rows));
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
