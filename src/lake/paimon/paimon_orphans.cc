#include <set>

#include "lake/orphans.h"
#include "lake/paimon/paimon_expiry_internal.h"

namespace strom::lake::paimon {
namespace {

/// The name up to its first dot: what belongs to a data file (an index of it, say) shares it.
std::string Stem(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.find('.', 1));
}

/// Whether a folder of the table has data files or manifests, or has folders that have.
bool MayHaveOrphans(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name == "manifest" || name.starts_with("bucket-") || name.find('=') != std::string::npos;
}

/// Names of manifests and lists, and stems of data files.
struct Reach {
  std::set<std::string> metadata;
  std::set<std::string> data;
};

Status AddReach(const PaimonFiles& files, const Snapshot& snapshot, Reach& reach) {
  std::vector<std::string> lists{snapshot.base_manifest_list, snapshot.delta_manifest_list};
  if (snapshot.changelog_manifest_list) lists.push_back(*snapshot.changelog_manifest_list);
  if (snapshot.index_manifest) reach.metadata.insert(*snapshot.index_manifest);
  for (const std::string& list : lists) {
    if (!reach.metadata.insert(list).second) continue;
    STROM_ASSIGN(const std::vector<ManifestMeta> manifests, files.ReadManifestList(list));
    for (const ManifestMeta& manifest : manifests) {
      if (!reach.metadata.insert(manifest.file_name).second) continue;
      STROM_ASSIGN(const auto entries, files.ReadManifest(manifest.file_name));
      for (const ManifestEntry& entry : entries) reach.data.insert(Stem(entry.file_name));
    }
  }
  return {};
}

Result<Reach> ReachOf(const PaimonFiles& files) {
  Reach reach;
  STROM_ASSIGN(std::vector<Snapshot> snapshots, TaggedSnapshots(files));
  STROM_ASSIGN(const std::vector<int64_t> ids, files.SnapshotIds());
  for (const int64_t id : ids) {
    auto snapshot = files.ReadSnapshot(id);
    if (!snapshot && snapshot.error().code == ErrorCode::kNotFound) continue;  // expired meanwhile
    if (!snapshot) return std::unexpected(snapshot.error());
    snapshots.push_back(std::move(*snapshot));
  }
  for (const Snapshot& snapshot : snapshots) STROM_TRY(AddReach(files, snapshot, reach));
  return reach;
}

}  // namespace

Result<int64_t> RemoveOrphans(const PaimonFiles& files, Millis before) {
  // Their snapshots and changelogs name files that are not seen from the main ones.
  for (const char* folder : {"branch", "changelog"}) {
    const auto listed = files.files().List(files.dir() + "/" + folder);
    if (listed && !listed->empty()) {
      return Err(ErrorCode::kUnsupported,
                 "{}: orphan files of a table with a {}/ folder are not looked for", files.dir(),
                 folder);
    }
  }
  STROM_ASSIGN(const std::vector<std::string> candidates,
               FilesBefore(files.files(), files.dir(), before, MayHaveOrphans));
  STROM_ASSIGN(const Reach reach, ReachOf(files));
  const std::string manifests = files.dir() + "/manifest/";
  return RemoveUnneeded(files.files(), candidates, [&](const std::string& path) {
    if (IsTemporary(path)) return false;
    if (path.starts_with(manifests)) return reach.metadata.contains(path.substr(manifests.size()));
    return path.find("/bucket-", files.dir().size()) == std::string::npos ||
           reach.data.contains(Stem(path));
  });
}

}  // namespace strom::lake::paimon
