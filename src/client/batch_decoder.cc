#include "client/batch_decoder.h"

#include <numeric>

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "record/arrow_batch.h"

namespace strom::client {
namespace {

/// A batch older than a column makes the server refuse the projection, so a table with several
/// schemas is read whole.
std::optional<std::vector<int32_t>> ServerProjection(const model::TableInfo& info,
                                                     std::vector<int32_t> columns) {
  if (info.options.log_format != model::LogFormat::kArrow || info.schema_id != 1)
    return std::nullopt;
  std::ranges::sort(columns);
  if (columns.empty())
    columns.push_back(0);  // a count needs rows, not values; one column must be named
  if (columns.size() == info.descriptor.schema.columns.size()) return std::nullopt;
  return columns;
}

}  // namespace

BatchDecoder::BatchDecoder(Connection& connection, std::shared_ptr<const Table> table,
                           std::optional<std::vector<int32_t>> columns)
    : connection_(connection), table_(std::move(table)) {
  if (columns) {
    columns_ = std::move(*columns);
  } else {
    columns_.resize(table_->info.descriptor.schema.columns.size());
    std::iota(columns_.begin(), columns_.end(), 0);
  }
  projection_ = ServerProjection(table_->info, columns_);
}

Result<std::optional<ScannedBatch>> BatchDecoder::Decode(const record::LogBatchView& batch,
                                                         bool projected, int64_t start,
                                                         int64_t stop) const {
  if (batch.record_count() == 0) return std::nullopt;
  STROM_ASSIGN(const auto written, connection_.GetSchema(*table_, batch.schema_id()));
  model::Schema stored = *written;
  if (projected) {
    std::vector<model::Column> kept;
    for (const int32_t column : *projection_)
      kept.push_back(stored.columns[static_cast<size_t>(column)]);
    stored.columns = std::move(kept);
  }
  STROM_ASSIGN(record::DecodedBatch decoded,
               record::DecodeLogBatch(batch, table_->info.options.log_format, stored));

  // Into the current schema, by column id, with the columns that were asked for.
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const int32_t column : columns_) {
    const model::Column& wanted =
        table_->info.descriptor.schema.columns[static_cast<size_t>(column)];
    fields.push_back(record::ToArrowField(wanted.name, wanted.type));
    if (const int source = stored.FindById(wanted.id); source >= 0) {
      arrays.push_back(decoded.rows->column(source));
      continue;
    }
    auto nulls = arrow::MakeArrayOfNull(fields.back()->type(), decoded.rows->num_rows());
    STROM_TRY(record::FromArrow(nulls.status(), "column added later"));
    arrays.push_back(*nulls);
  }
  ScannedBatch scanned{
      batch.base_offset(), batch.timestamp(),
      arrow::RecordBatch::Make(arrow::schema(fields), decoded.rows->num_rows(), std::move(arrays)),
      std::move(decoded.changes)};
  const int64_t begin = std::max<int64_t>(0, start - batch.base_offset());
  const int64_t end = std::min<int64_t>(scanned.rows->num_rows(), stop - batch.base_offset());
  if (begin >= end) return std::nullopt;
  if (begin > 0 || end < scanned.rows->num_rows()) {
    scanned.rows = scanned.rows->Slice(begin, end - begin);
    scanned.base_offset += begin;
    if (!scanned.changes.empty()) {
      scanned.changes = {scanned.changes.begin() + begin, scanned.changes.begin() + end};
    }
  }
  return scanned;
}

}  // namespace strom::client
