#include "model/table.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "model/duration.h"
#include "model/json_internal.h"

namespace strom::model {
namespace {

constexpr int32_t kMaxInt = 0x7fffffff;

template <class T>
Result<T> ParseEnum(const std::string& text, const std::vector<std::pair<const char*, T>>& names) {
  const std::string upper = ToUpper(text);
  std::vector<std::string> known;
  for (const auto& [name, value] : names) {
    if (upper == name) return value;
    known.emplace_back(name);
  }
  return Err(ErrorCode::kInvalidConfig, "'{}' is none of {}", text, Join(known, ", "));
}

Status SetInt(const std::string& text, int64_t low, int64_t high, int32_t& out) {
  STROM_ASSIGN(const int64_t value, ParseInteger(text, low, high));
  out = static_cast<int32_t>(value);
  return {};
}

using Setter = Status (*)(const std::string& text, TableOptions& options);

struct Option {
  const char* name;
  bool alterable;
  Setter set;
};

Status SetLogFormat(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.log_format,
               (ParseEnum<LogFormat>(text, {{"ARROW", LogFormat::kArrow},
                                            {"INDEXED", LogFormat::kIndexed},
                                            {"COMPACTED", LogFormat::kCompacted}})));
  return {};
}
Status SetCompression(const std::string& text, TableOptions& options) {
  STROM_TRY((ParseEnum<int>(text, {{"NONE", 0}, {"LZ4_FRAME", 1}, {"ZSTD", 2}})));
  options.arrow_compression = ToUpper(text);
  return {};
}
Status SetTimeUnit(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.auto_partition.unit,
               (ParseEnum<TimeUnit>(text, {{"HOUR", TimeUnit::kHour},
                                           {"DAY", TimeUnit::kDay},
                                           {"MONTH", TimeUnit::kMonth},
                                           {"QUARTER", TimeUnit::kQuarter},
                                           {"YEAR", TimeUnit::kYear}})));
  return {};
}
Status SetLakeFormat(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.lake_format, ParseLakeFormat(text));
  return {};
}
Status SetTtl(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.log_ttl_ms, ParseDuration(text));
  return {};
}
Status SetFreshness(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.lake_freshness_ms, ParseDuration(text));
  if (options.lake_freshness_ms <= 0)
    return Err(ErrorCode::kInvalidConfig, "'{}' must be more than nothing", text);
  return {};
}
Status SetKvFormat(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.kv_format, (ParseEnum<KvFormat>(text, {{"COMPACTED", KvFormat::kCompacted},
                                                              {"INDEXED", KvFormat::kIndexed}})));
  return {};
}
Status SetMergeEngine(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.merge_engine,
               (ParseEnum<MergeEngine>(text, {{"FIRST_ROW", MergeEngine::kFirstRow},
                                              {"VERSIONED", MergeEngine::kVersioned},
                                              {"AGGREGATION", MergeEngine::kAggregation}})));
  return {};
}
Status SetDeleteBehavior(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.delete_behavior,
               (ParseEnum<DeleteBehavior>(text, {{"ALLOW", DeleteBehavior::kAllow},
                                                 {"IGNORE", DeleteBehavior::kIgnore},
                                                 {"DISABLE", DeleteBehavior::kDisable}})));
  return {};
}
Status SetChangelogImage(const std::string& text, TableOptions& options) {
  STROM_ASSIGN(options.changelog_image,
               (ParseEnum<ChangelogImage>(
                   text, {{"FULL", ChangelogImage::kFull}, {"WAL", ChangelogImage::kWal}})));
  return {};
}

