#include "lake/iceberg/iceberg_table_internal.h"
#include "lake/orphans.h"
#include "model/duration.h"

namespace strom::lake::iceberg {
namespace {

/// Everything that a snapshot needs, by path.
struct Reach {
  std::set<std::string> lists;
  std::set<std::string> manifests;
  std::set<std::string> files;
};

Status AddReach(const IcebergFiles& files, const TableMetadata& metadata, const Snapshot& snapshot,
                Reach& reach) {
  reach.lists.insert(snapshot.manifest_list);
  STROM_ASSIGN(const std::vector<ManifestFile> manifests, files.ReadList(snapshot));
  for (const ManifestFile& manifest : manifests) {
    if (!reach.manifests.insert(manifest.path).second) continue;
    STROM_ASSIGN(const std::vector<FileEntry> entries, files.ReadManifest(metadata, manifest));
    for (const FileEntry& entry : entries) {
      if (entry.status != FileEntry::Status::kDeleted) reach.files.insert(entry.path);
    }
  }
  return {};
}

void RemoveRest(const IcebergFiles& files, const std::set<std::string>& gone,
                const std::set<std::string>& kept) {
  for (const std::string& path : gone) {
    if (!kept.contains(path)) files.Remove(path);
  }
}

}  // namespace

Result<Retention> RetentionOf(const TableMetadata& metadata) {
  Retention retention;
  STROM_ASSIGN(retention.min_snapshots,
               model::ParseInteger(metadata.Property("history.expire.min-snapshots-to-keep", "1"),
                                   1, INT64_MAX));
  STROM_ASSIGN(
      retention.max_age_ms,
      model::ParseInteger(metadata.Property("history.expire.max-snapshot-age-ms", "432000000"), 0,
                          INT64_MAX));
  return retention;
}

Result<int64_t> ExpireSnapshots(const IcebergFiles& files, int64_t registered, Millis now) {
  while (true) {
    STROM_ASSIGN(const auto version, files.Load());
    const TableMetadata& metadata = version.metadata;
    if (metadata.current() == nullptr) return 0;
    STROM_ASSIGN(const Retention retention, RetentionOf(metadata));
    const std::vector<Snapshot>& snapshots = metadata.snapshots();
    const Snapshot* const known = metadata.Find(registered);
    if (known == nullptr) return 0;
    const auto total = static_cast<int64_t>(snapshots.size());
    std::vector<int64_t> ids;
    for (const Snapshot& snapshot : snapshots) {
      const bool old = now - snapshot.time_ms > retention.max_age_ms;
      const bool spared = total - static_cast<int64_t>(ids.size()) <= retention.min_snapshots;
      if (!old || spared || snapshot.sequence >= known->sequence) break;
      ids.push_back(snapshot.id);
    }
    if (ids.empty() || metadata.HasOtherRefs()) return 0;
    Reach gone;
    Reach kept;
    for (const Snapshot& snapshot : snapshots) {
      const bool goes = std::ranges::find(ids, snapshot.id) != ids.end();
      STROM_TRY(AddReach(files, metadata, snapshot, goes ? gone : kept));
    }
    const Status committed = files.versions().Commit(version, RemoveSnapshots{ids});
    if (!committed && committed.error().code == ErrorCode::kAlreadyExists) continue;
    STROM_TRY(committed);
    // From here on nobody begins to read them. What is not removed stays an orphan.
    RemoveRest(files, gone.files, kept.files);
    RemoveRest(files, gone.manifests, kept.manifests);
    RemoveRest(files, gone.lists, kept.lists);
    return static_cast<int64_t>(ids.size());
  }
}

Result<int64_t> RemoveOrphans(const IcebergFiles& files, Millis before) {
  STROM_ASSIGN(const std::string root, io::LocalPath(files.location()));
  const auto enter = [](const std::string&) { return true; };
  STROM_ASSIGN(std::vector<std::string> candidates,
               FilesBefore(files.files(), root + "/data", before, enter));
  STROM_ASSIGN(std::vector<std::string> metadata_files,
               FilesBefore(files.files(), root + "/metadata", before, enter));
  // Of the metadata only what commits write; statistics of others stay.
  std::erase_if(metadata_files, [](const std::string& path) {
    return !path.ends_with(".avro") && !path.ends_with(".metadata.json") && !IsTemporary(path);
  });
  candidates.insert(candidates.end(), metadata_files.begin(), metadata_files.end());

  STROM_ASSIGN(const Version version, files.Load());
  Reach reach;
  for (const Snapshot& snapshot : version.metadata.snapshots())
    STROM_TRY(AddReach(files, version.metadata, snapshot, reach));
  std::set<std::string> needed;
  const auto need = [&](const std::string& path) -> Status {
    STROM_ASSIGN(std::string local, io::LocalPath(path));
    needed.insert(std::move(local));
    return {};
  };
  for (const auto* paths : {&reach.lists, &reach.manifests, &reach.files}) {
    for (const std::string& path : *paths) STROM_TRY(need(path));
  }
  for (const std::string& path : version.metadata.log()) STROM_TRY(need(path));
  STROM_TRY(need(version.path));
  return RemoveUnneeded(files.files(), candidates,
                        [&](const std::string& path) { return needed.contains(path); });
}

}  // namespace strom::lake::iceberg
