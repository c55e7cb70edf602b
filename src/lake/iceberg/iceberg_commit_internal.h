#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lake/iceberg/iceberg_files.h"

namespace strom::lake::iceberg {

/// What one snapshot changes.
struct Commit {
  std::vector<FileEntry> added;
  std::set<std::string> removed;  // paths of data files and of files of deletes
  /// Partitions, with their buckets, whose files so far go.
  std::set<PartitionTuple> replaced;
  /// Paths that must still be in the table, besides `removed`: deletes name rows in them.
  std::set<std::string> referenced;
  std::string offsets_path;
  bool compaction = false;
  /// The snapshot that a compaction was planned on.
  std::optional<int64_t> planned;
  /// The newest snapshot of a tiering service that was there when the work began, 0 for none; a
  /// later one ends it. Absent: whoever else commits is no matter.
  std::optional<int64_t> own_before;
};

/// The newest snapshot of a tiering service; null when there is none.
const Snapshot* NewestOwn(const TableMetadata& metadata);

/// Commits on top of whatever is the newest version, again when somebody else was faster. Returns
/// the id of the snapshot. Errors: kConflict (files are gone, or others were always faster),
/// kFencedTieringEpoch (a tiering service has committed since `own_before`), kOutcomeUnknown, kIo,
/// kCorrupt.
Result<int64_t> CommitFiles(const IcebergFiles& files, const Commit& commit);

}  // namespace strom::lake::iceberg
