#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "coordinator/producer_offsets.h"
#include "coordinator/server_upkeep.h"
#include "coordinator/snapshot_leases.h"
#include "coordinator/tiering_schedule.h"
#include "meta/catalog.h"
#include "model/table_rules.h"

namespace strom::coordinator {

/// Decides about databases, tables, partitions, cluster settings and tiering, and writes what was
/// decided into the catalog.
///
/// Owner: the coordinator's loop. Synchronous; a change is durable when its function returns. What
/// needs the outside (lake tables, replicas) is left to the caller between a Plan and its Commit.
class Coordinator {
 public:
  using Settings = std::map<std::string, std::string>;
  struct Options {
    model::ServerId server_id = 0;
    std::string remote_dir;  // where lake offsets files go
    Settings settings;       // the configuration the process was started with
    std::string warehouse;   // of a file system lake that names none
    Millis producer_offsets_ttl = Millis{24} * 3600 * 1000;  // where a producer says none
  };

  /// Errors: kInvalidConfig for settings that contradict each other, those of the catalog.
  static Result<std::unique_ptr<Coordinator>> Open(meta::Catalog& catalog, const Clock& clock,
                                                   Options options);

  std::shared_ptr<const meta::ClusterView> view() const { return catalog_.view(); }
  const model::ClusterRules& rules() const { return rules_; }
  /// The settings in force: those of the start with the dynamic ones over them, and the lake's
  /// catalog with its defaults.
  Settings EffectiveSettings() const { return Effective(catalog_.dynamic_config()); }

  // Databases. Errors: kInvalidDatabase, kDatabaseAlreadyExist, kDatabaseNotExist,
  // kDatabaseNotEmpty.
  Status CreateDatabase(const std::string& name, const model::DatabaseDescriptor& descriptor,
                        bool ignore_if_exists);
  /// Sets and deletes properties of its own, and the comment when one is given.
  Status AlterDatabase(
      const std::string& name,
      const std::vector<std::pair<std::string, std::optional<std::string>>>& changes,
      const std::optional<std::string>& comment, bool ignore_if_not_exists);
  /// Returns the tables that must be dropped before CommitDropDatabase.
  Result<std::vector<model::TablePath>> PlanDropDatabase(const std::string& name,
                                                         bool ignore_if_not_exists,
                                                         bool cascade) const;
  Status CommitDropDatabase(const std::string& name);

  /// A checked CREATE TABLE with all defaults in place.
  struct CreatePlan {
    model::TablePath path;
    model::TableDescriptor descriptor;
    model::TableOptions options;
  };
  /// Nothing when the table exists and that is fine. Errors: as spec'd for CREATE TABLE.
  Result<std::optional<CreatePlan>> PlanCreateTable(const model::TablePath& path,
                                                    model::TableDescriptor descriptor,
                                                    bool ignore_if_exists) const;
  Result<std::shared_ptr<const meta::TableEntry>> CommitCreateTable(const CreatePlan& plan);

  /// The table to drop, or nothing when it is absent and that is fine. Errors: kTableNotExist.
  Result<std::shared_ptr<const meta::TableEntry>> DropTable(const model::TablePath& path,
                                                            bool ignore_if_not_exists);

  using PropertyChanges = std::vector<std::pair<std::string, std::optional<std::string>>>;
  struct AlterPlan {
    std::shared_ptr<const meta::TableEntry> before;
    model::TableInfo after;
    bool enables_lake = false;
    bool adds_columns = false;
  };
  /// Nothing when the table is absent and that is fine. Errors: kTableNotExist, kInvalidAlterTable,
  /// those of CREATE TABLE.
  Result<std::optional<AlterPlan>> PlanAlterTable(const model::TablePath& path,
                                                  const PropertyChanges& changes,
                                                  std::vector<model::Column> new_columns,
                                                  bool ignore_if_not_exists) const;
  Status CommitAlterTable(const AlterPlan& plan);

  using PartitionSpec = std::vector<std::pair<std::string, std::string>>;
  /// The new partition's id, or nothing when it exists and that is fine. Errors: kTableNotExist,
  /// kTableNotPartitioned, kPartitionSpecInvalid, kPartitionAlreadyExists, kPartitionMaxNum,
  /// kBucketMaxNum.
  Result<std::optional<model::PartitionId>> CreatePartition(const model::TablePath& path,
                                                            const PartitionSpec& spec,
                                                            bool ignore_if_exists);
  /// Errors: kTableNotExist, kTableNotPartitioned, kPartitionSpecInvalid, kPartitionNotExists.
  Result<std::optional<model::PartitionId>> DropPartition(const model::TablePath& path,
                                                          const PartitionSpec& spec,
                                                          bool ignore_if_not_exists);

  /// What auto partitioning asks for now, for all tables or one: creates and drops partitions.
  /// Failures are logged and tried again at the next call. Returns the dropped ones.
  std::vector<std::pair<model::TableId, model::PartitionId>> RunAutoPartition(
      std::optional<model::TableId> only);

