#include "model/table_rules.h"

#include <algorithm>

#include "base/text.h"

namespace strom::model {
namespace {

constexpr const char* kSystemColumns[] = {"__offset",     "__timestamp", "__bucket",
                                          "_change_type", "_log_offset", "_commit_timestamp"};

bool IsTrue(const Properties& properties, const std::string& key) {
  const auto it = properties.find(key);
  return it != properties.end() && ToLower(it->second) == "true";
}

std::string ValueOf(const Properties& properties, const std::string& key) {
  const auto it = properties.find(key);
  return it == properties.end() ? std::string() : ToUpper(it->second);
}

Status CheckFlatColumns(const Schema& schema, const std::vector<std::string>& names,
                        const char* what) {
  for (const std::string& name : names) {
    const DataType& type = schema.columns[static_cast<size_t>(schema.Find(name))].type;
    if (IsNested(type.root)) {
      return Err(ErrorCode::kInvalidTable,
                 "{} column '{}' has type {}; nested types cannot be keys", what, name,
                 type.ToString());
    }
  }
  return {};
}

bool IsNumeric(TypeRoot root) {
  return (root >= TypeRoot::kTinyInt && root <= TypeRoot::kDouble) || root == TypeRoot::kDecimal;
}
bool IsComparable(TypeRoot root) {
  return IsNumeric(root) || root == TypeRoot::kChar || root == TypeRoot::kString ||
         (root >= TypeRoot::kDate && root <= TypeRoot::kTimestampLtz);
}
bool IsText(TypeRoot root) {
  return root == TypeRoot::kChar || root == TypeRoot::kString;
}

/// Which types an aggregate function takes; nothing for an unknown one.
std::optional<bool> Takes(const std::string& function, TypeRoot root) {
  if (function == "sum" || function == "product") return IsNumeric(root);
  if (function == "max" || function == "min") return IsComparable(root);
  if (function == "listagg" || function == "string_agg") return IsText(root);
  if (function == "bool_and" || function == "bool_or") return root == TypeRoot::kBoolean;
  if (function == "rbm32") return root == TypeRoot::kBytes;
  for (const char* any :
       {"last_value", "last_value_ignore_nulls", "first_value", "first_value_ignore_nulls"}) {
    if (function == any) return true;
  }
  return std::nullopt;
}

Status CheckAggFunctions(const TableDescriptor& descriptor, const TableOptions& options) {
  for (const Column& column : descriptor.schema.columns) {
    if (!column.agg_function) continue;
    const AggFunction& function = *column.agg_function;
    if (descriptor.schema.IsKey(column.name)) {
      return Err(ErrorCode::kInvalidTable,
                 "primary key column '{}' cannot have an aggregate function", column.name);
    }
    if (options.merge_engine != MergeEngine::kAggregation) {
      return Err(ErrorCode::kInvalidConfig,
                 "column '{}' has the aggregate function {}, which needs table.merge-engine = "
                 "aggregation",
                 column.name, function.type);
    }
    const auto takes = Takes(function.type, column.type.root);
    if (!takes) {
      return Err(ErrorCode::kInvalidConfig,
                 "column '{}': the aggregate function '{}' is not supported", column.name,
                 function.type);
    }
    if (!*takes) {
      return Err(ErrorCode::kInvalidConfig,
                 "column '{}': the aggregate function {} has no form "
                 "for type {}",
                 column.name, function.type, column.type.ToString());
    }
    const bool lists = function.type == "listagg" || function.type == "string_agg";
    for (const auto& [name, value] : function.parameters) {
      if (name == "delimiter" && lists) continue;
      return Err(ErrorCode::kInvalidConfig,
                 "column '{}': the aggregate function {} has no parameter '{}'", column.name,
                 function.type, name);
    }
  }
  return {};
}

Status CheckAutoIncrement(const TableDescriptor& descriptor) {
  const Schema& schema = descriptor.schema;
  if (schema.auto_increment.empty()) return {};
  if (schema.auto_increment.size() > 1)
    return Err(ErrorCode::kInvalidTable, "a table can have one auto-increment column only");
  const std::string& name = schema.auto_increment[0];
  const int position = schema.Find(name);
  if (position < 0)
    return Err(ErrorCode::kInvalidTable, "auto-increment column '{}' does not exist", name);
  if (!descriptor.has_primary_key())
    return Err(ErrorCode::kInvalidTable, "an auto-increment column needs a primary key");
  if (schema.IsKey(name)) {
    return Err(ErrorCode::kInvalidTable,
               "auto-increment column '{}' cannot be part of the primary key", name);
  }
  const DataType& type = schema.columns[static_cast<size_t>(position)].type;
  if (type.root != TypeRoot::kInt && type.root != TypeRoot::kBigInt) {
    return Err(ErrorCode::kInvalidTable, "auto-increment column '{}' must be INT or BIGINT, not {}",
               name, type.ToString());
  }
  return {};
}

Status CheckMergeEngine(const TableDescriptor& descriptor) {
  const Properties& properties = descriptor.properties;
  const std::string engine = ValueOf(properties, "table.merge-engine");
  const std::string behavior = ValueOf(properties, "table.delete.behavior");
  if (!descriptor.has_primary_key()) {
    if (!engine.empty())
      return Err(ErrorCode::kInvalidConfig, "table.merge-engine needs a primary key");
    if (!behavior.empty())
      return Err(ErrorCode::kInvalidConfig, "table.delete.behavior needs a primary key");
    return {};
  }
  if (engine == "VERSIONED") {
    const auto column = properties.find("table.merge-engine.versioned.ver-column");
    if (column == properties.end()) {
      return Err(ErrorCode::kInvalidConfig,
                 "the versioned merge engine needs table.merge-engine.versioned.ver-column");
    }
    const int position = descriptor.schema.Find(column->second);
    if (position < 0)
      return Err(ErrorCode::kInvalidConfig, "version column '{}' does not exist", column->second);
    const TypeRoot root = descriptor.schema.columns[static_cast<size_t>(position)].type.root;
    if (root != TypeRoot::kInt && root != TypeRoot::kBigInt && root != TypeRoot::kTimestamp &&
        root != TypeRoot::kTimestampLtz) {
      return Err(ErrorCode::kInvalidConfig,
                 "version column '{}' must be INT, BIGINT, TIMESTAMP or TIMESTAMP_LTZ",
                 column->second);
    }
  }
  if (engine == "AGGREGATION" && ValueOf(properties, "table.changelog.image") == "WAL") {
    return Err(ErrorCode::kInvalidConfig,
               "the aggregation merge engine cannot have table.changelog.image = WAL");
  }
  if (behavior == "ALLOW" && (engine == "FIRST_ROW" || engine == "VERSIONED")) {
    return Err(ErrorCode::kInvalidConfig,
               "table.delete.behavior = ALLOW cannot be had with merge engine {}", engine);
  }
  return {};
}

Status CheckPartitioning(const TableDescriptor& descriptor, const TableOptions& options) {
  for (const std::string& name : descriptor.partition_keys) {
    const DataType& type =
        descriptor.schema.columns[static_cast<size_t>(descriptor.schema.Find(name))].type;
    if (IsNested(type.root) || type.root == TypeRoot::kDecimal) {
      return Err(ErrorCode::kInvalidTable, "partition key '{}' cannot have type {}", name,
                 type.ToString());
    }
  }
  const AutoPartition& automatic = options.auto_partition;
  if (!automatic.enabled) return {};
  if (!descriptor.partitioned()) {
    return Err(ErrorCode::kInvalidConfig, "table.auto-partition.enabled needs a partitioned table");
  }
  if (descriptor.partition_keys.size() == 1) return {};
  if (automatic.key.empty()) {
    return Err(ErrorCode::kInvalidTable,
               "table.auto-partition.key must name one of the partition keys ({})",
               Join(descriptor.partition_keys, ", "));
  }
  if (std::ranges::find(descriptor.partition_keys, automatic.key) ==
      descriptor.partition_keys.end()) {
    return Err(ErrorCode::kInvalidTable, "table.auto-partition.key '{}' is no partition key",
               automatic.key);
  }
  if (automatic.precreate > 0) {
    return Err(ErrorCode::kInvalidTable,
               "table.auto-partition.num-precreate must be 0 with several partition keys");
  }
  return {};
}

Status CheckLake(const ClusterRules& rules, const TableDescriptor& descriptor,
                 const TableOptions& options) {
  if (!rules.deletion_vectors_allowed &&
      (IsTrue(descriptor.custom_properties, "paimon.deletion-vectors.enabled") ||
       IsTrue(descriptor.properties, "paimon.deletion-vectors.enabled"))) {
    return Err(ErrorCode::kInvalidConfig,
               "paimon.deletion-vectors.enabled = true is not supported for lake tables; allow it "
               "for the cluster with "
               "datalake.paimon-deletion-vectors.allowed: true");
  }
  if (!options.lake_enabled) return {};
  if (options.lake_format != rules.lake_format) {
    return Err(ErrorCode::kInvalidConfig,
               "table.datalake.format '{}' must be the cluster's datalake.format '{}'",
               NameOf(options.lake_format), NameOf(rules.lake_format));
  }
  for (const char* owned : {"bucket", "bucket-key", "partition.legacy-name", "path"}) {
    const std::string key = std::string("paimon.") + owned;
    if (descriptor.custom_properties.contains(key)) {
      return Err(ErrorCode::kInvalidConfig,
                 "the option '{}' is set by the system and cannot be given", key);
    }
  }
  return {};
}

}  // namespace

Status ApplyDefaults(const ClusterRules& rules, TableDescriptor& descriptor) {
  if (descriptor.has_primary_key() ? !rules.allow_key_tables : !rules.allow_log_tables) {
    return Err(ErrorCode::kInvalidTable, "this cluster does not allow new {} tables",
               descriptor.has_primary_key() ? "primary key" : "log");
  }
  Properties& properties = descriptor.properties;
  if (IsTrue(properties, "table.datalake.enabled") && !rules.lake_enabled) {
    return Err(ErrorCode::kInvalidTable,
               "table.datalake.enabled = true, but this cluster has no lake; set datalake.format");
  }
  if (!descriptor.bucket_count) descriptor.bucket_count = rules.default_bucket_count;
  properties.try_emplace("table.replication.factor",
                         std::to_string(rules.default_replication_factor));
  if (descriptor.partition_keys.size() > 1 && IsTrue(properties, "table.auto-partition.enabled")) {
    properties.try_emplace("table.auto-partition.num-precreate", "0");
  }
  if (rules.lake_format != LakeFormat::kNone)
    properties.try_emplace("table.datalake.format", NameOf(rules.lake_format));
  if (!ValueOf(properties, "table.merge-engine").empty() && descriptor.has_primary_key()) {
    properties.try_emplace("table.delete.behavior", "IGNORE");
  }
  if (descriptor.has_primary_key()) properties.try_emplace("table.kv.format-version", "2");
  return {};
}

Result<TableOptions> ValidateDescriptor(const ClusterRules& rules,
                                        const TableDescriptor& descriptor) {
  STROM_ASSIGN(const TableOptions options, ParseTableOptions(descriptor.properties));
  if (!descriptor.bucket_count)
    return Err(ErrorCode::kInvalidTable, "the table has no bucket count");
  if (*descriptor.bucket_count > rules.max_buckets) {
    return Err(ErrorCode::kBucketMaxNum,
               "{} buckets are more than the {} that max.bucket.num allows",
               *descriptor.bucket_count, rules.max_buckets);
  }
  STROM_TRY(CheckFlatColumns(descriptor.schema, descriptor.bucket_keys, "bucket key"));
  STROM_TRY(CheckFlatColumns(descriptor.schema, descriptor.schema.primary_key, "primary key"));
  if (descriptor.has_primary_key() &&
      ValueOf(descriptor.properties, "table.kv.format") != "INDEXED" &&
      options.log_format == LogFormat::kIndexed) {
    return Err(ErrorCode::kInvalidConfig,
               "kv format COMPACTED needs log format ARROW or COMPACTED");
  }
  STROM_TRY(CheckMergeEngine(descriptor));
  STROM_TRY(CheckAggFunctions(descriptor, options));
  STROM_TRY(CheckAutoIncrement(descriptor));
  STROM_TRY(CheckPartitioning(descriptor, options));
  for (const Column& column : descriptor.schema.columns) {
    if (std::ranges::find(kSystemColumns, column.name) != std::end(kSystemColumns)) {
      return Err(ErrorCode::kInvalidTable, "column name '{}' is reserved for the system",
                 column.name);
    }
  }
  STROM_TRY(CheckLake(rules, descriptor, options));
  if (options.replication_factor > rules.live_servers) {
    return Err(ErrorCode::kInvalidReplicationFactor,
               "replication factor {} is more than the {} live tablet servers",
               options.replication_factor, rules.live_servers);
  }
  return options;
}

Result<TableOptions> AlterProperties(
    const ClusterRules& rules,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& changes,
    TableDescriptor& descriptor) {
  const bool has_format = descriptor.properties.contains("table.datalake.format");
  for (const auto& [key, value] : changes) {
    const bool ours = key.starts_with("table.");
    if (ours && !IsAlterable(key, rules.freshness_mutable)) {
      if (key == "table.datalake.freshness") {
        return Err(ErrorCode::kInvalidAlterTable,
                   "table.datalake.freshness cannot be changed after CREATE TABLE; create a new "
                   "table, or allow it for the "
                   "cluster with datalake.freshness.mutable: true");
      }
      if (const auto known = ParseTableOptions({{key, ""}});
          !known && known.error().message.starts_with("unknown")) {
        return Err(ErrorCode::kInvalidAlterTable, "{}", known.error().message);
      }
      return Err(ErrorCode::kInvalidAlterTable,
                 "the option '{}' cannot be changed after CREATE TABLE", key);
    }
    if (key.starts_with("table.datalake.") && !has_format) {
      const bool may_bind = key == "table.datalake.enabled" && !descriptor.has_primary_key() &&
                            descriptor.bucket_keys.empty();
      if (!may_bind) {
        return Err(ErrorCode::kInvalidAlterTable,
                   "'{}' cannot be changed: the table was created before the cluster had a lake, "
                   "and its buckets would not "
                   "align with the lake's; create a new table",
                   key);
      }
      if (rules.lake_format != LakeFormat::kNone)
        descriptor.properties["table.datalake.format"] = NameOf(rules.lake_format);
    }
    Properties& target = ours ? descriptor.properties : descriptor.custom_properties;
    if (value) {
      target[key] = *value;
    } else {
      target.erase(key);
    }
  }
  if (IsTrue(descriptor.properties, "table.datalake.enabled") && !rules.lake_enabled) {
    return Err(ErrorCode::kInvalidAlterTable,
               "table.datalake.enabled = true, but this cluster has no lake; set datalake.format");
  }
  return ValidateDescriptor(rules, descriptor);
}

}  // namespace strom::model
