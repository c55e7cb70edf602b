#pragma once
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "lake/paimon/paimon_rows_internal.h"

namespace strom::lake::paimon {

// Compaction of one bucket: which of its files are rewritten into fewer, and the rewriting.

inline constexpr int32_t kMaxLevel = 5;

/// Files of a bucket of keys that follow each other in the order of the keys: one file of level 0,
/// or all of a higher level.
struct SortedRun {
  int32_t level = 0;
  int64_t bytes = 0;
  std::vector<ManifestEntry> files;
};
/// The runs of a bucket, newest first. Errors: kCorrupt.
Result<std::vector<SortedRun>> SortedRunsOf(const TableSchema& schema,
                                            std::vector<ManifestEntry> files);

/// The newest runs that are merged into one of `level`; nothing while fewer than `trigger` are of
/// level 0. Each row is rewritten a number of times that grows with the logarithm of the size.
struct MergeUnit {
  size_t runs = 0;
  int32_t level = 0;
};
std::optional<MergeUnit> PickMerge(std::span<const SortedRun> runs, size_t trigger);
/// All runs of a table at rest, so that nobody has to merge them, when the newer ones have at least
/// one byte in kMostAtRest of all, or all is little; nothing otherwise.
std::optional<MergeUnit> PickAtRest(std::span<const SortedRun> runs);

/// Groups of small files of an append table, in the order of their rows.
std::vector<std::vector<ManifestEntry>> PickJoins(std::vector<ManifestEntry> files, bool bucketed,
                                                  const WriterOptions& options);

struct Rewritten {
  std::vector<ManifestEntry> removed;
  LakeFiles added;
};
using Beat = std::function<Status()>;

/// Rewrites what is worth it of one bucket of one partition. Memory: some batches of each run.
/// After an error nothing is left behind. Errors: kIo, kCorruptRecord, those of `beat`.
Result<Rewritten> CompactBucket(const PaimonFiles& files, const TableSchema& schema,
                                std::vector<ManifestEntry> live, LakeTable::Effort effort,
                                const Beat& beat);

}  // namespace strom::lake::paimon
