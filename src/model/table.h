#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/schema.h"

namespace strom::model {

using Properties = std::map<std::string, std::string>;

enum class LogFormat { kArrow, kIndexed, kCompacted };
enum class KvFormat { kCompacted, kIndexed };
enum class LakeFormat { kNone, kPaimon, kIceberg, kLance };
enum class TimeUnit { kHour, kDay, kMonth, kQuarter, kYear };

const char* NameOf(LakeFormat format);
Result<LakeFormat> ParseLakeFormat(const std::string& text);

/// How a primary key table combines a new row with the one its key has.
enum class MergeEngine { kLastRow, kFirstRow, kVersioned, kAggregation };
/// What a delete does: what it says, nothing, or fail.
enum class DeleteBehavior { kAllow, kIgnore, kDisable };
/// What the changelog has for an update: both rows, or the new one only.
enum class ChangelogImage { kFull, kWal };

/// The auto-partition settings of a table.
struct AutoPartition {
  bool enabled = false;
  std::string key;  // one of the partition keys
  TimeUnit unit = TimeUnit::kDay;
  std::string time_zone;  // IANA name; empty = the server's
  int32_t precreate = 2;
  int32_t retention = 7;  // negative = never dropped
};

/// A table's `table.*` properties, parsed. Defaults are those of a table that sets nothing.
struct TableOptions {
  int32_t replication_factor = 1;
  LogFormat log_format = LogFormat::kArrow;
  std::string arrow_compression = "ZSTD";  // NONE, LZ4_FRAME, ZSTD
  int32_t zstd_level = 3;
  Millis log_ttl_ms = 7 * 86400000LL;  // <= 0 keeps rows for ever
  int32_t local_segments = 2;          // kept here of those that the remote directory has
  AutoPartition auto_partition;
  // Primary key tables only.
  KvFormat kv_format = KvFormat::kCompacted;
  int32_t kv_format_version = 1;
  MergeEngine merge_engine = MergeEngine::kLastRow;
  std::string version_column;  // of MergeEngine::kVersioned
  DeleteBehavior delete_behavior = DeleteBehavior::kAllow;
  ChangelogImage changelog_image = ChangelogImage::kFull;
  int64_t auto_increment_cache = 100'000;
  bool lake_enabled = false;
  LakeFormat lake_format = LakeFormat::kNone;
  Millis lake_freshness_ms = 180000;
  bool lake_auto_compaction = false;
  bool lake_auto_expiry = false;
};

/// What a user declares: columns, keys, buckets and options. JSON: the published descriptor format,
/// version 1.
struct TableDescriptor {
  Schema schema;
  std::optional<std::string> comment;
  std::vector<std::string> partition_keys;
  std::vector<std::string> bucket_keys;
  std::optional<int32_t> bucket_count;
  Properties properties;         // table.* only
  Properties custom_properties;  // everything else

  bool has_primary_key() const { return !schema.primary_key.empty(); }
  bool partitioned() const { return !partition_keys.empty(); }
  /// Primary key columns that are not partition keys, in primary key order.
  std::vector<std::string> PhysicalPrimaryKey() const;
};

/// A table as the cluster knows it.
struct TableInfo {
  TablePath path;
  TableId table_id = 0;
  int32_t schema_id = 1;  // of descriptor.schema
  TableDescriptor descriptor;
  TableOptions options;
  Millis created_ms = 0;
  Millis modified_ms = 0;

  int32_t bucket_count() const { return descriptor.bucket_count.value_or(1); }
  /// The buckets of the table, or of its `partitions`.
  std::vector<TableBucket> Buckets(const std::map<std::string, PartitionId>& partitions) const;
};

std::string DescriptorToJson(const TableDescriptor& descriptor);
/// Reads and checks what a builder guarantees (keys exist, key sets are as they must be). Errors:
/// kInvalidTable.
Result<TableDescriptor> DescriptorFromJson(const std::string& text);
/// Checks keys against the schema and fills the bucket key of a primary key table. Errors:
/// kInvalidTable.
Status CompleteKeys(TableDescriptor& descriptor);

/// Parses `properties`. Errors: kInvalidConfig for an unknown key (naming the nearest known one) or
/// a value that does not parse.
Result<TableOptions> ParseTableOptions(const Properties& properties);
/// Whether ALTER TABLE may change `key`, a `table.*` option.
bool IsAlterable(const std::string& key, bool freshness_mutable);
/// Names of all table options.
std::vector<std::string> TableOptionNames();

struct DatabaseDescriptor {
  std::optional<std::string> comment;
  Properties custom_properties;
};
std::string DatabaseToJson(const DatabaseDescriptor& descriptor);
/// Errors: kInvalidDatabase.
Result<DatabaseDescriptor> DatabaseFromJson(const std::string& text);

}  // namespace strom::model
