#include "coordinator/coordinator.h"

#include <algorithm>

#include "base/log_line.h"
#include "base/text.h"
#include "model/duration.h"
#include "model/partition.h"
#include "security/sasl.h"

namespace strom::coordinator {
namespace {

using model::TablePath;

constexpr const char* kDefaultDatabase = "fluss";

Status SetInt(const Coordinator::Settings& settings, const char* key, int32_t& out) {
  const auto it = settings.find(key);
  if (it == settings.end()) return {};
  const auto value = model::ParseInteger(it->second, 1, INT32_MAX);
  if (!value) return std::unexpected(value.error().In(key));
  out = static_cast<int32_t>(*value);
  return {};
}

Status SetBool(const Coordinator::Settings& settings, const char* key, bool& out) {
  const auto it = settings.find(key);
  if (it == settings.end()) return {};
  const auto value = model::ParseBool(it->second);
  if (!value) return std::unexpected(value.error().In(key));
  out = *value;
  return {};
}

/// Keys that AlterClusterConfigs may change while the cluster runs.
bool IsDynamic(const std::string& key) {
  return key.starts_with("datalake.") || key == security::kUsersSetting;
}

/// The users after some were added, replaced or taken away.
Result<std::string> ChangeUsers(const std::optional<std::string>& before, const std::string& named,
                                bool take_away) {
  STROM_ASSIGN(security::Passwords users, security::PasswordsInList(before.value_or("")));
  if (take_away) {
    for (const std::string& part : Split(named, ',')) {
      const std::string user(Trim(part.substr(0, part.find(':'))));
      if (users.erase(user) == 0)
        return Err(ErrorCode::kInvalidConfig, "{}: there is no user '{}'", security::kUsersSetting,
                   user);
    }
  } else {
    STROM_ASSIGN(const security::Passwords added, security::PasswordsInList(named));
    for (const auto& [user, password] : added) users[user] = password;
  }
  return security::ToList(users);
}

bool IsSecret(const std::string& key) {
  const std::string lower = ToLower(key);
  return lower.find("password") != std::string::npos || lower.find("secret") != std::string::npos ||
         lower.find("token") != std::string::npos ||
         lower.find("credentials") != std::string::npos || lower.find("jaas") != std::string::npos;
}

}  // namespace

Result<std::unique_ptr<Coordinator>> Coordinator::Open(meta::Catalog& catalog, const Clock& clock,
                                                       Options options) {
  std::unique_ptr<Coordinator> coordinator(new Coordinator(catalog, clock, std::move(options)));
  STROM_ASSIGN(coordinator->server_upkeep_,
               ServerUpkeep::Open(catalog.tree(), coordinator->options_.server_id));
  STROM_TRY(coordinator->LoadRules(coordinator->EffectiveSettings(), coordinator->rules_));
  STROM_TRY(coordinator->CheckLakeInUse(coordinator->rules_));
  if (catalog.view()->databases.empty()) {
    STROM_TRY(catalog.CreateDatabase(kDefaultDatabase, {}, clock.Now()));
  }
  for (const auto& [id, table] : catalog.view()->tables_by_id) {
    const model::TableOptions& table_options = table->info.options;
    if (!table_options.lake_enabled) continue;
    coordinator->tiering_.Register(id, table_options.lake_freshness_ms,
                                   catalog.view()->lakes.contains(id), clock.Now());
    coordinator->tiering_.SetCompacted(id, table_options.lake_auto_compaction);
    if (catalog.IsTieringPaused(id)) coordinator->tiering_.Pause(id);
  }
  return coordinator;
}

Coordinator::Settings Coordinator::Effective(const meta::Catalog::DynamicConfig& dynamic) const {
  Settings settings = options_.settings;
  for (const auto& [key, value] : dynamic) {
    if (value) {
      settings[key] = *value;
    } else {
      settings.erase(key);
    }
  }
  // A lake of the file system kind needs no more than a place, and has one by default.
  struct Kind {
    const char* format;
    const char* option;
    const char* file_system;
  };
  const auto format = settings.find("datalake.format");
  if (format == settings.end()) return settings;
  for (const Kind& kind :
       {Kind{"paimon", "metastore", "filesystem"}, Kind{"iceberg", "type", "hadoop"}}) {
    if (ToLower(format->second) != kind.format) continue;
    const std::string scope = fmt::format("datalake.{}.", kind.format);
    const auto& chosen = settings.try_emplace(scope + kind.option, kind.file_system).first->second;
    if (ToLower(chosen) == kind.file_system || ToLower(chosen) == "jdbc")
      settings.try_emplace(scope + "warehouse", options_.warehouse);
  }
  return settings;
}

Coordinator::Settings Coordinator::EffectiveSettings(const Settings& changed) const {
  meta::Catalog::DynamicConfig dynamic = catalog_.dynamic_config();
  for (const auto& [key, value] : changed) dynamic[key] = value;
  return Effective(dynamic);
}

Status Coordinator::CheckLakeInUse(const model::ClusterRules& rules) const {
  std::vector<std::string> enabled;
  for (const auto& [path, table] : view()->tables) {
    const model::TableOptions& table_options = table->info.options;
    const bool served = rules.lake_enabled && rules.lake_format == table_options.lake_format;
    if (table_options.lake_enabled && !served) enabled.push_back(path.ToString());
  }
  if (enabled.empty()) return {};
  const std::string what = rules.lake_enabled ? fmt::format("datalake.format cannot become '{}'",
                                                            NameOf(rules.lake_format))
                                              : std::string("the lake cannot be switched off");
  return Err(ErrorCode::kInvalidConfig,
             "{}: {} {} still table.datalake.enabled = true: {}. Do: ALTER TABLE {} SET "
             "('table.datalake.enabled' = 'false'), or strom lake disable --tables",
             what, enabled.size(), enabled.size() == 1 ? "table has" : "tables have",
             Join(enabled, ", "), enabled.front());
}

Status Coordinator::LoadRules(const Settings& settings, model::ClusterRules& rules) const {
  STROM_TRY(SetInt(settings, "default.bucket.number", rules.default_bucket_count));
  STROM_TRY(SetInt(settings, "default.replication.factor", rules.default_replication_factor));
  STROM_TRY(SetInt(settings, "max.partition.num", rules.max_partitions));
  STROM_TRY(SetInt(settings, "max.bucket.num", rules.max_buckets));
  STROM_TRY(SetBool(settings, "allow.create.log.tables", rules.allow_log_tables));
  STROM_TRY(SetBool(settings, "allow.create.kv.tables", rules.allow_key_tables));
  STROM_TRY(SetBool(settings, "datalake.freshness.mutable", rules.freshness_mutable));
  STROM_TRY(SetBool(settings, "datalake.paimon-deletion-vectors.allowed",
                    rules.deletion_vectors_allowed));
  rules.lake_format = model::LakeFormat::kNone;
  if (const auto format = settings.find("datalake.format"); format != settings.end()) {
    STROM_ASSIGN(rules.lake_format, model::ParseLakeFormat(format->second));
  }
  rules.lake_enabled = rules.lake_format != model::LakeFormat::kNone;
  if (settings.contains("datalake.enabled")) {
    STROM_TRY(SetBool(settings, "datalake.enabled", rules.lake_enabled));
    if (rules.lake_enabled && rules.lake_format == model::LakeFormat::kNone) {
      return Err(ErrorCode::kInvalidConfig, "datalake.enabled: true needs datalake.format");
    }
  }
  const std::string own = std::string("datalake.") + NameOf(rules.lake_format) + ".";
  for (const char* other : {"paimon", "iceberg", "lance", "hudi"}) {
    const std::string prefix = std::string("datalake.") + other + ".";
    const auto it = settings.lower_bound(prefix);
    if (prefix != own && it != settings.end() && it->first.starts_with(prefix)) {
      return Err(ErrorCode::kInvalidConfig, "'{}' does not belong to datalake.format '{}'",
                 it->first, NameOf(rules.lake_format));
    }
  }
  return {};
}

Result<std::shared_ptr<const meta::TableEntry>> Coordinator::FindTable(
    const TablePath& path) const {
  const auto it = view()->tables.find(path);
  if (it == view()->tables.end())
    return Err(ErrorCode::kTableNotExist, "table {} does not exist", path.ToString());
  return it->second;
}

Status Coordinator::CreateDatabase(const std::string& name,
                                   const model::DatabaseDescriptor& descriptor,
                                   bool ignore_if_exists) {
  STROM_TRY(model::CheckNewName(name, "database name", ErrorCode::kInvalidDatabase));
  if (view()->databases.contains(name)) {
    if (ignore_if_exists) return {};
    return Err(ErrorCode::kDatabaseAlreadyExist, "database {} already exists", name);
  }
  return catalog_.CreateDatabase(name, descriptor, clock_.Now());
}

Status Coordinator::AlterDatabase(const std::string& name, const PropertyChanges& changes,
                                  const std::optional<std::string>& comment,
                                  bool ignore_if_not_exists) {
  const auto it = view()->databases.find(name);
  if (it == view()->databases.end()) {
    if (ignore_if_not_exists) return {};
    return Err(ErrorCode::kDatabaseNotExist, "database {} does not exist", name);
  }
  model::DatabaseDescriptor descriptor = it->second->descriptor;
  for (const auto& [key, value] : changes) {
    if (value) {
      descriptor.custom_properties[key] = *value;
    } else {
      descriptor.custom_properties.erase(key);
    }
  }
  if (comment) descriptor.comment = comment;
  return catalog_.UpdateDatabase(*it->second, descriptor, clock_.Now());
}

Result<std::vector<TablePath>> Coordinator::PlanDropDatabase(const std::string& name,
                                                             bool ignore_if_not_exists,
                                                             bool cascade) const {
  std::vector<TablePath> tables;
  if (name == kDefaultDatabase)
    return Err(ErrorCode::kUnknownServerError, "the default database '{}' cannot be dropped", name);
  if (!view()->databases.contains(name)) {
    if (ignore_if_not_exists) return tables;
    return Err(ErrorCode::kDatabaseNotExist, "database {} does not exist", name);
  }
  for (const auto& [path, table] : view()->tables) {
    if (path.database == name) tables.push_back(path);
  }
  if (!tables.empty() && !cascade) {
    return Err(ErrorCode::kDatabaseNotEmpty,
               "database {} still has {} tables, {} among them; drop them or use CASCADE", name,
               tables.size(), tables.front().table);
  }
  return tables;
}

Status Coordinator::CommitDropDatabase(const std::string& name) {
  if (!view()->databases.contains(name)) return {};
  return catalog_.DropDatabase(name);
}

Result<std::optional<Coordinator::CreatePlan>> Coordinator::PlanCreateTable(
    const TablePath& path, model::TableDescriptor descriptor, bool ignore_if_exists) const {
  STROM_TRY(model::CheckName(path.database, "database name", ErrorCode::kInvalidDatabase));
  STROM_TRY(model::CheckNewName(path.table, "table name", ErrorCode::kInvalidTable));
  STROM_TRY(model::ApplyDefaults(rules_, descriptor));
  STROM_ASSIGN(const model::TableOptions table_options,
               model::ValidateDescriptor(rules_, descriptor));
  if (!view()->databases.contains(path.database)) {
    return Err(ErrorCode::kDatabaseNotExist, "database {} does not exist", path.database);
  }
  if (view()->tables.contains(path)) {
    if (ignore_if_exists) return std::nullopt;
    return Err(ErrorCode::kTableAlreadyExist, "table {} already exists", path.ToString());
  }
  STROM_TRY(server_upkeep_->CheckNewBuckets());
  return CreatePlan{path, std::move(descriptor), table_options};
}

Result<std::shared_ptr<const meta::TableEntry>> Coordinator::CommitCreateTable(
    const CreatePlan& plan) {
  STROM_ASSIGN(const auto table,
               catalog_.CreateTable(plan.path, plan.descriptor, plan.options, clock_.Now()));
  if (plan.options.lake_enabled) {
    tiering_.Register(table->info.table_id, plan.options.lake_freshness_ms, /*tiered_before=*/false,
                      clock_.Now());
    tiering_.SetCompacted(table->info.table_id, plan.options.lake_auto_compaction);
  }
  return table;
}

Result<std::shared_ptr<const meta::TableEntry>> Coordinator::DropTable(const TablePath& path,
                                                                       bool ignore_if_not_exists) {
  auto table = FindTable(path);
  if (!table) {
    if (ignore_if_not_exists) return nullptr;
    return std::unexpected(table.error());
  }
  STROM_TRY(catalog_.DropTable(**table));
  tiering_.Remove((*table)->info.table_id);
  return *table;
}

Result<std::optional<Coordinator::AlterPlan>> Coordinator::PlanAlterTable(
    const TablePath& path, const PropertyChanges& changes, std::vector<model::Column> new_columns,
    bool ignore_if_not_exists) const {
  auto found = FindTable(path);
  if (!found) {
    if (ignore_if_not_exists) return std::nullopt;
    return std::unexpected(found.error());
  }
  if (!changes.empty() && !new_columns.empty()) {
    return Err(ErrorCode::kInvalidAlterTable,
               "options and columns of {} cannot be changed by one statement", path.ToString());
  }
  AlterPlan plan{*found, (*found)->info};
  plan.after.modified_ms = clock_.Now();
  if (!new_columns.empty()) {
    for (model::Column& column : new_columns) {
      STROM_ASSIGN(plan.after.descriptor.schema,
                   model::WithColumn(plan.after.descriptor.schema, std::move(column)));
    }
    STROM_TRY(model::ValidateDescriptor(rules_, plan.after.descriptor));
    constexpr int32_t kMaxSchemaId = 32767;  // an int16 in every batch
    if (++plan.after.schema_id > kMaxSchemaId)
      return Err(ErrorCode::kInvalidAlterTable, "{} has too many schemas", path.ToString());
    plan.adds_columns = true;
  } else {
    STROM_ASSIGN(plan.after.options,
                 model::AlterProperties(rules_, changes, plan.after.descriptor));
  }
  plan.enables_lake = plan.after.options.lake_enabled && !plan.before->info.options.lake_enabled;
  return plan;
}

Status Coordinator::CommitAlterTable(const AlterPlan& plan) {
  STROM_TRY(catalog_.UpdateTable(*plan.before, plan.after));
  const model::TableId id = plan.after.table_id;
  const model::TableOptions& after = plan.after.options;
  if (plan.enables_lake) {
    tiering_.Register(id, after.lake_freshness_ms, view()->lakes.contains(id), clock_.Now());
  } else if (!after.lake_enabled) {
    STROM_TRY(catalog_.SetTieringPaused(id, false));  // who enables it again wants it tiered
    tiering_.Remove(id);
  } else {
    tiering_.SetFreshness(id, after.lake_freshness_ms);
  }
  tiering_.SetCompacted(id, after.lake_auto_compaction);
  return {};
}

Status Coordinator::CheckPartitionLimits(const meta::TableEntry& table) const {
  STROM_TRY(server_upkeep_->CheckNewBuckets());
  const size_t count = table.partitions.size();
  if (count >= static_cast<size_t>(rules_.max_partitions)) {
    return Err(ErrorCode::kPartitionMaxNum,
               "table {} has {} partitions, max.partition.num allows no more",
               table.info.path.ToString(), count);
  }
  if (static_cast<int64_t>(count + 1) * table.info.bucket_count() > rules_.max_buckets) {
    return Err(ErrorCode::kBucketMaxNum,
               "another partition of {} would make more buckets than the {} of max.bucket.num",
               table.info.path.ToString(), rules_.max_buckets);
  }
  return {};
}

Result<std::optional<model::PartitionId>> Coordinator::CreatePartition(const TablePath& path,
                                                                       const PartitionSpec& spec,
                                                                       bool ignore_if_exists) {
  STROM_ASSIGN(const auto table, FindTable(path));
  const model::TableDescriptor& descriptor = table->info.descriptor;
  STROM_ASSIGN(const std::vector<std::string> values, model::ResolvePartition(descriptor, spec));
  for (const std::string& value : values) {
    STROM_TRY(model::CheckNewName(value, "partition value", ErrorCode::kPartitionSpecInvalid));
  }
  const model::AutoPartition& automatic = table->info.options.auto_partition;
  if (automatic.enabled) {
    const std::string key =
        automatic.key.empty() ? descriptor.partition_keys.front() : automatic.key;
    const auto at =
        std::ranges::find(descriptor.partition_keys, key) - descriptor.partition_keys.begin();
    STROM_TRY(
        model::CheckAutoPartitionValue(values[static_cast<size_t>(at)], automatic, clock_.Now()));
  }
  const std::string name = model::PartitionName(values);
  if (table->partitions.contains(name)) {
    if (ignore_if_exists) return std::nullopt;
    return Err(ErrorCode::kPartitionAlreadyExists, "partition {} of {} already exists", name,
               path.ToString());
  }
  STROM_TRY(CheckPartitionLimits(*table));
  STROM_ASSIGN(const model::PartitionId id, catalog_.CreatePartition(*table, name));
  return id;
}

Result<std::optional<model::PartitionId>> Coordinator::DropPartition(const TablePath& path,
                                                                     const PartitionSpec& spec,
                                                                     bool ignore_if_not_exists) {
  STROM_ASSIGN(const auto table, FindTable(path));
  STROM_ASSIGN(const std::vector<std::string> values,
               model::ResolvePartition(table->info.descriptor, spec));
  const std::string name = model::PartitionName(values);
  const auto it = table->partitions.find(name);
  if (it == table->partitions.end()) {
    if (ignore_if_not_exists) return std::nullopt;
    return Err(ErrorCode::kPartitionNotExists, "partition {} of {} does not exist", name,
               path.ToString());
  }
  const model::PartitionId id = it->second;
  STROM_TRY(catalog_.DropPartition(*table, name));
  return id;
}

namespace {

Status CheckBucket(const meta::ClusterView& view, const model::TableBucket& bucket) {
  if (view.Has(bucket)) return {};
  return Err(ErrorCode::kUnknownTableOrBucket, "{} does not exist", bucket.ToString());
}

}  // namespace

Result<int64_t> Coordinator::NextKvSnapshotId(const model::TableBucket& bucket) {
  STROM_TRY(CheckBucket(*view(), bucket));
  return catalog_.NextKvSnapshotId(bucket);
}

Result<std::vector<model::KvSnapshotHandle>> Coordinator::CommitKvSnapshot(
    const model::TableBucket& bucket, const model::KvSnapshotHandle& handle, size_t kept) {
  STROM_TRY(CheckBucket(*view(), bucket));
  STROM_ASSIGN(auto before, catalog_.KvSnapshots(bucket));
  std::vector<model::KvSnapshotHandle> dropped;
  std::vector<int64_t> ids;
  for (size_t i = 0; i + kept <= before.size(); ++i) {
    if (snapshot_leases_.IsLeased(bucket, before[i].snapshot_id, clock_.Now())) continue;
    ids.push_back(before[i].snapshot_id);
    dropped.push_back(std::move(before[i]));
  }
  STROM_TRY(catalog_.PutKvSnapshot(bucket, handle, ids));
  return dropped;
}

Status Coordinator::CommitRemoteLog(const model::TableBucket& bucket,
                                    const model::RemoteLogHandle& handle) {
  STROM_TRY(CheckBucket(*view(), bucket));
  return catalog_.PutRemoteLog(bucket, handle);
}

Result<int64_t> Coordinator::TakeColumnIds(model::TableId id, int32_t column_id, int64_t count) {
  const meta::TableEntry* const table = view()->Find(id);
  if (table == nullptr) return Err(ErrorCode::kTableNotExist, "table {} does not exist", id);
  return catalog_.TakeColumnIds(table->info.path, column_id, count);
}

void Coordinator::RunAutoPartition(
    const meta::TableEntry& table,
    std::vector<std::pair<model::TableId, model::PartitionId>>& dropped) {
  const model::AutoPartition& automatic = table.info.options.auto_partition;
  const model::TableDescriptor& descriptor = table.info.descriptor;
  const TablePath path = table.info.path;
  const size_t keys = descriptor.partition_keys.size();
  const std::string key = automatic.key.empty() ? descriptor.partition_keys.front() : automatic.key;
  const auto at = static_cast<size_t>(std::ranges::find(descriptor.partition_keys, key) -
                                      descriptor.partition_keys.begin());
  const Millis now = clock_.Now();
  if (automatic.retention >= 0) {
    const auto oldest =
        model::AutoPartitionValue(now, automatic.unit, automatic.time_zone, -automatic.retention);
    if (!oldest)
      return LogWarn("auto partition of {}: {}", path.ToString(), oldest.error().message);
    for (const auto& [name, id] : table.partitions) {
      const auto values = model::PartitionValues(name, keys);
      if (!values || (*values)[at] >= *oldest) continue;
      const auto current = FindTable(path);
      if (const Status done = catalog_.DropPartition(**current, name); !done) {
        LogWarn("auto partition of {}: cannot drop {}: {}", path.ToString(), name,
                done.error().message);
      } else {
        dropped.emplace_back((*current)->info.table_id, id);
      }
    }
  }
  if (keys > 1) return;
  for (int32_t step = 0; step < automatic.precreate; ++step) {
    const auto value = model::AutoPartitionValue(now, automatic.unit, automatic.time_zone, step);
    if (!value) return LogWarn("auto partition of {}: {}", path.ToString(), value.error().message);
    const auto created = CreatePartition(path, {{key, *value}}, /*ignore_if_exists=*/true);
    if (!created)
      LogWarn("auto partition of {}: cannot create {}: {}", path.ToString(), *value,
              created.error().message);
  }
}

std::vector<std::pair<model::TableId, model::PartitionId>> Coordinator::RunAutoPartition(
    std::optional<model::TableId> only) {
  std::vector<std::pair<model::TableId, model::PartitionId>> dropped;
  const auto now = view();  // held while tables change
  for (const auto& [id, table] : now->tables_by_id) {
    if (only && id != *only) continue;
    if (table->info.options.auto_partition.enabled) RunAutoPartition(*table, dropped);
  }
  return dropped;
}

std::vector<Coordinator::ConfigEntry> Coordinator::DescribeConfigs() const {
  std::vector<ConfigEntry> entries;
  const auto mask = [](const std::string& key, const std::string& value) {
    return IsSecret(key) ? std::string("******") : value;
  };
  const auto& dynamic = catalog_.dynamic_config();
  for (const auto& [key, value] : options_.settings) {
    if (!dynamic.contains(key)) entries.push_back({key, mask(key, value), false});
  }
  for (const auto& [key, value] : dynamic) {
    entries.push_back({key, value ? std::optional(mask(key, *value)) : std::nullopt, true});
  }
  return entries;
}

Result<Coordinator::ConfigPlan> Coordinator::PlanConfigs(
    const std::vector<ConfigChange>& changes) const {
  ConfigPlan plan;
  plan.next = catalog_.dynamic_config();
  for (const ConfigChange& change : changes) {
    if (!IsDynamic(change.key)) {
      return Err(ErrorCode::kInvalidConfig,
                 "'{}' cannot be changed while the cluster runs; set it in server.yaml",
                 change.key);
    }
    const bool in_list = change.op == ConfigOp::kAppend || change.op == ConfigOp::kSubtract;
    if (in_list && change.key == security::kUsersSetting) {
      const Settings now = Effective(plan.next);
      const auto before = now.find(security::kUsersSetting);
      STROM_ASSIGN(plan.next[security::kUsersSetting],
                   ChangeUsers(before == now.end() ? std::nullopt : std::optional(before->second),
                               change.value.value_or(""), change.op == ConfigOp::kSubtract));
      continue;
    }
    if (in_list) {
      return Err(ErrorCode::kInvalidConfig, "'{}' is no list: it can be set or deleted",
                 change.key);
    }
    if (change.op == ConfigOp::kDelete) {
      plan.next.erase(change.key);
    } else {
      plan.next[change.key] = change.value;
    }
  }
  plan.effective = Effective(plan.next);
  if (const auto users = plan.effective.find(security::kUsersSetting);
      users != plan.effective.end())
    STROM_TRY(security::PasswordsInList(users->second));
  STROM_TRY(LoadRules(plan.effective, plan.rules));
  STROM_TRY(CheckLakeInUse(plan.rules));
  const auto of_lake = [](const ConfigChange& change) {
    return change.key.starts_with("datalake.");
  };
  plan.switches_lake =
      plan.rules.lake_enabled && std::ranges::any_of(changes, of_lake) &&
      (!rules_.lake_enabled || plan.effective != Effective(catalog_.dynamic_config()));
  return plan;
}

Status Coordinator::CommitConfigs(ConfigPlan plan) {
  STROM_TRY(catalog_.PutDynamicConfig(std::move(plan.next)));
  rules_ = plan.rules;
  return {};
}

Status Coordinator::PauseTiering(model::TableId table_id, bool paused) {
  STROM_TRY(catalog_.SetTieringPaused(table_id, paused));
  if (paused) {
    tiering_.Pause(table_id);
  } else {
    tiering_.Resume(table_id);
  }
  return {};
}

Result<std::string> Coordinator::PrepareLakeSnapshot(model::TableId table_id,
                                                     const BucketOffsets& offsets,
                                                     bool ignore_previous) {
  const meta::TableEntry* table = view()->Find(table_id);
  if (table == nullptr) return Err(ErrorCode::kTableNotExist, "table {} does not exist", table_id);
  BucketOffsets merged;
  const auto lake = view()->lakes.find(table_id);
  if (!ignore_previous && lake != view()->lakes.end()) merged = lake->second->offsets;
  const TablePath& path = table->info.path;
  for (const auto& [bucket, offset] : offsets) {
    if (bucket.bucket < 0 || bucket.bucket >= table->info.bucket_count()) {
      return Err(ErrorCode::kUnknownTableOrBucket, "table {} has {} buckets, and no {}",
                 path.ToString(), table->info.bucket_count(), bucket.bucket);
    }
    merged[bucket] = offset;
  }
  const std::string dir = fmt::format("{}/lake/{}/{}-{}/metadata", options_.remote_dir,
                                      path.database, path.table, table_id);
  return catalog_.WriteLakeOffsets(dir, table_id, merged);
}

Status Coordinator::CommitLakeSnapshot(model::TableId table_id,
                                       const meta::LakeState::Snapshot& snapshot,
                                       std::optional<int64_t> keep_from) {
  if (view()->Find(table_id) == nullptr)
    return Err(ErrorCode::kTableNotExist, "table {} does not exist", table_id);
  meta::LakeState next;
  if (const auto lake = view()->lakes.find(table_id); lake != view()->lakes.end() && keep_from) {
    next.snapshots = lake->second->snapshots;
    const auto keep =
        std::ranges::find(next.snapshots, *keep_from, &meta::LakeState::Snapshot::snapshot_id);
    if (keep != next.snapshots.end()) next.snapshots.erase(next.snapshots.begin(), keep);
  }
  next.snapshots.push_back(snapshot);
  STROM_ASSIGN(next.offsets, catalog_.ReadLakeOffsets(snapshot.tiered_path));
  return catalog_.PutLake(table_id, std::move(next));
}

}  // namespace strom::coordinator
