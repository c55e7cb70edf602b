#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/result.h"
#include "model/ids.h"
#include "sql/row_groups.h"

namespace strom::client {
struct Cluster;
}

namespace strom::sql {

/// One value of a result: as people read it, and as JSON.
struct Cell {
  bool is_null = false;
  std::string text;
  std::string json;
};

/// Of results that are not DuckDB's.
Cell TextCell(const std::string& text);

struct ResultColumn {
  std::string name;
  std::string type;  // DuckDB's name of it
  bool is_number = false;
};

/// Receives the rows of one statement, in order.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void Begin(const std::vector<ResultColumn>& columns) = 0;
  virtual void Row(const std::vector<Cell>& cells) = 0;
  virtual void End() = 0;
  /// The rows so far are to be seen now, though more may come. False when nobody reads them any
  /// more.
  virtual bool Flush() { return true; }
};

/// What a session may use when it works on a server for somebody else: queries and statements about
/// tables, none about files; rows of the lake only of tables that its user may read.
struct Confinement {
  int64_t memory_bytes = 0;
  std::string spill_dir;  // what does not fit is put there
};

/// What a query read, for the footer of a result.
struct ScanReport {
  std::string table;
  std::optional<int64_t> snapshot_id;
  int64_t lake_rows = 0;
  int64_t lake_files = 0;
  int64_t stream_rows = 0;
  bool lake_only = false;
  std::optional<std::string>
      note;  // something the user should know, e.g. that the lake is still empty
};

struct StatementReport {
  bool has_rows = false;
  int64_t rows = 0;     // returned, or inserted
  std::string message;  // of statements without rows
  std::vector<ScanReport> scans;
  bool explains = false;
  bool interrupted = false;  // a stream was followed until somebody ended it
  /// Of EXPLAIN: what there is in the lake's Parquet files, and what the filters leave out.
  RowGroupCount lake;
  /// Of EXPLAIN ANALYZE: what came of the logs; nothing when no log was read.
  std::optional<int64_t> stream_bytes;
};

/// A SQL session against one cluster: Flink-spelled statements about tables go to the server,
/// everything else to an embedded DuckDB, for which a table is the union of its lake files and of
/// the log from where they end. Each query sees one cut of each table: the registered lake snapshot
/// and the log from its offsets to the high watermarks at the start of the query.
///
/// Blocking; one caller at a time.
class Session {
 public:
  /// Errors: kNetwork, kInvalidArgument.
  static Result<std::unique_ptr<Session>> Open(
      const client::Cluster& cluster, const std::optional<Confinement>& confinement = std::nullopt);
  ~Session();

  /// Runs one statement. Errors: kInvalidArgument (syntax), those of the server, kUnsupported, and
  /// what DuckDB says.
  Result<StatementReport> Run(const std::string& statement, RowSink& sink);
  /// Runs a query and gives its rows as Arrow batches; the schema comes with the first, which may
  /// be empty. Errors: as of Run; kUnsupported for other statements.
  using OnBatch = std::function<Status(const std::shared_ptr<arrow::RecordBatch>&)>;
  Result<StatementReport> RunToArrow(const std::string& statement, const OnBatch& on_batch);
  /// Removes the rows of a primary key table whose keys `query` gives, whose columns are those of
  /// the key. Errors: as of Run.
  Result<StatementReport> DeleteKeys(const model::TablePath& table, const std::string& query);
  /// As USE. Errors: kDatabaseNotExist.
  Status Use(const std::string& database);
  /// Names for completion: databases, tables.
  std::vector<std::string> Names();
  const std::string& current_database() const;
  /// Makes a query in another thread stop soon.
  void Interrupt();

 private:
  class Inner;
  explicit Session(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace strom::sql
