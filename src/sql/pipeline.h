#pragma once
#include <memory>
#include <string>
#include <vector>

#include "sql/row_writer.h"
#include "sql/stream_query.h"

namespace strom::sql {

/// INSERT INTO a table of what a stream gives: insertions and new rows of updates are written, of a
/// primary key table the rows that go are deleted. Each piece is acknowledged before the next is
/// taken. One owner.
class Pipeline final : public StreamTarget {
 public:
  /// `columns`: those that the query gives, in its order.
  Pipeline(client::Connection& connection, std::shared_ptr<const client::Table> table,
           std::vector<std::string> columns)
      : connection_(connection), table_(std::move(table)), columns_(std::move(columns)) {}

  Status Open();
  Status Take(Engine& engine, const std::string& query) override;
  void Limit(std::optional<int64_t> rows) override { limit_ = rows; }
  bool done() const override { return limit_ && rows_ >= *limit_; }
  int64_t rows() const override { return rows_; }
  bool may_repeat() const override { return table_->info.descriptor.has_primary_key(); }

 private:
  Status Write(Engine& engine, const std::string& query);
  Status WriteRun(const arrow::RecordBatch& rows, bool deletes);

  client::Connection& connection_;
  const std::shared_ptr<const client::Table> table_;
  const std::vector<std::string> columns_;
  std::unique_ptr<RowWriter> writer_;
  std::unique_ptr<RowWriter> deleter_;  // of key tables
  std::optional<int64_t> limit_;
  int64_t rows_ = 0;
};

}  // namespace strom::sql
