#include "tiering/maintenance.h"

#include <thread>

#include "tiering/coordination.h"
#include "tiering/registered_lake.h"

namespace strom::tiering {
namespace {

using std::chrono::steady_clock;

/// Runs `work(lake, beat)` with the table in hand.
template <class Work>
auto WithTable(client::Connection& connection, const model::TablePath& path,
               const MaintenanceOptions& options, Work work)
    -> decltype(work(std::declval<RegisteredLake&>(),
                     std::declval<const std::function<Status()>&>())) {
  STROM_ASSIGN(const auto table, connection.GetTable(path));
  if (!table->info.options.lake_enabled)
    return Err(ErrorCode::kInvalidTable, "table {} is not datalake enabled", path.ToString());
  Coordination coordination(connection, options.worker);
  const auto deadline = steady_clock::now() + options.patience;
  std::optional<Coordination::Job> job;
  while (true) {
    STROM_ASSIGN(job, coordination.TakeTable(table->info.table_id));
    if (job) break;
    if (steady_clock::now() >= deadline) {
      return Err(ErrorCode::kRequestTimeOut,
                 "another worker has {} for more than {} s; strom lake jobs tells who",
                 path.ToString(), options.patience.count());
    }
    constexpr std::chrono::milliseconds kPause(100);
    std::this_thread::sleep_for(kPause);
  }
  auto next_beat = steady_clock::now();
  const std::function<Status()> beat = [&]() -> Status {
    constexpr std::chrono::seconds kInterval(10);
    if (steady_clock::now() < next_beat) return {};
    next_beat = steady_clock::now() + kInterval;
    return coordination.Heartbeat(*job);
  };
  const auto with_lake = [&]() -> decltype(work(std::declval<RegisteredLake&>(), beat)) {
    STROM_ASSIGN(RegisteredLake lake, RegisteredLake::Open(connection, table, options.catalog));
    STROM_TRY(lake.CatchUp());
    return work(lake, beat);
  };
  auto outcome = with_lake();
  const Status reported = outcome ? coordination.Finish(*job, false, 0, 0)
                                  : coordination.Fail(*job, outcome.error().message);
  if (outcome && !reported) return std::unexpected(reported.error());
  return outcome;
}

}  // namespace

Result<std::optional<int64_t>> CompactLakeTable(client::Connection& connection,
                                                const model::TablePath& path,
                                                const MaintenanceOptions& options) {
  return WithTable(
      connection, path, options,
      [](RegisteredLake& lake,
         const std::function<Status()>& beat) -> Result<std::optional<int64_t>> {
        STROM_ASSIGN(const auto own, lake.table().OwnCommitAfter(std::nullopt));
        if (!own) return std::nullopt;  // no row has come yet
        STROM_ASSIGN(const auto compacted,
                     lake.table().Compact(own->offsets_path, lake::LakeTable::Effort::kAll, beat));
        if (compacted) STROM_TRY(lake.Register(*compacted, own->offsets_path, {}));
        return compacted;
      });
}

Result<Expired> ExpireLakeTable(client::Connection& connection, const model::TablePath& path,
                                const MaintenanceOptions& options,
                                std::chrono::milliseconds orphan_age) {
  return WithTable(
      connection, path, options,
      [&](RegisteredLake& lake, const std::function<Status()>& beat) -> Result<Expired> {
        Expired expired;
        const Millis now = SystemClock().Now();
        STROM_ASSIGN(const auto own, lake.table().OwnCommitAfter(std::nullopt));
        if (own) {
          STROM_ASSIGN(expired.snapshots, lake.table().ExpireSnapshots(own->snapshot_id, now));
        }
        STROM_TRY(beat());
        STROM_ASSIGN(expired.orphans, lake.table().RemoveOrphans(now - orphan_age.count()));
        return expired;
      });
}

}  // namespace strom::tiering
