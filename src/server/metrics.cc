#include "server/metrics.h"

#include <fstream>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "server/server.h"

namespace strom::server {

using std::chrono::steady_clock;

void RequestCounters::Count(const Api& api, size_t bytes_in, size_t bytes_out, bool failed,
                            steady_clock::duration took) {
  const auto index = static_cast<size_t>(&api - ApiTable().data());
  STROM_CHECK(index < kMost);
  Cell& cell = cells_[index];
  constexpr auto kOrder = std::memory_order_relaxed;
  cell.requests.fetch_add(1, kOrder);
  if (failed) cell.errors.fetch_add(1, kOrder);
  cell.bytes_in.fetch_add(bytes_in, kOrder);
  cell.bytes_out.fetch_add(bytes_out, kOrder);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  cell.micros.fetch_add(static_cast<uint64_t>(micros), kOrder);
}

RequestCounters::Totals RequestCounters::Of(const Api& api) const {
  const Cell& cell = cells_[static_cast<size_t>(&api - ApiTable().data())];
  return {cell.requests, cell.errors, cell.bytes_in, cell.bytes_out, cell.micros};
}

namespace {

/// Lines of Prometheus' text format, with a TYPE line before the first of each name.
class TextWriter {
 public:
  void Gauge(const std::string& name, double value, const std::string& labels = "") {
    Line("gauge", name, value, labels);
  }
  void Counter(const std::string& name, double value, const std::string& labels = "") {
    Line("counter", name, value, labels);
  }
  std::string Take() {
    std::string text;
    for (const auto& [name, lines] : lines_) text += lines;
    return text;
  }

