#include "tiering/worker.h"

#include "base/log_line.h"
#include "client/connection.h"
#include "tiering/round.h"

namespace strom::tiering {
namespace {

using Clock = std::chrono::steady_clock;

/// The worker's side of the tiering protocol over one connection.
class Coordination {
 public:
  explicit Coordination(client::Connection& connection) : connection_(connection) {}

  /// The next table to tier, if one waits; learns the coordinator's epoch.
  Result<std::optional<wire::PbLakeTieringTableInfo>> TakeTable() {
    wire::LakeTieringHeartbeatRequest request;
    request.request_table = true;
    STROM_ASSIGN(auto response, connection_.Call(request));
    epoch_ = response.coordinator_epoch;
    return std::move(response.tiering_table);
  }
  Status Heartbeat(const wire::PbLakeTieringTableInfo& table) {
    wire::LakeTieringHeartbeatRequest request;
    request.tiering_tables.push_back(Entry(table));
    STROM_ASSIGN(const auto response, connection_.Call(request));
    for (const auto& answer : response.tiering_table_resp) {
      if (answer.error) {
        return Err(static_cast<ErrorCode>(answer.error->error_code), "{}",
                   answer.error->error_message.value_or("fenced"));
      }
    }
    return {};
  }
  Status Finish(const wire::PbLakeTieringTableInfo& table, bool again) {
    wire::LakeTieringHeartbeatRequest request;
    request.finished_tables.push_back(Entry(table));
    if (again) request.force_finished_tables.push_back(table.table_id);
    STROM_TRY(connection_.Call(request));
    return {};
  }
  Status Fail(const wire::PbLakeTieringTableInfo& table) {
    wire::LakeTieringHeartbeatRequest request;
    request.failed_tables.push_back(Entry(table));
    STROM_TRY(connection_.Call(request));
    return {};
  }

 private:
  wire::PbHeartbeatReqForTable Entry(const wire::PbLakeTieringTableInfo& table) const {
    return {table.table_id, epoch_, table.tiering_epoch, std::nullopt};
  }
  client::Connection& connection_;
  int32_t epoch_ = 0;
};

}  // namespace

TieringWorker::TieringWorker(Options options) : options_(std::move(options)) {}
TieringWorker::~TieringWorker() {
  Stop();
}

void TieringWorker::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void TieringWorker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TieringWorker::Loop() {
  const auto pause = [this](std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return stop_.load(); });
  };
  std::unique_ptr<client::Connection> connection;
  while (!stop_) {
    if (!connection) {
      auto opened = client::Connection::Open(options_.bootstrap);
      if (!opened) {
        LogWarn("tiering: {}", opened.error().message);
        pause(std::chrono::seconds(1));
        continue;
      }
      connection = std::move(*opened);
    }
    Coordination coordination(*connection);
    const auto table = coordination.TakeTable();
    if (!table) {
      if (!stop_) LogWarn("tiering: {}", table.error().message);
      connection.reset();
      pause(std::chrono::seconds(1));
      continue;
    }
    if (!*table) {
      pause(options_.poll_interval);
      continue;
    }
    const wire::PbLakeTieringTableInfo& job = **table;
    const model::TablePath path{job.table_path.database_name, job.table_path.table_name};
    Round::Options round_options;
    round_options.catalog = options_.catalog;
    round_options.on_heartbeat = [&] { return coordination.Heartbeat(job); };
    round_options.stop_requested = [this] { return stop_.load(); };
    const auto started = Clock::now();
    const auto outcome = Round(*connection, path, job.table_id, std::move(round_options)).Run();
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started).count();
    Status reported;
    if (!outcome) {
      LogWarn("tiering {}: {} after {} ms: {}", path.ToString(), NameOf(outcome.error().code), took,
              outcome.error().message);
      reported = coordination.Fail(job);
    } else {
      if (outcome->snapshot_id >= 0) {
        LogInfo("tiering {}: snapshot {}, {} rows, {} bytes, {} ms{}", path.ToString(),
                outcome->snapshot_id, outcome->rows, outcome->bytes, took,
                outcome->cut_short ? ", more to come" : "");
      }
      reported = coordination.Finish(job, outcome->cut_short);
    }
    if (!reported) connection.reset();
  }
}

}  // namespace strom::tiering
