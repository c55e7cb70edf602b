#include "tiering/worker.h"

#include "base/log_line.h"
#include "client/connection.h"
#include "tiering/coordination.h"
#include "tiering/round.h"

namespace strom::tiering {
namespace {

using Clock = std::chrono::steady_clock;

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
      auto opened = client::Connection::Open(options_.cluster);
      if (!opened) {
        LogWarn("tiering: {}", opened.error().message);
        pause(std::chrono::seconds(1));
        continue;
      }
      connection = std::move(*opened);
    }
    Coordination coordination(*connection, options_.name);
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
    const Coordination::Job& job = **table;
    const model::TablePath& path = job.path;
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
      reported = coordination.Fail(job, outcome.error().message);
    } else {
      if (outcome->snapshot_id >= 0) {
        LogInfo("tiering {}: snapshot {}, {} rows, {} bytes, {} ms, {} of them to commit{}",
                path.ToString(), outcome->snapshot_id, outcome->rows, outcome->bytes, took,
                outcome->commit_ms, outcome->cut_short ? ", more to come" : "");
      }
      reported = coordination.Finish(job, outcome->cut_short, outcome->rows, outcome->bytes);
    }
    if (!reported) connection.reset();
  }
}

}  // namespace strom::tiering