  // Cluster settings.
  struct ConfigEntry {
    std::string key;
    std::optional<std::string> value;
    bool dynamic = false;
  };
  std::vector<ConfigEntry> DescribeConfigs() const;
  /// Append and subtract are for users alone: they add or replace, or take away, the users named.
  enum class ConfigOp { kSet = 0, kDelete = 1, kAppend = 2, kSubtract = 3 };
  struct ConfigChange {
    std::string key;
    std::optional<std::string> value;
    ConfigOp op = ConfigOp::kSet;
  };
  /// A checked change of settings.
  struct ConfigPlan {
    meta::Catalog::DynamicConfig next;
    Settings effective;
    model::ClusterRules rules;
    /// The lake is on afterwards, and was not or was another one: it must be looked whether it can
    /// be used before this is committed.
    bool switches_lake = false;
  };
  /// All or nothing. Errors: kInvalidConfig; of the lake's rules it names the tables in the way.
  Result<ConfigPlan> PlanConfigs(const std::vector<ConfigChange>& changes) const;
  Status CommitConfigs(ConfigPlan plan);
  /// What would be in force if `changed` were set.
  Settings EffectiveSettings(const Settings& changed) const;

  // Access rights. Errors: kInvalidArgument.
  Status PutAcls(const security::Resource& resource, const std::set<security::AclEntry>& entries) {
    return catalog_.PutAcls(resource, entries);
  }

  /// The first of `count` writer ids.
  Result<int64_t> TakeWriterIds(int64_t count) { return catalog_.TakeWriterIds(count); }
  // Key snapshots. Errors: kUnknownTableOrBucket for a bucket that is gone.
  Result<int64_t> NextKvSnapshotId(const model::TableBucket& bucket);
  Result<std::vector<model::KvSnapshotHandle>> KvSnapshots(const model::TableBucket& bucket) const {
    return catalog_.KvSnapshots(bucket);
  }
  /// Adds a snapshot; returns those that go for it: all but the newest `kept` and the leased ones.
  Result<std::vector<model::KvSnapshotHandle>> CommitKvSnapshot(
      const model::TableBucket& bucket, const model::KvSnapshotHandle& handle, size_t kept);
  // Remote logs. Errors: kUnknownTableOrBucket for a bucket that is gone.
  Result<std::optional<model::RemoteLogHandle>> RemoteLog(const model::TableBucket& bucket) const {
    return catalog_.RemoteLog(bucket);
  }
  Status CommitRemoteLog(const model::TableBucket& bucket, const model::RemoteLogHandle& handle);
  SnapshotLeases& snapshot_leases() { return snapshot_leases_; }
  ProducerOffsets& producer_offsets() { return producer_offsets_; }
  Millis producer_offsets_ttl() const { return options_.producer_offsets_ttl; }
  ServerUpkeep& server_upkeep() { return *server_upkeep_; }
  /// Errors: kTableNotExist.
  Result<int64_t> TakeColumnIds(model::TableId table, int32_t column_id, int64_t count);

  // Lake snapshots.
  using BucketOffsets = std::map<model::TableBucket, int64_t>;
  /// Stores the offsets of a round, over those known before unless `ignore_previous`; returns the
  /// path of the file.
  Result<std::string> PrepareLakeSnapshot(model::TableId table_id, const BucketOffsets& offsets,
                                          bool ignore_previous);
  /// Registers a lake snapshot. `keep_from`: keep entries from that snapshot on (-1 = all); absent
  /// = only the new one.
  Status CommitLakeSnapshot(model::TableId table_id, const meta::LakeState::Snapshot& snapshot,
                            std::optional<int64_t> keep_from);
  Result<BucketOffsets> ReadLakeOffsets(const std::string& path) const {
    return catalog_.ReadLakeOffsets(path);
  }
  /// Holds the rounds of a table back until it is resumed, or its lake switched off.
  Status PauseTiering(model::TableId table_id, bool paused);
  TieringSchedule& tiering() { return tiering_; }
  Millis Now() const { return clock_.Now(); }

 private:
  Coordinator(meta::Catalog& catalog, const Clock& clock, Options options)
      : catalog_(catalog),
        clock_(clock),
        options_(std::move(options)),
        snapshot_leases_({catalog.tree(), catalog.files(), options_.remote_dir,
                          meta::TimedNumbersStore::kSnapshotLeases}),
        producer_offsets_({catalog.tree(), catalog.files(), options_.remote_dir,
                           meta::TimedNumbersStore::kProducerOffsets}) {}
  Status LoadRules(const Settings& settings, model::ClusterRules& rules) const;
  Settings Effective(const meta::Catalog::DynamicConfig& dynamic) const;
  /// Errors: kInvalidConfig when tables use the lake that `rules` do not have.
  Status CheckLakeInUse(const model::ClusterRules& rules) const;
  Result<std::shared_ptr<const meta::TableEntry>> FindTable(const model::TablePath& path) const;
  Status CheckPartitionLimits(const meta::TableEntry& table) const;
  void RunAutoPartition(const meta::TableEntry& table,
                        std::vector<std::pair<model::TableId, model::PartitionId>>& dropped);

  meta::Catalog& catalog_;
  const Clock& clock_;
  const Options options_;
  model::ClusterRules rules_;
  TieringSchedule tiering_;
  SnapshotLeases snapshot_leases_;
  ProducerOffsets producer_offsets_;
  std::optional<ServerUpkeep> server_upkeep_;  // from Open on
};

}  // namespace strom::coordinator
