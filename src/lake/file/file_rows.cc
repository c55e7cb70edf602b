#include "lake/file/file_rows.h"

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "lake/conventions.h"
#include "lake/lake.h"
#include "record/arrow_batch.h"

namespace strom::lake {

using record::FromArrow;

namespace {

/// Nanoseconds as microseconds, rounded to the past as a cast does not; nothing for other types.
std::optional<Result<std::shared_ptr<arrow::ArrayData>>> MicrosOfNanos(
    const arrow::ArrayData& data, const arrow::DataType& type) {
  const auto unit = [](const arrow::DataType& t) {
    return static_cast<const arrow::TimestampType&>(t).unit();
  };
  if (data.type->id() != arrow::Type::TIMESTAMP || type.id() != arrow::Type::TIMESTAMP ||
      unit(*data.type) != arrow::TimeUnit::NANO || unit(type) != arrow::TimeUnit::MICRO)
    return std::nullopt;
  const auto convert = [&]() -> Result<std::shared_ptr<arrow::ArrayData>> {
    auto buffer = arrow::AllocateBuffer(data.length * static_cast<int64_t>(sizeof(int64_t)));
    STROM_TRY(FromArrow(buffer.status(), "convert column"));
    auto* const micros = reinterpret_cast<int64_t*>((*buffer)->mutable_data());
    const auto* const nanos = data.GetValues<int64_t>(1);
    for (int64_t i = 0; i < data.length; ++i)
      micros[i] = nanos[i] / 1000 - (nanos[i] % 1000 < 0 ? 1 : 0);
    auto valid = data.buffers[0];
    if (valid && data.offset != 0) {
      auto copied = arrow::internal::CopyBitmap(arrow::default_memory_pool(), valid->data(),
                                                data.offset, data.length);
      STROM_TRY(FromArrow(copied.status(), "convert column"));
      valid = *copied;
    }
    return arrow::ArrayData::Make(
        arrow::timestamp(arrow::TimeUnit::MICRO,
                         static_cast<const arrow::TimestampType&>(type).timezone()),
        data.length, {std::move(valid), std::shared_ptr<arrow::Buffer>(std::move(*buffer))});
  };
  return convert();
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
  if (const auto micros = MicrosOfNanos(*data, *type)) return *micros;
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

Result<std::shared_ptr<arrow::RecordBatch>> InSchema(const arrow::RecordBatch& rows,
                                                     const std::shared_ptr<arrow::Schema>& schema) {
  arrow::ArrayVector columns;
  for (const auto& field : schema->fields()) {
    const auto column = rows.GetColumnByName(field->name());
    if (column) {
      STROM_ASSIGN(const auto data, ConvertColumn(column->data(), field->type()));
      columns.push_back(arrow::MakeArray(data));
      continue;
    }
    auto nulls = arrow::MakeArrayOfNull(field->type(), rows.num_rows());
    STROM_TRY(FromArrow(nulls.status(), "missing column"));
    columns.push_back(std::move(*nulls));
  }
  return arrow::RecordBatch::Make(schema, rows.num_rows(), std::move(columns));
}

Result<FileRows> FileRows::Make(const std::string& table, std::shared_ptr<arrow::Schema> file,
                                const model::Schema& rows, int32_t bucket) {
  FileRows out(std::move(file), bucket);
  for (const auto& field : out.schema_->fields()) {
    const int at = rows.Find(field->name());
    out.sources_.push_back(at);
    if (at < 0 && !IsSystemColumn(field->name()) && !field->nullable()) {
      return Err(ErrorCode::kInvalidTable,
                 "the lake table {} wants column '{}', which the rows do not have", table,
                 field->name());
    }
  }
  for (const model::Column& column : rows.columns) {
    if (out.schema_->GetFieldIndex(column.name) < 0) {
      return Err(ErrorCode::kInvalidTable, "the lake table {} has no column '{}' yet", table,
                 column.name);
    }
  }
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> FileRows::Convert(const arrow::RecordBatch& rows,
                                                              int64_t base_offset,
                                                              Millis timestamp) const {
  arrow::ArrayVector columns;
  for (size_t i = 0; i < sources_.size(); ++i) {
    STROM_ASSIGN(auto column, ColumnFor(i, rows, base_offset, timestamp));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(schema_, rows.num_rows(), std::move(columns));
}

Result<std::shared_ptr<arrow::Array>> FileRows::ColumnFor(size_t index,
                                                          const arrow::RecordBatch& rows,
                                                          int64_t base_offset,
                                                          Millis timestamp) const {
  const auto& type = schema_->field(static_cast<int>(index))->type();
  const auto constant = [&](const arrow::Scalar& value) -> Result<std::shared_ptr<arrow::Array>> {
    auto array = arrow::MakeArrayFromScalar(value, rows.num_rows());
    STROM_TRY(FromArrow(array.status(), "system column"));
    return *array;
  };
  if (sources_[index] >= 0) {
    STROM_ASSIGN(const auto data, ConvertColumn(rows.column(sources_[index])->data(), type));
    return arrow::MakeArray(data);
  }
  const std::string& name = schema_->field(static_cast<int>(index))->name();
  if (name == kBucketColumn) return constant(arrow::Int32Scalar(bucket_));
  if (name == kTimestampColumn) {
    const auto unit = static_cast<const arrow::TimestampType&>(*type).unit();
    return constant(arrow::TimestampScalar(
        unit == arrow::TimeUnit::MICRO ? timestamp * 1000 : timestamp, type));
  }
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

}  // namespace strom::lake
