#pragma once
#include <cstdint>
#include <memory>

namespace duckdb {
class Connection;
struct DBConfig;
}  // namespace duckdb

namespace strom::sql {

/// What a query has before it in Parquet files, and how much of it its filters leave out by the
/// files' statistics. Bytes are those of the columns that it wants, as they lie in the files.
struct RowGroupCount {
  int64_t all = 0;
  int64_t skipped = 0;
  int64_t files = 0;
  int64_t files_skipped = 0;
  int64_t bytes = 0;
  int64_t bytes_skipped = 0;
};

/// Notes the Parquet scans and filters of DuckDB's plans, and counts. DuckDB skips row groups by
/// the same comparison and does not tell. Only sql/ sees this.
class RowGroups {
 public:
  RowGroups();
  ~RowGroups();
  /// Before the database is opened.
  void Watch(duckdb::DBConfig& config);
  /// Notes plans from here on, or none.
  void Begin(bool wanted);
  /// Of the plans since Begin, and the end of noting; reads the footers of their files over
  /// `connection`, which must not be in a query. Filters that come to be while a query runs are not
  /// counted.
  RowGroupCount Count(duckdb::Connection& connection);

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace strom::sql
