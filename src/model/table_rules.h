#pragma once
#include <cstdint>

#include "base/result.h"
#include "model/table.h"

namespace strom::model {

/// What the cluster allows and fills in; made from its configuration.
struct ClusterRules {
  int32_t default_bucket_count = 1;
  int32_t default_replication_factor = 1;
  int32_t live_servers = 1;
  int32_t max_buckets = 128000;   // over all partitions of a table
  int32_t max_partitions = 1000;  // of a table
  bool allow_log_tables = true;
  bool allow_key_tables = true;
  LakeFormat lake_format = LakeFormat::kNone;  // pre-bound to new tables
  bool lake_enabled = false;                   // tables may switch the lake on
  bool freshness_mutable =
      false;  // upstream's behaviour: ALTER may change table.datalake.freshness
  bool deletion_vectors_allowed =
      false;  // upstream's behaviour: paimon.deletion-vectors.enabled = true
};

/// Fills what the user left open: bucket count, replication factor, lake format, ....
/// Errors: kInvalidTable (table kind not allowed, lake not available), kInvalidConfig.
Status ApplyDefaults(const ClusterRules& rules, TableDescriptor& descriptor);

/// Checks a complete descriptor, in the published order of checks. Errors: kInvalidTable,
/// kInvalidConfig, kBucketMaxNum, kInvalidReplicationFactor.
Result<TableOptions> ValidateDescriptor(const ClusterRules& rules,
                                        const TableDescriptor& descriptor);

/// Applies property changes of ALTER TABLE to `descriptor`; an absent value resets the option.
/// Errors: kInvalidAlterTable for what cannot change, and those of ValidateDescriptor.
Result<TableOptions> AlterProperties(
    const ClusterRules& rules,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& changes,
    TableDescriptor& descriptor);

}  // namespace strom::model
