#pragma once
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/table_writer.h"

namespace strom::sql {

/// "SELECT CAST(..), ..": the table's columns in order, null where `given` does not have them.
/// DuckDB makes the values; the casts give each its column's type, or say which does not fit.
std::string CastRows(const model::Schema& schema, const std::vector<std::string>& given);

/// The positions of columns, ascending.
std::vector<int32_t> SortedPositions(const model::Schema& schema,
                                     const std::vector<std::string>& names);

/// How rows that have the columns `given` are inserted: of a primary key table fewer than all
/// columns are a partial update.
client::TableWriter::Options InsertOptions(const model::TableDescriptor& descriptor,
                                           const std::vector<std::string>& given);

/// Writes rows as the engine gives them to a table; joins small batches, so that what goes to the
/// server is worth a request. One owner.
class RowWriter {
 public:
  static Result<std::unique_ptr<RowWriter>> Open(client::Connection& connection,
                                                 const std::shared_ptr<const client::Table>& table,
                                                 client::TableWriter::Options options);

  /// `rows`: the table's columns in order, as CastRows makes them.
  Status Write(const arrow::RecordBatch& rows);
  /// Waits until everything written is acknowledged.
  Status Flush();
  int64_t rows_acknowledged() const { return writer_->rows_acknowledged(); }

 private:
  RowWriter(std::shared_ptr<arrow::Schema> schema, std::unique_ptr<client::TableWriter> writer)
      : schema_(std::move(schema)), writer_(std::move(writer)) {}
  Status Send();

  const std::shared_ptr<arrow::Schema> schema_;
  const std::unique_ptr<client::TableWriter> writer_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> held_;
  int64_t held_rows_ = 0;
};

}  // namespace strom::sql
