#pragma once
#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "client/connection.h"
#include "sql/engine.h"
#include "sql/faces.h"
#include "sql/session.h"

namespace strom::sql {

/// Takes what a stream gives, piece by piece.
class StreamTarget {
 public:
  virtual ~StreamTarget() = default;
  /// Runs `query` over the rows at hand and takes its rows; the first column tells what happened to
  /// each.
  virtual Status Take(Engine& engine, const std::string& query) = 0;
  /// It may end after so many rows.
  virtual void Limit(std::optional<int64_t> rows) = 0;
  /// Whether it wants no more; asked between pieces, and now and then when nothing comes.
  virtual bool done() const = 0;
  virtual int64_t rows() const = 0;
  /// Whether what failed midway may be taken again, whole.
  virtual bool may_repeat() const { return false; }
};

/// Gives the rows to somebody who reads them: many pieces are one result.
class StreamOutput final : public StreamTarget, private RowSink {
 public:
  explicit StreamOutput(RowSink& sink) : sink_(sink) {}
  ~StreamOutput() override;

  Status Take(Engine& engine, const std::string& query) override;
  void Limit(std::optional<int64_t> rows) override { limit_ = rows; }
  bool done() const override { return !sink_.Flush() || (limit_ && rows_ >= *limit_); }
  int64_t rows() const override { return rows_; }

 private:
  void Begin(const std::vector<ResultColumn>& columns) override;
  void Row(const std::vector<Cell>& cells) override;
  void End() override {}

  RowSink& sink_;
  std::optional<int64_t> limit_;
  bool begun_ = false;
  int64_t rows_ = 0;
};

/// A query that follows a table: its history first, from the lake as far as it goes, then each
/// change as it comes, every row once. A server that is away for a while is waited for. One caller;
/// ends when `stop` is set or the target is done.
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

  /// Runs `query` (in DuckDB's spelling) to its end. Errors: kUnsupported, those of the server, the
  /// lake and the target; kLogOffsetOutOfRange when retention overtook it.
  Status Run(const std::string& query, StreamTarget& target);

 private:
  Status Evaluate(std::vector<std::shared_ptr<arrow::RecordBatch>> rows, StreamTarget& target);
  bool IsOver(const StreamTarget& target) const { return context_.stop || target.done(); }
  /// What there was, as insertions; `positions`: where the stream goes on.
  Status History(StreamTarget& target);
  Status KeyHistory(StreamTarget& target);
  Status Follow(StreamTarget& target);
  /// Whether to try again, after a pause: the error may pass, and has not lasted too long. `since`:
  /// when the trouble began.
  bool Wait(const Error& error, std::optional<std::chrono::steady_clock::time_point>& since) const;
  Result<std::shared_ptr<arrow::RecordBatch>> WithOps(
      const arrow::RecordBatch& rows, std::span<const record::ChangeType> changes) const;

  Context context_;
  std::string query_;
  StreamSource source_;
};

}  // namespace strom::sql
