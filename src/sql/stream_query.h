#pragma once
#include <atomic>
#include <string>

#include "client/connection.h"
#include "sql/engine.h"
#include "sql/faces.h"
#include "sql/session.h"

namespace strom::sql {

/// A SELECT that follows a table: its history first, from the lake as far as it goes, then each
/// change as it comes, every row once. One caller; ends when `stop` is set, its LIMIT is reached,
/// or nobody reads on.
class StreamQuery {
 public:
  struct Context {
    client::Connection& connection;
    Engine& engine;
    Faces& faces;
    Scans& scans;
    const std::atomic<bool>& stop;
  };
  explicit StreamQuery(Context context) : context_(context) {}

  /// Runs `query` (in DuckDB's spelling) to its end. Errors: kUnsupported, those of the server and
  /// the lake; kLogOffsetOutOfRange when retention overtook it.
  Result<StatementReport> Run(const std::string& query, RowSink& sink);

 private:
  struct Piece;
  class Output;
  Status Evaluate(const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows, Output& output);
  /// What there was, as insertions; `positions`: where the stream goes on.
  Status History(Output& output);
  Status KeyHistory(Output& output);
  Status Follow(Output& output);
  Result<std::shared_ptr<arrow::RecordBatch>> WithOps(
      const arrow::RecordBatch& rows, std::span<const record::ChangeType> changes) const;

  Context context_;
  std::string query_;
  StreamSource source_;
};

}  // namespace strom::sql
