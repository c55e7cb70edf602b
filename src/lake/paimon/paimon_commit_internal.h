#pragma once
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "lake/paimon/paimon_files.h"

namespace strom::lake::paimon {

/// What becomes one snapshot.
struct Commit {
  std::vector<ManifestEntry> entries;
  std::vector<ManifestEntry> changelog;  // no part of the table's content
  std::string offsets_path;
  bool compaction = false;  // of kind COMPACT: what it deletes must still be there
  /// Partitions and buckets whose files so far go; the snapshot is then of kind OVERWRITE.
  std::set<std::pair<Bytes, int32_t>> replaced = {};
  /// The newest snapshot of a tiering service that was there when the work began, 0 for none; a
  /// later one ends it. Absent: whoever else commits is no matter.
  std::optional<int64_t> own_before = {};
};

/// Commits, racing fairly with others: who loses reads the newer snapshot and tries again on top of
/// it. Returns the id of the snapshot. Errors: kConflict after kMaxAttempts, or when a file that a
/// compaction replaces is gone; kFencedTieringEpoch when a tiering service has committed since
/// `own_before`; kOutcomeUnknown, kIo.
Result<int64_t> CommitFiles(const PaimonFiles& files, const TableSchema& schema,
                            const Commit& commit);

}  // namespace strom::lake::paimon
