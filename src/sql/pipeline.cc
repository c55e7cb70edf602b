#include "sql/pipeline.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include "base/text.h"
#include "sql/lexer.h"

namespace strom::sql {

Status Pipeline::Open() {
  const model::TableDescriptor& descriptor = table_->info.descriptor;
  client::TableWriter::Options options = InsertOptions(descriptor, columns_);
  client::TableWriter::Options deletes = options;
  STROM_ASSIGN(writer_, RowWriter::Open(connection_, table_, std::move(options)));
  if (!descriptor.has_primary_key()) return {};
  deletes.deletes = true;
  STROM_ASSIGN(deleter_, RowWriter::Open(connection_, table_, std::move(deletes)));
  return {};
}

Status Pipeline::Take(Engine& engine, const std::string& query) {
  if (!writer_) STROM_TRY(Open());
  const int64_t rows_before = rows_;
  Status written = Write(engine, query);
  if (!written) {
    // A writer that failed takes no more: others write what is repeated.
    writer_.reset();
    deleter_.reset();
    rows_ = rows_before;
  }
  return written;
}

Status Pipeline::Write(Engine& engine, const std::string& query) {
  std::vector<std::string> names;
  for (const std::string& column : columns_) names.push_back(QuoteName(column));
  const std::string rows = CastRows(table_->info.descriptor.schema, columns_) + ", __op FROM (" +
                           query + ") AS source(__op, " + Join(names, ", ") + ")";
  const auto write = [&](const std::shared_ptr<arrow::RecordBatch>& batch) -> Status {
    const auto& ops =
        static_cast<const arrow::StringArray&>(*batch->column(batch->num_columns() - 1));
    // Runs of one kind, in their order.
    for (int64_t begin = 0; begin < batch->num_rows();) {
      int64_t end = begin + 1;
      while (end < batch->num_rows() && ops.GetView(end) == ops.GetView(begin)) ++end;
      const auto op = ops.GetView(begin);
      if (op != "+I" && !deleter_) {
        return Err(ErrorCode::kUnsupported,
                   "{} is a log: rows are appended to it, and changes of rows (a {}) cannot be",
                   table_->info.path.ToString(), std::string(op));
      }
      // What an update replaces goes by the row that comes.
      if (op != "-U") STROM_TRY(WriteRun(*batch->Slice(begin, end - begin), op == "-D"));
      begin = end;
    }
    return {};
  };
  STROM_TRY(engine.RunToArrow(rows, write));
  STROM_TRY(writer_->Flush());
  return deleter_ ? deleter_->Flush() : Status();
}

Status Pipeline::WriteRun(const arrow::RecordBatch& rows, bool deletes) {
  rows_ += rows.num_rows();
  // One after the other: they may be about the same keys.
  if (!deletes) {
    if (deleter_) STROM_TRY(deleter_->Flush());
    return writer_->Write(rows);
  }
  STROM_TRY(writer_->Flush());
  return deleter_->Write(rows);
}

}  // namespace strom::sql
