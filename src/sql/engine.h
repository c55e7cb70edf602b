#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/result.h"
#include "sql/session.h"

namespace strom::sql {

/// DuckDB behind a wall of our own types: only engine.cc sees its headers.
class Engine {
 public:
  /// A query that stands for a table, and what it is called in the statement.
  struct Resolved {
    std::string query;
    std::string alias;
  };
  /// Turns a table's name into such a query, or nothing when it is no table of the cluster.
  using Resolve = std::function<Result<std::optional<Resolved>>(const std::string& database,
                                                                const std::string& table)>;
  /// What a query wants of a scan. `equal`: columns that must have a value; rows that differ may be
  /// given all the same, they are filtered afterwards.
  struct ScanRequest {
    std::string id;
    std::vector<std::string> columns;
    std::map<std::string, std::variant<int64_t, std::string>> equal;
  };
  /// Opens what `strom_scan('id')` reads. Any thread.
  using OpenScan =
      std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>(const ScanRequest& request)>;
  /// The full schema of a scan.
  using ScanSchema = std::function<Result<std::shared_ptr<arrow::Schema>>(const std::string& id)>;
  struct Hooks {
    Resolve resolve;
    OpenScan open_scan;
    ScanSchema scan_schema;
  };

  static Result<std::unique_ptr<Engine>> Open(
      Hooks hooks, const std::optional<Confinement>& confinement = std::nullopt);
  virtual ~Engine() = default;

  /// Runs a statement and gives its rows to `sink`; returns their number. `row_groups`: of the
  /// Parquet files in its plan, whose footers are read for it; nobody asks when it is null.
  virtual Result<int64_t> Run(const std::string& statement, RowSink& sink,
                              RowGroupCount* row_groups = nullptr) = 0;
  /// Runs a query and gives its rows as Arrow batches, at least one.
  using OnBatch = std::function<Status(const std::shared_ptr<arrow::RecordBatch>&)>;
  virtual Status RunToArrow(const std::string& query, const OnBatch& on_batch) = 0;
  /// Errors: kUnsupported when `query` works over more than the row at hand.
  virtual Status CheckStateless(const std::string& query) = 0;
  virtual void Interrupt() = 0;
  /// Of a confined engine: a file that it may read. Any thread.
  virtual void AllowFile(const std::string& path) = 0;
};

}  // namespace strom::sql
