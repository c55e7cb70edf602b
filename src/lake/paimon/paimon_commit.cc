#include <algorithm>
#include <set>

#include "lake/paimon/paimon_commit_internal.h"

namespace strom::lake::paimon {
namespace {

constexpr int kMaxAttempts = 10;
constexpr size_t kMergeFrom = 30;                // manifest.merge-min-count
constexpr int64_t kFullManifestBytes = 8 << 20;  // manifest.target-file-size

/// Statistics of the partitions of some entries: readers skip whole manifests by them.
Result<Stats> PartitionStats(const TableSchema& schema, const std::vector<ManifestEntry>& entries) {
  const std::vector<model::DataType> types = schema.PartitionTypes();
  Stats stats{EmptyRow(), EmptyRow(), {}};
  if (types.empty() || entries.empty()) return stats;
  record::Row low(types.size());
  record::Row high(types.size());
  stats.null_counts.assign(types.size(), 0);
  for (const ManifestEntry& entry : entries) {
    STROM_ASSIGN(const record::Row row, DecodeRow(types, entry.partition));
    for (size_t i = 0; i < types.size(); ++i) {
      if (row[i].is_null()) {
        stats.null_counts[i] = *stats.null_counts[i] + 1;
        continue;
      }
      if (low[i].is_null() || Less(row[i], low[i])) low[i] = row[i];
      if (high[i].is_null() || Less(high[i], row[i])) high[i] = row[i];
    }
  }
  STROM_ASSIGN(stats.min, EncodeRow(types, low));
  STROM_ASSIGN(stats.max, EncodeRow(types, high));
  return stats;
}

Result<ManifestMeta> WriteManifest(const PaimonFiles& files, const TableSchema& schema,
                                   const std::vector<ManifestEntry>& entries) {
  STROM_ASSIGN(const auto written, files.WriteMetadata("manifest", EncodeManifest(entries)));
  ManifestMeta meta;
  meta.file_name = written.name;
  meta.file_size = written.bytes;
  for (const ManifestEntry& entry : entries) {
    ++(entry.is_delete ? meta.deleted_files : meta.added_files);
    meta.schema_id = std::max(meta.schema_id, entry.schema_id);
  }
  STROM_ASSIGN(meta.partition_stats, PartitionStats(schema, entries));
  return meta;
}

/// Joins small manifests once there are many, so that planning stays cheap however many commits
/// there were.
Status MergeSmall(const PaimonFiles& files, const TableSchema& schema,
                  std::vector<ManifestMeta>& manifests, std::vector<std::string>& written) {
  const auto small = [](const ManifestMeta& meta) { return meta.file_size < kFullManifestBytes; };
  if (static_cast<size_t>(std::ranges::count_if(manifests, small)) < kMergeFrom) return {};
  std::vector<ManifestMeta> kept;
  MergedEntries merged;
  for (const ManifestMeta& meta : manifests) {
    if (!small(meta)) {
      kept.push_back(meta);
      continue;
    }
    STROM_ASSIGN(std::vector<ManifestEntry> entries, files.ReadManifest(meta.file_name));
    // A deletion whose file lies in a kept manifest stays.
    for (ManifestEntry& entry : entries) merged.Add(std::move(entry));
  }
  STROM_ASSIGN(const ManifestMeta meta, WriteManifest(files, schema, merged.Take()));
  written.push_back(meta.file_name);
  kept.push_back(meta);
  manifests = std::move(kept);
  return {};
}

/// Errors: kConflict when one of the files that `entries` delete is not in the table any more.
Status CheckDeletions(const PaimonFiles& files, const Snapshot& latest,
                      const std::vector<ManifestEntry>& entries) {
  STROM_ASSIGN(const std::vector<ManifestEntry> live, files.LiveEntries(latest));
  std::set<std::string> there;
  for (const ManifestEntry& entry : live) there.insert(entry.Identity());
  for (const ManifestEntry& entry : entries) {
    if (!entry.is_delete || there.contains(entry.Identity())) continue;
    return Err(ErrorCode::kConflict, "{}: somebody else removed {} in the meantime", files.dir(),
               entry.file_name);
  }
  return {};
}

/// What a commit adds, and before it the removal of everything in the buckets that it replaces.
Result<std::vector<ManifestEntry>> WithRemovals(const PaimonFiles& files, const Snapshot& latest,
                                                const Commit& commit) {
  STROM_ASSIGN(const std::vector<ManifestEntry> live, files.LiveEntries(latest));
  std::vector<ManifestEntry> entries;
  for (const ManifestEntry& entry : live) {
    if (!commit.replaced.contains({entry.partition, entry.bucket})) continue;
    entries.push_back(entry);
    entries.back().is_delete = true;
  }
  entries.insert(entries.end(), commit.entries.begin(), commit.entries.end());
  return entries;
}

/// Errors: kFencedTieringEpoch when a tiering service has committed after snapshot `before`: what
/// this commit has, it has already, or the offsets of this one would go back.
Status CheckFence(const PaimonFiles& files, int64_t before, int64_t latest) {
  for (int64_t id = latest; id > before; --id) {
    const auto snapshot = files.ReadSnapshot(id);
    if (!snapshot && snapshot.error().code == ErrorCode::kNotFound) return {};  // expired
    if (!snapshot) return std::unexpected(snapshot.error());
    if (snapshot->commit_user != kCommitUser) continue;
    return Err(ErrorCode::kFencedTieringEpoch,
               "{}: another tiering worker committed snapshot {} in the meantime", files.dir(), id);
  }
  return {};
}

}  // namespace

Result<int64_t> CommitFiles(const PaimonFiles& files, const TableSchema& schema,
                            const Commit& commit) {
  const auto write_list =
      [&](const std::vector<ManifestEntry>& listed) -> Result<PaimonFiles::Written> {
    std::vector<ManifestMeta> manifests;
    if (!listed.empty()) {
      STROM_ASSIGN(ManifestMeta meta, WriteManifest(files, schema, listed));
      manifests.push_back(std::move(meta));
    }
    return files.WriteMetadata("manifest-list", EncodeManifestList(manifests));
  };
  auto entries = commit.entries;
  STROM_ASSIGN(auto delta_list, write_list(entries));
  std::optional<PaimonFiles::Written> changelog_list;
  if (!commit.changelog.empty()) {
    STROM_ASSIGN(changelog_list, write_list(commit.changelog));
  }
  int64_t changes = 0;
  for (const ManifestEntry& entry : commit.changelog) changes += entry.row_count;

  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::vector<std::string> of_attempt;  // to be removed when the attempt is lost
    Snapshot next;
    next.id = 1;
    std::vector<ManifestMeta> base;
    STROM_ASSIGN(const auto latest_id, files.LatestSnapshotId());
    if (latest_id) {
      STROM_ASSIGN(const Snapshot latest, files.ReadSnapshot(*latest_id));
      if (commit.own_before) STROM_TRY(CheckFence(files, *commit.own_before, *latest_id));
      if (commit.compaction) STROM_TRY(CheckDeletions(files, latest, commit.entries));
      if (!commit.replaced.empty()) {
        STROM_ASSIGN(entries, WithRemovals(files, latest, commit));
        STROM_ASSIGN(delta_list, write_list(entries));
        of_attempt.push_back(delta_list.name);
        next.commit_kind = "OVERWRITE";
      }
      STROM_ASSIGN(base, files.ReadManifestList(latest.base_manifest_list));
      STROM_ASSIGN(const auto latest_delta, files.ReadManifestList(latest.delta_manifest_list));
      base.insert(base.end(), latest_delta.begin(), latest_delta.end());
      next.id = latest.id + 1;
      next.total_records = latest.total_records;
      next.index_manifest = latest.index_manifest;
      next.watermark = latest.watermark;
      if (latest.schema_id == schema.id) next.statistics = latest.statistics;
      STROM_TRY(MergeSmall(files, schema, base, of_attempt));
    }
    STROM_ASSIGN(const auto base_list,
                 files.WriteMetadata("manifest-list", EncodeManifestList(base)));
    of_attempt.push_back(base_list.name);
    next.schema_id = schema.id;
    next.base_manifest_list = base_list.name;
    next.base_manifest_list_size = base_list.bytes;
    next.delta_manifest_list = delta_list.name;
    next.delta_manifest_list_size = delta_list.bytes;
    if (changelog_list) {
      next.changelog_manifest_list = changelog_list->name;
      next.changelog_manifest_list_size = changelog_list->bytes;
      next.changelog_records = changes;
    }
    if (commit.compaction) next.commit_kind = "COMPACT";
    next.commit_user = kCommitUser;
    next.commit_identifier = kBatchCommitIdentifier;
    next.time_ms = SystemClock().Now();
    int64_t added = 0;
    for (const ManifestEntry& entry : entries)
      added += entry.is_delete ? -entry.row_count : entry.row_count;
    next.total_records += added;
    next.delta_records = added;
    next.properties = {{kOffsetsProperty, commit.offsets_path}};
    const Status created = files.CreateSnapshot(next);
    if (created) return next.id;
    if (created.error().code != ErrorCode::kAlreadyExists) {
      // The file may be there or not: nothing of this attempt may be cleaned up.
      return Err(ErrorCode::kOutcomeUnknown, "{}", created.error().message);
    }
    files.Remove(of_attempt);
  }
  return Err(ErrorCode::kConflict, "{}: other committers were faster {} times", files.dir(),
             kMaxAttempts);
}

}  // namespace strom::lake::paimon
