#include "sql/stream_query.h"

#include <numeric>
#include <thread>

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "base/log_line.h"
#include "client/key_reader.h"
#include "client/log_follower.h"
#include "record/arrow_batch.h"
#include "sql/engine_types.h"
#include "sql/stream_plan.h"

namespace strom::sql {

using record::FromArrow;
using std::chrono::steady_clock;

void StreamOutput::Begin(const std::vector<ResultColumn>& columns) {
  if (!std::exchange(begun_, true)) sink_.Begin(columns);
}

void StreamOutput::Row(const std::vector<Cell>& cells) {
  if (limit_ && rows_ >= *limit_) return;
  sink_.Row(cells);
  ++rows_;
}

Status StreamOutput::Take(Engine& engine, const std::string& query) {
  STROM_TRY(engine.Run(query, *this));
  return {};
}

StreamOutput::~StreamOutput() {
  if (begun_) sink_.End();
}

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

Status StreamQuery::Evaluate(std::vector<std::shared_ptr<arrow::RecordBatch>> rows,
                             StreamTarget& target) {
  context_.scans.SetRows(source_.relation, std::move(rows));
  return target.Take(context_.engine, query_);
}

Status StreamQuery::Run(const std::string& query, StreamTarget& target) {
  STROM_ASSIGN(StreamPlan plan, PlanStream(query, [&](const std::string& table) {
                 return context_.faces.IsStreamSource(table);
               }));
  query_ = std::move(plan.query);
  target.Limit(plan.limit);
  context_.faces.BeginStream();
  // Looked at once with no row: what it is made of is known then, and its columns.
  STROM_TRY(context_.engine.CheckStateless(query_));
  STROM_ASSIGN(source_, context_.faces.stream_source());
  STROM_TRY(Evaluate({}, target));
  if (source_.with_history) {
    const bool keyed = source_.table->info.descriptor.has_primary_key();
    STROM_TRY(keyed ? KeyHistory(target) : History(target));
  }
  return Follow(target);
}

/// Of a log table: one query over lake and log up to the stream's positions.
Status StreamQuery::History(StreamTarget& target) {
  STROM_TRY(context_.faces.BeginHistory());
  const Status taken = target.Take(context_.engine, query_);
  context_.faces.EndHistory();
  STROM_ASSIGN(source_, context_.faces.stream_source());
  return taken;
}

/// Of a table of keys: each bucket's rows at one moment, and the stream from there.
Status StreamQuery::KeyHistory(StreamTarget& target) {
  std::vector<int32_t> columns(source_.table->info.descriptor.schema.columns.size());
  std::iota(columns.begin(), columns.end(), 0);
  for (auto& [bucket, position] : source_.positions) {
    client::KeyReader reader(context_.connection, source_.table, bucket, columns);
    while (!IsOver(target)) {
      STROM_ASSIGN(const auto rows, reader.Next());
      if (!rows) break;
      STROM_ASSIGN(auto batch, WithOps(*rows, {}));
      STROM_TRY(Evaluate({std::move(batch)}, target));
    }
    position = reader.log_offset();
  }
  return {};
}

bool StreamQuery::Wait(const Error& error, std::optional<steady_clock::time_point>& since) const {
  constexpr std::chrono::minutes kPatience(5);
  constexpr std::chrono::milliseconds kPause(200);
  const bool may_pass = error.code == ErrorCode::kNetwork || IsRetriable(error.code);
  if (!may_pass || context_.stop) return false;
  if (!since) {
    since = steady_clock::now();
    LogWarn("{}; trying again", error.message);
  }
  if (steady_clock::now() - *since > kPatience) return false;
  std::this_thread::sleep_for(kPause);
  return true;
}

Status StreamQuery::Follow(StreamTarget& target) {
  client::LogFollower follower(context_.connection, source_.table, source_.positions, {});
  std::optional<steady_clock::time_point> away_since;
  while (!IsOver(target)) {
    const auto pieces = follower.Poll();
    if (!pieces) {
      if (Wait(pieces.error(), away_since)) continue;
      return std::unexpected(pieces.error());
    }
    std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
    for (const auto& piece : *pieces) {
      STROM_ASSIGN(auto batch, WithOps(*piece.batch.rows, piece.batch.changes));
      rows.push_back(std::move(batch));
    }
    Status taken = rows.empty() ? Status() : Evaluate(rows, target);
    while (!taken && target.may_repeat() && Wait(taken.error(), away_since))
      taken = Evaluate(rows, target);
    STROM_TRY(taken);
    away_since.reset();
  }
  return {};
}

}  // namespace strom::sql