const Option kOptions[] = {
    {"table.replication.factor", false,
     [](const std::string& t, TableOptions& o) {
       return SetInt(t, 1, kMaxInt, o.replication_factor);
     }},
    {"table.log.format", false, SetLogFormat},
    {"table.log.arrow.compression.type", false, SetCompression},
    {"table.log.arrow.compression.zstd.level", false,
     [](const std::string& t, TableOptions& o) { return SetInt(t, 1, 22, o.zstd_level); }},
    {"table.kv.format", false, SetKvFormat},
    {"table.kv.format-version", false,
     [](const std::string& t, TableOptions& o) { return SetInt(t, 1, 2, o.kv_format_version); }},
    {"table.log.ttl", true, SetTtl},
    {"table.log.tiered.local-segments", true,
     [](const std::string& t, TableOptions& o) { return SetInt(t, 1, kMaxInt, o.local_segments); }},
    {"table.auto-partition.enabled", true,
     [](const std::string& t, TableOptions& o) -> Status {
       STROM_ASSIGN(o.auto_partition.enabled, ParseBool(t));
       return {};
     }},
    {"table.auto-partition.key", false,
     [](const std::string& t, TableOptions& o) -> Status {
       o.auto_partition.key = t;
       return {};
     }},
    {"table.auto-partition.time-unit", false, SetTimeUnit},
    {"table.auto-partition.time-zone", false,
     [](const std::string& t, TableOptions& o) -> Status {
       o.auto_partition.time_zone = t;
       return {};
     }},
    {"table.auto-partition.num-precreate", true,
     [](const std::string& t, TableOptions& o) {
       return SetInt(t, 0, kMaxInt, o.auto_partition.precreate);
     }},
    {"table.auto-partition.num-retention", true,
     [](const std::string& t, TableOptions& o) {
       return SetInt(t, -kMaxInt, kMaxInt, o.auto_partition.retention);
     }},
    {"table.datalake.enabled", true,
     [](const std::string& t, TableOptions& o) -> Status {
       STROM_ASSIGN(o.lake_enabled, ParseBool(t));
       return {};
     }},
    {"table.datalake.format", false, SetLakeFormat},
    {"table.datalake.freshness", true, SetFreshness},
    {"table.datalake.auto-compaction", true,
     [](const std::string& t, TableOptions& o) -> Status {
       STROM_ASSIGN(o.lake_auto_compaction, ParseBool(t));
       return {};
     }},
    {"table.datalake.auto-expire-snapshot", false,
     [](const std::string& t, TableOptions& o) -> Status {
       STROM_ASSIGN(o.lake_auto_expiry, ParseBool(t));
       return {};
     }},
    {"table.merge-engine", false, SetMergeEngine},
    {"table.merge-engine.versioned.ver-column", false,
     [](const std::string& t, TableOptions& o) -> Status {
       o.version_column = t;
       return {};
     }},
    {"table.delete.behavior", false, SetDeleteBehavior},
    {"table.changelog.image", false, SetChangelogImage},
    {"table.auto-increment.cache-size", false,
     [](const std::string& t, TableOptions& o) -> Status {
       STROM_ASSIGN(o.auto_increment_cache, ParseInteger(t, 1, INT64_MAX));
       return {};
     }},
};

const Option* FindOption(const std::string& name) {
  const auto* const it =
      std::ranges::find_if(kOptions, [&](const Option& o) { return name == o.name; });
  return it == std::end(kOptions) ? nullptr : it;
}

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::ranges::find(list, item) != list.end();
}

Status CheckColumns(const Schema& schema, const std::vector<std::string>& names, const char* what) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (schema.Find(name) < 0)
      return Err(ErrorCode::kInvalidTable, "{} column '{}' does not exist", what, name);
    if (!seen.insert(name).second)
      return Err(ErrorCode::kInvalidTable, "{} names column '{}' twice", what, name);
  }
  return {};
}

}  // namespace

const char* NameOf(LakeFormat format) {
  switch (format) {
    case LakeFormat::kNone: return "none";
    case LakeFormat::kPaimon: return "paimon";
    case LakeFormat::kIceberg: return "iceberg";
    case LakeFormat::kLance: return "lance";
  }
  return "?";
}

Result<LakeFormat> ParseLakeFormat(const std::string& text) {
  return ParseEnum<LakeFormat>(text, {{"PAIMON", LakeFormat::kPaimon},
                                      {"ICEBERG", LakeFormat::kIceberg},
                                      {"LANCE", LakeFormat::kLance}});
}

std::vector<std::string> TableDescriptor::PhysicalPrimaryKey() const {
  std::vector<std::string> key;
  for (const std::string& name : schema.primary_key) {
    if (!Contains(partition_keys, name)) key.push_back(name);
  }
  return key;
}

Result<TableOptions> ParseTableOptions(const Properties& properties) {
  TableOptions options;
  for (const auto& [key, value] : properties) {
    const Option* option = FindOption(key);
    if (option == nullptr) {
      const std::string near = Nearest(key, TableOptionNames());
      if (!key.starts_with("table.")) {
        return Err(ErrorCode::kInvalidConfig,
                   "'{}' is no table option; options of your own belong in custom properties", key);
      }
      return Err(ErrorCode::kInvalidConfig, "unknown table option '{}'{}", key,
                 near.empty() ? "" : "; did you mean '" + near + "'?");
    }
    if (const Status set = option->set(value, options); !set) {
      return Err(ErrorCode::kInvalidConfig, "{}: {}", key, set.error().message);
    }
  }
  return options;
}

bool IsAlterable(const std::string& key, bool freshness_mutable) {
  if (key == "table.datalake.freshness") return freshness_mutable;
  const Option* option = FindOption(key);
  return option != nullptr && option->alterable;
}

std::vector<std::string> TableOptionNames() {
  std::vector<std::string> names;
  for (const Option& option : kOptions) names.emplace_back(option.name);
  return names;
}

