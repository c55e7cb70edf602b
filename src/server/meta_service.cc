#include "server/meta_service.h"

#include <future>

#include "base/log_line.h"

namespace strom::server {
namespace {

constexpr int64_t kWriterIdBlock =
    1000;  // ids taken from the tree at once; the rest of a block is lost at a restart

}  // namespace

void MetaService::Start() {
  loop_.Post([this] {
    AutoPartition();
    for (const auto& [id, table] : coordinator_.view()->tables_by_id) {
      if (table->info.options.lake_enabled) Arm(id);
    }
    Reschedule();
  });
}

void MetaService::Stop() {
  loop_.RunAndWait([this] {
    auto_partition_timer_.reset();
    tiering_timer_.reset();
  });
}

Result<lake::LakeCatalog*> MetaService::Lake() {
  const model::LakeFormat format = coordinator_.rules().lake_format;
  if (format == model::LakeFormat::kNone) {
    return Err(ErrorCode::kLakeStorageNotConfigured,
               "the cluster has no lake; set datalake.format");
  }
  const auto settings = coordinator_.EffectiveSettings();
  if (!lake_ || lake_settings_ != settings) {
    STROM_ASSIGN(lake_,
                 lake::OpenCatalog(format, lake::CatalogOptionsIn(settings, "datalake.", format)));
    lake_settings_ = settings;
  }
  return lake_.get();
}

Status MetaService::CreateTable(const model::TablePath& path, model::TableDescriptor descriptor,
                                bool ignore_if_exists) {
  STROM_ASSIGN(const auto plan,
               coordinator_.PlanCreateTable(path, std::move(descriptor), ignore_if_exists));
  if (!plan) return {};
  if (plan->options.lake_enabled) {
    STROM_ASSIGN(lake::LakeCatalog* const catalog, Lake());
    STROM_TRY(catalog->CreateTable(path, plan->descriptor, /*may_have_rows=*/false));
  }
  STROM_ASSIGN(const auto table, coordinator_.CommitCreateTable(*plan));
  if (plan->options.auto_partition.enabled)
    (void)coordinator_.RunAutoPartition(table->info.table_id);
  if (plan->options.lake_enabled) ArmLater(table->info.table_id);
  return {};
}

Status MetaService::AlterTable(const model::TablePath& path,
                               const coordinator::Coordinator::PropertyChanges& changes,
                               std::vector<model::Column> new_columns, bool ignore_if_not_exists) {
  STROM_ASSIGN(const auto plan, coordinator_.PlanAlterTable(path, changes, std::move(new_columns),
                                                            ignore_if_not_exists));
  if (!plan) return {};
  if (plan->after.options.lake_enabled && (plan->enables_lake || plan->adds_columns)) {
    STROM_ASSIGN(lake::LakeCatalog* const catalog, Lake());
    STROM_TRY(plan->enables_lake
                  ? catalog->CreateTable(path, plan->after.descriptor, /*may_have_rows=*/true)
                  : catalog->AddColumns(path, plan->after.descriptor));
  }
  STROM_TRY(coordinator_.CommitAlterTable(*plan));
  if (plan->enables_lake) ArmLater(plan->after.table_id);
  Reschedule();
  return {};
}

Status MetaService::CreatePartition(const model::TablePath& path,
                                    const coordinator::Coordinator::PartitionSpec& spec,
                                    bool ignore_if_exists) {
  STROM_ASSIGN(const auto partition, coordinator_.CreatePartition(path, spec, ignore_if_exists));
  const meta::TableEntry* table = coordinator_.view()->Find(path);
  if (partition && table->info.options.lake_enabled) ArmLater(table->info.table_id);
  return {};
}

Status MetaService::DropTable(const model::TablePath& path, bool ignore_if_not_exists) {
  STROM_ASSIGN(const auto dropped, coordinator_.DropTable(path, ignore_if_not_exists));
  if (dropped && dropped->info.options.lake_enabled) {
    if (const auto catalog = Lake()) {
      LogInfo("table {} is dropped; its lake table is kept at {}", path.ToString(),
              (*catalog)->LocationOf(path));
    }
  }
  return {};
}

Status MetaService::DropDatabase(const std::string& name, bool ignore_if_not_exists, bool cascade) {
  STROM_ASSIGN(const auto tables,
               coordinator_.PlanDropDatabase(name, ignore_if_not_exists, cascade));
  for (const model::TablePath& path : tables)
    STROM_TRY(DropTable(path, /*ignore_if_not_exists=*/true));
  return coordinator_.CommitDropDatabase(name);
}

std::vector<lake::Check> MetaService::Preflight(
    const coordinator::Coordinator::Settings& settings) {
  constexpr const char* kWhat = "catalog options";
  const auto found = settings.find("datalake.format");
  const auto format = found == settings.end() ? Result<model::LakeFormat>(model::LakeFormat::kNone)
                                              : model::ParseLakeFormat(found->second);
  if (!format) return {{kWhat, false, format.error().message}};
  if (*format == model::LakeFormat::kNone) return {{kWhat, false, "datalake.format is not set"}};
  const auto catalog =
      lake::OpenCatalog(*format, lake::CatalogOptionsIn(settings, "datalake.", *format));
  if (!catalog) return {{kWhat, false, catalog.error().message}};
  std::vector<lake::Check> checks{{kWhat, true, NameOf(*format)}};
  std::ranges::move((*catalog)->Preflight(), std::back_inserter(checks));
  return checks;
}

Status MetaService::AlterConfigs(
    const std::vector<coordinator::Coordinator::ConfigChange>& changes) {
  STROM_ASSIGN(auto plan, coordinator_.PlanConfigs(changes));
  if (plan.switches_lake) {
    for (const lake::Check& check : Preflight(plan.effective)) {
      if (check.ok) continue;
      return Err(ErrorCode::kInvalidConfig,
                 "the lake cannot be used like this: {}: {}. Nothing was changed", check.what,
                 check.detail);
    }
  }
  return coordinator_.CommitConfigs(std::move(plan));
}

Result<int64_t> MetaService::NextWriterId() {
  if (next_writer_id_ == writer_ids_end_) {
    STROM_ASSIGN(next_writer_id_, coordinator_.TakeWriterIds(kWriterIdBlock));
    writer_ids_end_ = next_writer_id_ + kWriterIdBlock;
  }
  return next_writer_id_++;
}

template <class Work>
auto MetaService::Ask(Work work) -> decltype(work(std::declval<coordinator::Coordinator&>())) {
  using Answer = decltype(work(std::declval<coordinator::Coordinator&>()));
  constexpr std::chrono::seconds kPatience(5);
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  loop_.Post([this, promise, work = std::move(work)] { promise->set_value(work(coordinator_)); });
  if (answer.wait_for(kPatience) == std::future_status::ready) return answer.get();
  return Err(ErrorCode::kRequestTimeOut, "the coordinator did not answer in {} s",
             kPatience.count());
}

Result<int64_t> MetaService::TakeColumnIds(model::TableId table, int32_t column_id, int64_t count) {
  return Ask([=](coordinator::Coordinator& coordinator) {
    return coordinator.TakeColumnIds(table, column_id, count);
  });
}

Result<int64_t> MetaService::NextSnapshotId(const model::TableBucket& bucket) {
  return Ask([bucket](coordinator::Coordinator& coordinator) {
    return coordinator.NextKvSnapshotId(bucket);
  });
}

Result<replica::CoordinatorLink::Committed> MetaService::CommitSnapshot(
    const model::TableBucket& bucket, const model::KvSnapshotHandle& handle) {
  return Ask([=, kept = options_.kv_snapshots_kept](
                 coordinator::Coordinator& coordinator) -> Result<Committed> {
    Committed committed;
    STROM_ASSIGN(committed.dropped, coordinator.CommitKvSnapshot(bucket, handle, kept));
    STROM_ASSIGN(committed.kept, coordinator.KvSnapshots(bucket));
    return committed;
  });
}

Result<std::vector<model::KvSnapshotHandle>> MetaService::SnapshotsOf(
    const model::TableBucket& bucket) {
  return Ask(
      [bucket](coordinator::Coordinator& coordinator) { return coordinator.KvSnapshots(bucket); });
}

Result<std::optional<model::RemoteLogHandle>> MetaService::RemoteLogOf(
    const model::TableBucket& bucket) {
  return Ask(
      [bucket](coordinator::Coordinator& coordinator) { return coordinator.RemoteLog(bucket); });
}

Status MetaService::CommitRemoteLog(const model::TableBucket& bucket,
                                    const model::RemoteLogHandle& handle) {
  return Ask([=](coordinator::Coordinator& coordinator) {
    return coordinator.CommitRemoteLog(bucket, handle);
  });
}

void MetaService::Arm(model::TableId table) {
  replicas_.AnnounceRows(table, [this, table] {
    loop_.Post([this, table] {
      coordinator_.tiering().RowsArrived(table, coordinator_.Now());
      Reschedule();
    });
  });
}

std::optional<coordinator::TieringSchedule::Assignment> MetaService::TakeTieringTable(
    const std::string& worker) {
  coordinator_.tiering().Tick(coordinator_.Now());
  const auto assignment = coordinator_.tiering().Take(coordinator_.Now(), worker);
  if (assignment) Arm(assignment->table_id);
  Reschedule();
  return assignment;
}

void MetaService::Reschedule() {
  coordinator_.tiering().Tick(coordinator_.Now());
  const auto due = coordinator_.tiering().NextDue();
  tiering_timer_.reset();
  if (!due) return;
  const auto delay = std::chrono::milliseconds(std::max<Millis>(1, *due - coordinator_.Now()));
  tiering_timer_ = loop_.After(delay, [this] { Reschedule(); });
}

void MetaService::AutoPartition() {
  const auto before = coordinator_.view();
  (void)coordinator_.RunAutoPartition(std::nullopt);
  if (coordinator_.view() != before) replicas_.Apply(coordinator_.view(), [] {});
  for (const auto& [id, table] : coordinator_.view()->tables_by_id) {
    if (table->info.options.lake_enabled && table->info.options.auto_partition.enabled) Arm(id);
  }
  auto_partition_timer_ =
      loop_.After(options_.auto_partition_interval, [this] { AutoPartition(); });
}

}  // namespace strom::server