 private:
  void Line(const char* type, const std::string& name, double value, const std::string& labels) {
    std::string& lines = lines_[name];
    if (lines.empty()) lines = fmt::format("# TYPE {} {}\n", name, type);
    lines += name + (labels.empty() ? "" : "{" + labels + "}") + fmt::format(" {}\n", value);
  }
  std::map<std::string, std::string> lines_;
};

/// Names of databases and tables have nothing to escape.
std::string TableLabels(const model::TablePath& path) {
  return fmt::format(R"(database="{}",table="{}")", path.database, path.table);
}

/// Upstream's name of a request in its metrics.
std::string NameOf(const Api& api) {
  switch (api.key) {
    case wire::ApiKey::kProduceLog: return "produceLog";
    case wire::ApiKey::kPutKv: return "putKv";
    case wire::ApiKey::kLookup: return "lookup";
    case wire::ApiKey::kPrefixLookup: return "prefixLookup";
    case wire::ApiKey::kMetadata: return "metadata";
    case wire::ApiKey::kFetchLog: return "fetchLogClient";
    default: return "";
  }
}

struct TableTotals {
  int64_t buckets = 0;
  int64_t log_bytes = 0;
  int64_t rows_in = 0;  // since the table was made
  int64_t behind_lake = 0;
};

std::map<model::TableId, TableTotals> AskShards(Server& server) {
  std::map<model::TableId, TableTotals> totals;
  for (size_t i = 0; i < server.shards().count(); ++i) {
    server.shards().at(i).RunAndWait([&] {
      const replica::ShardReplicas& shard = server.replicas().at(i);
      shard.Each([&](const replica::Replica& replica) {
        const model::TableBucket& bucket = replica.log().bucket();
        TableTotals& table = totals[bucket.table_id];
        ++table.buckets;
        table.log_bytes += replica.log().bytes();
        table.rows_in += replica.high_watermark();
        table.behind_lake += replica.high_watermark() - shard.view()->LakeOffset(bucket);
      });
    });
  }
  return totals;
}

struct CoordinatorFacts {
  std::shared_ptr<const meta::ClusterView> view;
  std::map<model::TableId, coordinator::TieringSchedule::Status> tiering;
  size_t leases = 0;
  Millis now = 0;
};

CoordinatorFacts AskCoordinator(Server& server) {
  CoordinatorFacts facts;
  server.meta().loop().RunAndWait([&] {
    coordinator::Coordinator& coordinator = server.meta().coordinator();
    facts.view = coordinator.view();
    facts.tiering = coordinator.tiering().Report();
    facts.leases = coordinator.snapshot_leases().size();
    facts.now = coordinator.Now();
  });
  return facts;
}

void WriteProcess(TextWriter& out) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  out.Counter("process_cpu_seconds_total", seconds(usage.ru_utime) + seconds(usage.ru_stime));
  long pages = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  out.Gauge("process_resident_memory_bytes",
            static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

void WriteCoordinator(TextWriter& out, const CoordinatorFacts& facts,
                      const std::map<model::TableId, TableTotals>& totals) {
  using State = coordinator::TieringSchedule::State;
  int64_t buckets = 0;
  int64_t partitions = 0;
  int64_t lake_tables = 0;
  for (const auto& [path, table] : facts.view->tables) {
    const auto parts = static_cast<int64_t>(table->partitions.size());
    const auto all = static_cast<int64_t>(table->info.Buckets(table->partitions).size());
    buckets += all;
    partitions += parts;
    lake_tables += table->info.options.lake_enabled ? 1 : 0;
    const std::string labels = TableLabels(path);
    out.Gauge("fluss_coordinator_table_bucketCount", static_cast<double>(all), labels);
    if (table->info.descriptor.partitioned())
      out.Gauge("fluss_coordinator_table_partitionCount", static_cast<double>(parts), labels);
  }
  out.Gauge("fluss_coordinator_activeCoordinatorCount", 1);
  out.Gauge("fluss_coordinator_activeTabletServerCount", 1);
  out.Gauge("fluss_coordinator_offlineBucketCount", 0);
  out.Gauge("fluss_coordinator_tableCount", static_cast<double>(facts.view->tables.size()));
  out.Gauge("fluss_coordinator_bucketCount", static_cast<double>(buckets));
  out.Gauge("fluss_coordinator_partitionCount", static_cast<double>(partitions));
  out.Gauge("fluss_coordinator_lakeTableCount", static_cast<double>(lake_tables));
  out.Gauge("fluss_coordinator_kvSnapshotLeaseCount", static_cast<double>(facts.leases));
  int64_t pending = 0;
  int64_t running = 0;
  for (const auto& [id, status] : facts.tiering) {
    pending += status.state == State::kPending ? 1 : 0;
    running += status.state == State::kTiering ? 1 : 0;
    const meta::TableEntry* const table = facts.view->Find(id);
    if (table == nullptr) continue;
    const std::string labels = TableLabels(table->info.path) + fmt::format(R"(,tableId="{}")", id);
    const std::string scope = "fluss_coordinator_lakeTiering_table_";
    out.Gauge(scope + "freshness", static_cast<double>(table->info.options.lake_freshness_ms),
              labels);
    out.Counter(scope + "failuresTotal", status.failures, labels);
    if (const auto rows = totals.find(id); rows != totals.end())
      out.Gauge("strom_lake_rows_behind", static_cast<double>(rows->second.behind_lake), labels);
    if (status.last_finished == 0) continue;
    out.Gauge(scope + "tierLag", static_cast<double>(facts.now - status.last_finished), labels);
    out.Gauge(scope + "tierDuration", static_cast<double>(status.last_took), labels);
    out.Gauge(scope + "tieredTimestamp", static_cast<double>(status.last_finished), labels);
    out.Gauge(scope + "fileSize", static_cast<double>(status.last.bytes), labels);
    out.Gauge(scope + "recordCount", static_cast<double>(status.last.rows), labels);
  }
  out.Gauge("fluss_coordinator_lakeTiering_pendingTablesCount", static_cast<double>(pending));
  out.Gauge("fluss_coordinator_lakeTiering_runningTablesCount", static_cast<double>(running));
}

}  // namespace

Metrics::Growing Metrics::RatesOf(const Growing& now) {
  constexpr auto kWindow = std::chrono::seconds(60);
  const auto at = steady_clock::now();
  const std::lock_guard lock(mutex_);
  // The base is the youngest look that is a window ago, or else the first one.
  while (samples_.size() > 1 && at - samples_[1].at >= kWindow) samples_.pop_front();
  Growing rates;
  const std::chrono::duration<double> apart =
      samples_.empty() ? std::chrono::duration<double>(0) : at - samples_.front().at;
  for (const auto& [name, value] : now) {
    double& rate = rates[name];
    if (apart.count() <= 0) continue;
    const auto before = samples_.front().values.find(name);
    const double base = before == samples_.front().values.end() ? 0 : before->second;
    rate = std::max(0.0, value - base) / apart.count();
  }
  samples_.push_back({at, now});
  return rates;
}

std::string Metrics::Text() {
  const CoordinatorFacts facts = AskCoordinator(server_);
  const auto totals = AskShards(server_);
  TextWriter out;
  WriteProcess(out);
  WriteCoordinator(out, facts, totals);

  constexpr const char* kRows = "fluss_tabletserver_messagesInPerSecond";
  constexpr const char* kBytesIn = "fluss_tabletserver_bytesInPerSecond";
  constexpr const char* kBytesOut = "fluss_tabletserver_bytesOutPerSecond";
  Growing growing{{kRows, 0}, {kBytesIn, 0}, {kBytesOut, 0}};
  int64_t replicas = 0;
  int64_t log_bytes = 0;
  for (const auto& [id, table] : totals) {
    replicas += table.buckets;
    log_bytes += table.log_bytes;
    const meta::TableEntry* const entry = facts.view->Find(id);
    if (entry == nullptr) continue;
    growing[kRows] += static_cast<double>(table.rows_in);
    growing["fluss_tabletserver_table_messagesInPerSecond{" + TableLabels(entry->info.path) + "}"] =
        static_cast<double>(table.rows_in);
    out.Gauge("strom_table_log_bytes", static_cast<double>(table.log_bytes),
              TableLabels(entry->info.path));
  }
  out.Gauge("fluss_tabletserver_leaderCount", static_cast<double>(replicas));
  out.Gauge("fluss_tabletserver_replicaCount", static_cast<double>(replicas));
  out.Gauge("fluss_tabletserver_underReplicated", 0);
  out.Gauge("fluss_tabletserver_underMinIsr", 0);
  out.Gauge("fluss_tabletserver_logicalStorage_logSize", static_cast<double>(log_bytes));

  for (const Api& api : ApiTable()) {
    const RequestCounters::Totals count = server_.requests().Of(api);
    const std::string labels = fmt::format(R"(request="{}")", wire::NameOf(api.key));
    out.Counter("strom_requests_total", static_cast<double>(count.requests), labels);
    out.Counter("strom_request_errors_total", static_cast<double>(count.errors), labels);
    out.Counter("strom_request_seconds_total", static_cast<double>(count.micros) / 1e6, labels);
    if (const std::string name = NameOf(api); !name.empty()) {
      const std::string scope = "fluss_tabletserver_request_" + name;
      growing[scope + "_requestsPerSecond"] = static_cast<double>(count.requests);
      growing[scope + "_errorsPerSecond"] = static_cast<double>(count.errors);
    }
    if (api.key == wire::ApiKey::kProduceLog || api.key == wire::ApiKey::kPutKv)
      growing[kBytesIn] += static_cast<double>(count.bytes_in);
    if (api.key == wire::ApiKey::kFetchLog)
      growing[kBytesOut] += static_cast<double>(count.bytes_out);
  }
  for (const auto& [name, rate] : RatesOf(growing)) {
    const size_t brace = name.find('{');
    if (brace == std::string::npos) {
      out.Gauge(name, rate);
    } else {
      out.Gauge(name.substr(0, brace), rate, name.substr(brace + 1, name.size() - brace - 2));
    }
  }
  return out.Take();
}

}  // namespace strom::server