Status CompleteKeys(TableDescriptor& descriptor) {
  const Schema& schema = descriptor.schema;
  STROM_TRY(CheckColumns(schema, descriptor.partition_keys, "partition key"));
  if (descriptor.has_primary_key()) {
    for (const std::string& name : descriptor.partition_keys) {
      if (!Contains(schema.primary_key, name)) {
        return Err(ErrorCode::kInvalidTable,
                   "partition key '{}' must be part of the primary key ({})", name,
                   Join(schema.primary_key, ", "));
      }
    }
    const std::vector<std::string> physical = descriptor.PhysicalPrimaryKey();
    if (physical.empty()) {
      return Err(ErrorCode::kInvalidTable,
                 "the primary key has no column beside the partition keys");
    }
    if (descriptor.bucket_keys.empty()) descriptor.bucket_keys = physical;
  }
  STROM_TRY(CheckColumns(schema, descriptor.bucket_keys, "bucket key"));
  for (const std::string& name : descriptor.bucket_keys) {
    if (Contains(descriptor.partition_keys, name)) {
      return Err(ErrorCode::kInvalidTable, "bucket key '{}' is a partition key", name);
    }
    if (descriptor.has_primary_key() && !Contains(schema.primary_key, name)) {
      return Err(ErrorCode::kInvalidTable, "bucket key '{}' must be part of the primary key ({})",
                 name, Join(schema.primary_key, ", "));
    }
  }
  return {};
}

std::vector<TableBucket> TableInfo::Buckets(
    const std::map<std::string, PartitionId>& partitions) const {
  std::vector<TableBucket> buckets;
  const auto add = [&](PartitionId partition) {
    for (int32_t i = 0; i < bucket_count(); ++i) buckets.push_back({table_id, partition, i});
  };
  if (!descriptor.partitioned()) {
    add(kNoPartition);
  } else {
    for (const auto& [name, id] : partitions) add(id);
  }
  return buckets;
}

std::string DescriptorToJson(const TableDescriptor& descriptor) {
  Json json{{"version", 1}, {"schema", SchemaToJsonValue(descriptor.schema)}};
  if (descriptor.comment) json["comment"] = *descriptor.comment;
  json["partition_key"] = descriptor.partition_keys;
  if (descriptor.bucket_count || !descriptor.bucket_keys.empty())
    json["bucket_key"] = descriptor.bucket_keys;
  if (descriptor.bucket_count) json["bucket_count"] = *descriptor.bucket_count;
  json["properties"] = PropertiesToJson(descriptor.properties);
  json["custom_properties"] = PropertiesToJson(descriptor.custom_properties);
  return json.dump();
}

Result<TableDescriptor> DescriptorFromJson(const std::string& text) {
  const auto json = ParseJson(text, "table descriptor");
  if (!json || !json->is_object())
    return Err(ErrorCode::kInvalidTable, "the table descriptor is no JSON object");
  const auto schema = json->find("schema");
  if (schema == json->end())
    return Err(ErrorCode::kInvalidTable, "the table descriptor has no schema");
  TableDescriptor descriptor;
  auto parsed = SchemaFromJsonValue(*schema);
  if (!parsed) return Err(ErrorCode::kInvalidTable, "{}", parsed.error().message);
  descriptor.schema = std::move(*parsed);
  if (json->contains("comment")) descriptor.comment = JsonOr<std::string>(*json, "comment", "");
  STROM_ASSIGN(descriptor.partition_keys, StringsFromJson(*json, "partition_key"));
  STROM_ASSIGN(descriptor.bucket_keys, StringsFromJson(*json, "bucket_key"));
  if (json->contains("bucket_count")) {
    const Result<int64_t> count = JsonInt(*json, "bucket_count");
    if (!count || *count > kMaxInt || *count < 1) {
      return Err(ErrorCode::kInvalidTable, "bucket_count must be a whole number of at least 1");
    }
    descriptor.bucket_count = static_cast<int32_t>(*count);
  }
  STROM_ASSIGN(descriptor.properties, PropertiesFromJson(*json, "properties"));
  STROM_ASSIGN(descriptor.custom_properties, PropertiesFromJson(*json, "custom_properties"));
  STROM_TRY(CompleteKeys(descriptor));
  return descriptor;
}

std::string DatabaseToJson(const DatabaseDescriptor& descriptor) {
  Json json{{"version", 1}};
  if (descriptor.comment) json["comment"] = *descriptor.comment;
  json["custom_properties"] = PropertiesToJson(descriptor.custom_properties);
  return json.dump();
}

Result<DatabaseDescriptor> DatabaseFromJson(const std::string& text) {
  const auto json = ParseJson(text, "database descriptor");
  if (!json || !json->is_object())
    return Err(ErrorCode::kInvalidDatabase, "the database descriptor is no JSON object");
  DatabaseDescriptor descriptor;
  if (json->contains("comment")) descriptor.comment = JsonOr<std::string>(*json, "comment", "");
  auto properties = PropertiesFromJson(*json, "custom_properties");
  if (!properties) return Err(ErrorCode::kInvalidDatabase, "{}", properties.error().message);
  descriptor.custom_properties = std::move(*properties);
  return descriptor;
}

}  // namespace strom::model
