#include "http/api.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>

#include "base/json.h"
#include "base/text.h"
#include "record/arrow_batch.h"
#include "sql/session.h"

namespace strom::http {
namespace {

constexpr const char* kArrowStream = "application/vnd.apache.arrow.stream";
constexpr const char* kArrowAnswer = "the answer";  // of which Arrow says something

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kAuthenticate: return 401;
    case ErrorCode::kAuthorization: return 403;
    case ErrorCode::kNotFound:
    case ErrorCode::kTableNotExist:
    case ErrorCode::kDatabaseNotExist:
    case ErrorCode::kPartitionNotExists: return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kTableAlreadyExist:
    case ErrorCode::kDatabaseAlreadyExist:
    case ErrorCode::kLakeTableAlreadyExist:
    case ErrorCode::kPartitionAlreadyExists: return 409;
    case ErrorCode::kLimitExceeded: return 413;
    case ErrorCode::kRequestTimeOut: return 504;
    case ErrorCode::kNetwork: return 503;
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnknownServerError: return 500;
    default: return 400;
  }
}

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Response Failed(const Error& error, const std::string& request_id) {
  Response response;
  response.status = StatusOf(error.code);
  response.body = Text(Json{
      {"error",
       {{"code", NameOf(error.code)}, {"message", error.message}, {"request_id", request_id}}}});
  if (response.status == 401) response.headers["WWW-Authenticate"] = "Basic realm=\"strom\"";
  return response;
}

/// What a request asks for.
struct Asked {
  std::string sql;
  std::string database;
  int64_t max_rows = 0;
  int64_t timeout_ms = 0;
  bool arrow = false;
};

/// Errors: kInvalidArgument.
Result<Asked> Parse(const Request& request, const Api::Options& limits) {
  // A page of another origin can send other types without being asked about it first.
  if (!ToLower(request.Header("content-type")).starts_with("application/json"))
    return Err(ErrorCode::kInvalidArgument, "the body must be application/json");
  Asked asked;
  const Json json = Json::parse(request.body, nullptr, false);
  if (!json.is_object())
    return Err(ErrorCode::kInvalidArgument,
               "the body must be a JSON object like {{\"sql\": \"SELECT 1\"}}");
  asked.max_rows = limits.max_rows;
  asked.timeout_ms = limits.max_time_ms;
  for (const auto& [key, value] : json.items()) {
    const bool is_number = HoldsInteger<int64_t>(value) && value.get<int64_t>() > 0;
    if (key == "sql" && value.is_string()) {
      asked.sql = value.get<std::string>();
    } else if (key == "database" && value.is_string()) {
      asked.database = value.get<std::string>();
    } else if (key == "max_rows" && is_number) {
      asked.max_rows = std::min(asked.max_rows, value.get<int64_t>());
    } else if (key == "timeout_ms" && is_number) {
      asked.timeout_ms = std::min(asked.timeout_ms, value.get<int64_t>());
    } else {
      return Err(ErrorCode::kInvalidArgument,
                 "'{}': there are sql and database (texts), max_rows and timeout_ms (numbers above "
                 "0)",
                 key);
    }
  }
  if (Trim(asked.sql).empty()) return Err(ErrorCode::kInvalidArgument, "'sql' is missing");
  asked.arrow = request.Header("accept").find(kArrowStream) != std::string::npos;
  return asked;
}

/// Interrupts a session once its time is over.
class Deadline {
 public:
  Deadline(sql::Session& session, int64_t timeout_ms)
      : thread_([this, &session, timeout_ms] {
          std::unique_lock lock(mutex_);
          if (changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                [this] { return done_; }))
            return;
          over_ = true;
          session.Interrupt();
        }) {}
  ~Deadline() { Stop(); }
  /// Whether the time was over before this.
  bool Stop() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
    return over_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  bool over_ = false;
  std::thread thread_;
};

/// Rows as the JSON arrays of an answer, until there are too many.
class JsonRows final : public sql::RowSink {
 public:
  JsonRows(sql::Session& session, int64_t max_rows, int64_t max_bytes)
      : session_(session), max_rows_(max_rows), max_bytes_(max_bytes) {}
  void Begin(const std::vector<sql::ResultColumn>& columns) override {
    for (const sql::ResultColumn& column : columns)
      columns_.push_back({{"name", column.name}, {"type", column.type}});
  }
  void Row(const std::vector<sql::Cell>& cells) override {
    if (truncated_) return;
    if (count_ == max_rows_ || static_cast<int64_t>(rows_.size()) > max_bytes_) {
      truncated_ = true;
      session_.Interrupt();
      return;
    }
    rows_ += count_++ == 0 ? "[" : ",[";
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) rows_ += ',';
      rows_ += cells[i].json;
    }
    rows_ += ']';
  }
  void End() override {}

  const Json& columns() const { return columns_; }
  const std::string& rows() const { return rows_; }
  int64_t count() const { return count_; }
  bool truncated() const { return truncated_; }

 private:
  sql::Session& session_;
  const int64_t max_rows_;
  const int64_t max_bytes_;
  Json columns_ = Json::array();
  std::string rows_;
  int64_t count_ = 0;
  bool truncated_ = false;
};

