#include "sql/stream_query.h"

#include <numeric>

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "client/key_reader.h"
#include "client/log_follower.h"
#include "record/arrow_batch.h"
#include "sql/engine_types.h"
#include "sql/stream_plan.h"

namespace strom::sql {

using record::FromArrow;

/// The result so far: many runs of the query are one result.
class StreamQuery::Output final : public RowSink {
 public:
  Output(RowSink& sink, std::optional<int64_t> limit) : sink_(sink), limit_(limit) {}

  void Begin(const std::vector<ResultColumn>& columns) override {
    if (!std::exchange(begun_, true)) sink_.Begin(columns);
  }
  void Row(const std::vector<Cell>& cells) override {
    if (done()) return;
    sink_.Row(cells);
    ++rows_;
  }
  void End() override {}
  bool Flush() override {
    if (!sink_.Flush()) nobody_reads_ = true;
    return !nobody_reads_;
  }

  int64_t rows() const { return rows_; }
  bool done() const { return nobody_reads_ || (limit_ && rows_ >= *limit_); }

 private:
  RowSink& sink_;
  const std::optional<int64_t> limit_;
  bool begun_ = false;
  bool nobody_reads_ = false;
  int64_t rows_ = 0;
};

Result<std::shared_ptr<arrow::RecordBatch>> StreamQuery::WithOps(
    const arrow::RecordBatch& rows, std::span<const record::ChangeType> changes) const {
  arrow::StringBuilder builder;
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    const auto type =
        changes.empty() ? record::ChangeType::kInsert : changes[static_cast<size_t>(i)];
    STROM_TRY(FromArrow(
        builder.Append(type == record::ChangeType::kAppendOnly ? "+I" : record::ShortName(type)),
        "stream"));
  }
  const auto ops = builder.Finish();
  STROM_TRY(FromArrow(ops.status(), "stream"));
  arrow::FieldVector fields{arrow::field(kOpColumn, arrow::utf8())};
  arrow::ArrayVector columns{*ops};
  const model::Schema& schema = source_.table->info.descriptor.schema;
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const auto type = EngineType(schema.columns[i].type);
    STROM_ASSIGN(auto column, CastTo(rows.column(static_cast<int>(i)), type));
    fields.push_back(arrow::field(schema.columns[i].name, type));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows.num_rows(),
                                  std::move(columns));
}

Status StreamQuery::Evaluate(const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
                             Output& output) {
  context_.scans.SetRows(source_.relation, rows);
  STROM_TRY(context_.engine.Run(query_, output));
  (void)output.Flush();
  return {};
}

Result<StatementReport> StreamQuery::Run(const std::string& query, RowSink& sink) {
  STROM_ASSIGN(StreamPlan plan, PlanStream(query, [&](const std::string& table) {
                 return context_.faces.IsStreamSource(table);
               }));
  query_ = std::move(plan.query);
  context_.faces.BeginStream();
  // Looked at once with no row: what it is made of is known then, and its columns.
  Output output(sink, plan.limit);
  STROM_TRY(context_.engine.CheckStateless(query_));
  STROM_ASSIGN(source_, context_.faces.stream_source());
  STROM_TRY(Evaluate({}, output));
  if (source_.table->info.descriptor.has_primary_key() && source_.with_history) {
    STROM_TRY(KeyHistory(output));
  } else if (source_.with_history) {
    STROM_TRY(History(output));
  }
  STROM_TRY(Follow(output));
  sink.End();
  StatementReport report;
  report.has_rows = true;
  report.rows = output.rows();
  report.interrupted = context_.stop;
  return report;
}

/// Of a log table: one query over lake and log up to the stream's positions.
Status StreamQuery::History(Output& output) {
  STROM_TRY(context_.faces.BeginHistory());
  const Status done = [&]() -> Status {
    STROM_TRY(context_.engine.Run(query_, output));
    return {};
  }();
  context_.faces.EndHistory();
  (void)output.Flush();
  STROM_ASSIGN(source_, context_.faces.stream_source());
  return done;
}

/// Of a table of keys: each bucket's rows at one moment, and the stream from there.
Status StreamQuery::KeyHistory(Output& output) {
  std::vector<int32_t> columns(source_.table->info.descriptor.schema.columns.size());
  std::iota(columns.begin(), columns.end(), 0);
  for (auto& [bucket, position] : source_.positions) {
    client::KeyReader reader(context_.connection, source_.table, bucket, columns);
    while (!context_.stop && !output.done()) {
      STROM_ASSIGN(const auto rows, reader.Next());
      if (!rows) break;
      STROM_ASSIGN(auto batch, WithOps(*rows, {}));
      STROM_TRY(Evaluate({std::move(batch)}, output));
    }
    position = reader.log_offset();
  }
  return {};
}

Status StreamQuery::Follow(Output& output) {
  client::LogFollower follower(context_.connection, source_.table, source_.positions, {});
  while (!context_.stop && !output.done()) {
    STROM_ASSIGN(const auto pieces, follower.Poll());
    std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
    for (const auto& piece : pieces) {
      STROM_ASSIGN(auto batch, WithOps(*piece.batch.rows, piece.batch.changes));
      rows.push_back(std::move(batch));
    }
    if (rows.empty()) {
      (void)output.Flush();  // whether somebody still reads
      continue;
    }
    STROM_TRY(Evaluate(rows, output));
  }
  return {};
}

}  // namespace strom::sql
