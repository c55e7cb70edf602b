#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/coordinator.h"
#include "lake/lake.h"
#include "replica/replicas.h"
#include "runtime/loop.h"
#include "server/call.h"

namespace strom::server {

/// The coordinator with its hands: runs decisions on the coordinator's loop, makes lake tables
/// between a plan and its commit, shows shards every new view before the answer leaves, and keeps
/// the timers of auto partitioning and tiering.
class MetaService final : public replica::CoordinatorLink {
 public:
  struct Options {
    std::chrono::milliseconds auto_partition_interval = std::chrono::minutes(10);
    size_t kv_snapshots_kept = 2;
  };

  MetaService(runtime::Loop& loop, coordinator::Coordinator& coordinator,
              replica::Replicas& replicas, Options options)
      : loop_(loop), coordinator_(coordinator), replicas_(replicas), options_(options) {}

  /// Starts the timers and arms every lake table. The shards must run.
  void Start();
  void Stop();

  coordinator::Coordinator& coordinator() { return coordinator_; }
  runtime::Loop& loop() { return loop_; }

  /// Runs `work(*this)` on the coordinator's loop and answers `call` with its Result<Response>,
  /// after the shards have seen what it changed.
  template <class Response, class Work>
  void Answer(Call call, Work work) {
    auto held = std::make_shared<Call>(std::move(call));
    loop_.Post([this, held, work = std::move(work)]() mutable {
      const auto before = coordinator_.view();
      auto response = std::make_shared<Result<Response>>(work(*this));
      if (coordinator_.view() == before) return held->Reply(*response);
      replicas_.Apply(coordinator_.view(), [held, response] { held->Reply(*response); });
    });
  }

  // What the handlers ask for; on the loop. Errors: those of the Coordinator, of the lake catalog,
  // and kLakeStorageNotConfigured.
  Status CreateTable(const model::TablePath& path, model::TableDescriptor descriptor,
                     bool ignore_if_exists);
  Status AlterTable(const model::TablePath& path,
                    const coordinator::Coordinator::PropertyChanges& changes,
                    std::vector<model::Column> new_columns, bool ignore_if_not_exists);
  Status CreatePartition(const model::TablePath& path,
                         const coordinator::Coordinator::PartitionSpec& spec,
                         bool ignore_if_exists);
  Status DropTable(const model::TablePath& path, bool ignore_if_not_exists);
  Status DropDatabase(const std::string& name, bool ignore_if_not_exists, bool cascade);
  Result<int64_t> NextWriterId();
  /// Changes settings of the cluster, after a look at the lake when they switch it on or to another
  /// one. Errors: those of PlanConfigs; kInvalidConfig naming what the lake lacks, with nothing
  /// changed.
  Status AlterConfigs(const std::vector<coordinator::Coordinator::ConfigChange>& changes);
  /// What there is to say for and against a lake with these settings, which need not be in force.
  static std::vector<lake::Check> Preflight(const coordinator::Coordinator::Settings& settings);

  // From other threads.
  Result<int64_t> TakeColumnIds(model::TableId table, int32_t column_id, int64_t count) override;
  Result<int64_t> NextSnapshotId(const model::TableBucket& bucket) override;
  Result<Committed> CommitSnapshot(const model::TableBucket& bucket,
                                   const model::KvSnapshotHandle& handle) override;
  Result<std::vector<model::KvSnapshotHandle>> SnapshotsOf(
      const model::TableBucket& bucket) override;
  Result<std::optional<model::RemoteLogHandle>> RemoteLogOf(
      const model::TableBucket& bucket) override;
  Status CommitRemoteLog(const model::TableBucket& bucket,
                         const model::RemoteLogHandle& handle) override;

  /// Hands out the next table that is due, and arms it so that later rows are noticed.
  std::optional<coordinator::TieringSchedule::Assignment> TakeTieringTable(
      const std::string& worker);
  /// Sets the timer for what is due next; after anything that changed the schedule.
  void Reschedule();

 private:
  /// Runs `work(coordinator)` on the loop and waits for its Result. Errors: kRequestTimeOut when
  /// the loop does not run any more.
  template <class Work>
  auto Ask(Work work) -> decltype(work(std::declval<coordinator::Coordinator&>()));
  Result<lake::LakeCatalog*> Lake();
  /// Asks the replicas of a lake table to tell when they have rows that the lake lacks.
  void Arm(model::TableId table);
  /// Arms once the shards have seen what the work in hand changes.
  void ArmLater(model::TableId table) {
    loop_.Post([this, table] { Arm(table); });
  }
  void AutoPartition();

  runtime::Loop& loop_;
  coordinator::Coordinator& coordinator_;
  replica::Replicas& replicas_;
  const Options options_;
  std::unique_ptr<lake::LakeCatalog> lake_;
  coordinator::Coordinator::Settings lake_settings_;
  std::unique_ptr<runtime::Loop::Timer> auto_partition_timer_;
  std::unique_ptr<runtime::Loop::Timer> tiering_timer_;
  int64_t next_writer_id_ = 0;
  int64_t writer_ids_end_ = 0;
};

}  // namespace strom::server
