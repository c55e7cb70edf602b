#pragma once
#include <memory>

#include "lake/iceberg/iceberg_commit_internal.h"
#include "lake/iceberg/iceberg_files.h"
#include "lake/lake.h"

namespace strom::lake::iceberg {

std::unique_ptr<LakeTable> OpenIcebergTable(std::shared_ptr<TableState> newest);

/// What expiry keeps, by the table's properties. Errors: kInvalidConfig.
struct Retention {
  int64_t min_snapshots = 1;
  Millis max_age_ms = 0;
};
Result<Retention> RetentionOf(const TableMetadata& metadata);
/// See LakeTable::ExpireSnapshots.
Result<int64_t> ExpireSnapshots(const IcebergFiles& files, int64_t registered, Millis now);
/// See LakeTable::RemoveOrphans.
Result<int64_t> RemoveOrphans(const IcebergFiles& files, Millis before);

/// Rewrites small files and those with many rows gone, bucket by bucket. Fills `commit` and
/// `added`; leaves them empty when there is nothing to gain. Errors: those of `beat`, kIo,
/// kCorrupt.
Status PlanCompaction(const std::shared_ptr<TableState>& table, const std::function<Status()>& beat,
                      Commit& commit, LakeFiles& added);

}  // namespace strom::lake::iceberg
