#include "sql/row_writer.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "base/text.h"
#include "record/arrow_batch.h"
#include "sql/engine_types.h"
#include "sql/lexer.h"

namespace strom::sql {

std::string CastRows(const model::Schema& schema, const std::vector<std::string>& given) {
  std::vector<std::string> selected;
  for (const model::Column& column : schema.columns) {
    const bool there = std::ranges::find(given, column.name) != given.end();
    selected.push_back(fmt::format("CAST({} AS {})", there ? QuoteName(column.name) : "NULL",
                                   EngineTypeName(column.type)));
  }
  return "SELECT " + Join(selected, ", ");
}

std::vector<int32_t> SortedPositions(const model::Schema& schema,
                                     const std::vector<std::string>& names) {
  const std::vector<int> positions = schema.Positions(names);
  std::vector<int32_t> sorted(positions.begin(), positions.end());
  std::ranges::sort(sorted);
  return sorted;
}

client::TableWriter::Options InsertOptions(const model::TableDescriptor& descriptor,
                                           const std::vector<std::string>& given) {
  client::TableWriter::Options options;
  if (descriptor.has_primary_key() && given.size() < descriptor.schema.columns.size())
    options.target_columns = SortedPositions(descriptor.schema, given);
  return options;
}

Result<std::unique_ptr<RowWriter>> RowWriter::Open(
    client::Connection& connection, const std::shared_ptr<const client::Table>& table,
    client::TableWriter::Options options) {
  STROM_ASSIGN(auto writer, client::TableWriter::Open(connection, table, std::move(options)));
  return std::unique_ptr<RowWriter>(
      new RowWriter(record::ToArrowSchema(table->info.descriptor.schema), std::move(writer)));
}

Status RowWriter::Write(const arrow::RecordBatch& rows) {
  constexpr int64_t kRows = 16384;
  arrow::ArrayVector columns;
  for (int i = 0; i < schema_->num_fields(); ++i) {
    STROM_ASSIGN(auto column, CastTo(rows.column(i), schema_->field(i)->type()));
    columns.push_back(std::move(column));
  }
  held_.push_back(arrow::RecordBatch::Make(schema_, rows.num_rows(), std::move(columns)));
  held_rows_ += rows.num_rows();
  return held_rows_ >= kRows ? Send() : Status();
}

Status RowWriter::Send() {
  if (held_.empty()) return {};
  const auto joined = arrow::ConcatenateRecordBatches(held_);
  held_.clear();
  held_rows_ = 0;
  STROM_TRY(record::FromArrow(joined.status(), "insert"));
  return writer_->Write(**joined);
}

Status RowWriter::Flush() {
  STROM_TRY(Send());
  return writer_->Flush();
}

}  // namespace strom::sql