Json ScansOf(const sql::StatementReport& report) {
  Json scans = Json::array();
  for (const sql::ScanReport& scan : report.scans) {
    Json one{{"table", scan.table},
             {"lake_rows", scan.lake_rows},
             {"lake_files", scan.lake_files},
             {"stream_rows", scan.stream_rows}};
    if (scan.snapshot_id) one["snapshot_id"] = *scan.snapshot_id;
    if (scan.note) one["note"] = *scan.note;
    scans.push_back(std::move(one));
  }
  return scans;
}

Result<Response> AnswerJson(sql::Session& session, const Asked& asked, const Api::Options& limits) {
  const auto started = std::chrono::steady_clock::now();
  JsonRows rows(session, asked.max_rows, limits.max_bytes);
  const auto report = session.Run(asked.sql, rows);
  if (!report && !rows.truncated()) return std::unexpected(report.error());
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
  Json rest{
      {"row_count", rows.count()}, {"truncated", rows.truncated()}, {"took_ms", took.count()}};
  if (report) {
    rest["scans"] = ScansOf(*report);
    if (!report->has_rows) {
      rest["message"] = report->message;
      rest["rows_changed"] = report->rows;
    }
  }
  Response response;
  response.body = "{\"columns\":" + Text(rows.columns()) + ",\"rows\":[" + rows.rows() + "]," +
                  Text(rest).substr(1);
  return response;
}

Result<Response> AnswerArrow(sql::Session& session, const Asked& asked,
                             const Api::Options& limits) {
  auto out = arrow::io::BufferOutputStream::Create();
  STROM_TRY(record::FromArrow(out.status(), kArrowAnswer));
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  int64_t count = 0;
  bool truncated = false;
  const auto report = session.RunToArrow(
      asked.sql, [&](const std::shared_ptr<arrow::RecordBatch>& batch) -> Status {
        if (!writer) {
          auto made = arrow::ipc::MakeStreamWriter(*out, batch->schema());
          STROM_TRY(record::FromArrow(made.status(), kArrowAnswer));
          writer = *made;
        }
        const int64_t left = asked.max_rows - count;
        const int64_t taken = std::min(left, batch->num_rows());
        count += taken;
        STROM_TRY(
            record::FromArrow(writer->WriteRecordBatch(*batch->Slice(0, taken)), kArrowAnswer));
        const auto at = (*out)->Tell();
        truncated = taken < batch->num_rows() || (at.ok() && *at > limits.max_bytes);
        if (truncated) return Err(ErrorCode::kClosed, "enough");
        return {};
      });
  if (!report && !truncated) return std::unexpected(report.error());
  STROM_TRY(record::FromArrow(writer->Close(), kArrowAnswer));
  const auto buffer = (*out)->Finish();
  STROM_TRY(record::FromArrow(buffer.status(), kArrowAnswer));
  Response response;
  response.content_type = kArrowStream;
  response.body = (*buffer)->ToString();
  response.headers["X-Strom-Row-Count"] = std::to_string(count);
  response.headers["X-Strom-Truncated"] = truncated ? "true" : "false";
  return response;
}

Response PlainText(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text), {}};
}

}  // namespace

Result<Response> Api::RunSql(const Request& request) {
  STROM_ASSIGN(const Asked asked, Parse(request, options_));
  if (!free_.try_acquire_for(std::chrono::milliseconds(asked.timeout_ms))) {
    return Err(ErrorCode::kRequestTimeOut, "{} queries run already, and none ended in {} ms",
               options_.max_queries, asked.timeout_ms);
  }
  const auto give_back =
      std::unique_ptr<void, std::function<void(void*)>>(this, [this](void*) { free_.release(); });
  client::Cluster cluster = options_.cluster;
  if (request.credentials) {
    cluster.user = request.credentials->user;
    cluster.password = request.credentials->password;
  }
  STROM_ASSIGN(
      const auto session,
      sql::Session::Open(cluster, sql::Confinement{options_.memory_bytes, options_.spill_dir}));
  if (!asked.database.empty()) STROM_TRY(session->Use(asked.database));
  Deadline deadline(*session, asked.timeout_ms);
  auto answer =
      asked.arrow ? AnswerArrow(*session, asked, options_) : AnswerJson(*session, asked, options_);
  if (deadline.Stop() && !answer) {
    return Err(ErrorCode::kRequestTimeOut, "the query took longer than {} ms and was ended",
               asked.timeout_ms);
  }
  return answer;
}

Response Api::Sql(const Request& request) {
  const std::string id = std::to_string(++next_request_);
  Response response;
  if (request.method != "POST") {
    response = Failed({ErrorCode::kInvalidArgument, "SQL is sent by POST"}, id);
    response.status = 405;
    response.headers["Allow"] = "POST";
  } else {
    const auto answer = RunSql(request);
    response = answer ? *answer : Failed(answer.error(), id);
  }
  response.headers["X-Request-Id"] = id;
  return response;
}

Response Api::Handle(const Request& request) {
  if (request.path == "/health") return PlainText(200, "alive\n");
  if (request.path == "/ready") {
    const bool ready = options_.is_ready();
    return PlainText(ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
  }
  if (request.path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", options_.metrics(), {}};
  if (request.path == "/v1/sql") return Sql(request);
  Response response = Failed({ErrorCode::kNotFound, "there are /v1/sql, /health, /ready, /metrics"},
                             std::to_string(++next_request_));
  return response;
}

}  // namespace strom::http
