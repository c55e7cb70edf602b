#include <algorithm>
#include <functional>
#include <set>

#include "base/json.h"
#include "lake/paimon/paimon_expiry_internal.h"
#include "model/duration.h"

namespace strom::lake::paimon {
namespace {

/// What must stay whatever expires.
struct Needed {
  std::set<std::string> data_files;
  std::set<std::string> manifests;
};

Status AddNeeds(const PaimonFiles& files, const Snapshot& snapshot, Needed& needed) {
  STROM_ASSIGN(const std::vector<ManifestEntry> live, files.LiveEntries(snapshot));
  for (const ManifestEntry& entry : live) needed.data_files.insert(entry.file_name);
  for (const std::string& list : {snapshot.base_manifest_list, snapshot.delta_manifest_list}) {
    needed.manifests.insert(list);
    STROM_ASSIGN(const std::vector<ManifestMeta> manifests, files.ReadManifestList(list));
    for (const ManifestMeta& manifest : manifests) needed.manifests.insert(manifest.file_name);
  }
  return {};
}

/// Calls `visit` with the content of each file in a folder that begins with `prefix`.
Status VisitFiles(const PaimonFiles& files, const std::string& folder, const char* prefix,
                  const std::function<Status(const Bytes& content)>& visit) {
  const std::string dir = files.dir() + "/" + folder;
  const auto listed = files.files().List(dir);
  if (!listed && listed.error().code == ErrorCode::kNotFound) return {};
  if (!listed) return std::unexpected(listed.error());
  for (const io::Entry& entry : *listed) {
    if (!entry.name.starts_with(prefix)) continue;
    STROM_ASSIGN(const Bytes content, io::ReadWholeFile(files.files(), dir + "/" + entry.name));
    if (const Status visited = visit(content); !visited)
      return std::unexpected(visited.error().In(dir + "/" + entry.name));
  }
  return {};
}

/// The first snapshot that a streaming reader still has to read.
Result<int64_t> FirstOfConsumers(const PaimonFiles& files) {
  int64_t first = INT64_MAX;
  STROM_TRY(VisitFiles(files, "consumer", "consumer-", [&](const Bytes& content) -> Status {
    STROM_ASSIGN(const Json json, ParseJson(content, "consumer"));
    STROM_ASSIGN(const int64_t next, JsonInt(json, "nextSnapshot"));
    first = std::min(first, next);
    return {};
  }));
  return first;
}

Status RemoveFiles(const PaimonFiles& files, const TableSchema& schema,
                   const std::vector<ManifestEntry>& entries, const Needed& needed) {
  for (const ManifestEntry& entry : entries) {
    if (needed.data_files.contains(entry.file_name)) continue;
    STROM_ASSIGN(const std::string partition, PaimonFiles::PartitionDir(schema, entry.partition));
    STROM_TRY(files.files().Remove(files.PathOf(partition, entry)));
  }
  return {};
}

Result<std::vector<ManifestEntry>> EntriesOf(const PaimonFiles& files, const std::string& list) {
  std::vector<ManifestEntry> entries;
  STROM_ASSIGN(const std::vector<ManifestMeta> manifests, files.ReadManifestList(list));
  for (const ManifestMeta& manifest : manifests) {
    STROM_ASSIGN(std::vector<ManifestEntry> read, files.ReadManifest(manifest.file_name));
    entries.insert(entries.end(), std::make_move_iterator(read.begin()),
                   std::make_move_iterator(read.end()));
  }
  return entries;
}

/// A file of an expired snapshot that an earlier, interrupted expiry has removed already is no
/// error.
template <class T>
Status Unless(const Result<T>& result) {
  if (!result && result.error().code != ErrorCode::kNotFound)
    return std::unexpected(result.error());
  return {};
}

/// Files that are in the table no more since `snapshot`.
Status RemoveReplaced(const PaimonFiles& files, const TableSchema& schema, const Snapshot& snapshot,
                      const Needed& needed) {
  auto entries = EntriesOf(files, snapshot.delta_manifest_list);
  STROM_TRY(Unless(entries));
  if (!entries) return {};
  std::erase_if(*entries, [](const ManifestEntry& entry) { return !entry.is_delete; });
  return RemoveFiles(files, schema, *entries, needed);
}

Status RemoveChangelog(const PaimonFiles& files, const TableSchema& schema,
                       const Snapshot& snapshot, const Needed& needed) {
  if (!snapshot.changelog_manifest_list) return {};
  const auto entries = EntriesOf(files, *snapshot.changelog_manifest_list);
  STROM_TRY(Unless(entries));
  return entries ? RemoveFiles(files, schema, *entries, needed) : Status();
}

/// Lists and manifests of `snapshot` that nobody needs.
Status RemoveManifests(const PaimonFiles& files, const Snapshot& snapshot, const Needed& needed) {
  std::vector<std::string> lists{snapshot.base_manifest_list, snapshot.delta_manifest_list};
  if (snapshot.changelog_manifest_list) lists.push_back(*snapshot.changelog_manifest_list);
  std::vector<std::string> gone;
  for (const std::string& list : lists) {
    const auto manifests = files.ReadManifestList(list);
    STROM_TRY(Unless(manifests));
    if (!manifests) continue;
    for (const ManifestMeta& manifest : *manifests) {
      if (!needed.manifests.contains(manifest.file_name)) gone.push_back(manifest.file_name);
    }
    if (!needed.manifests.contains(list)) gone.push_back(list);
  }
  files.Remove(gone);
  return {};
}

}  // namespace

Result<std::vector<Snapshot>> TaggedSnapshots(const PaimonFiles& files) {
  std::vector<Snapshot> tagged;
  STROM_TRY(VisitFiles(files, "tag", "tag-", [&](const Bytes& content) -> Status {
    STROM_ASSIGN(Snapshot snapshot, SnapshotFromJson(content));
    tagged.push_back(std::move(snapshot));
    return {};
  }));
  return tagged;
}

Result<Retention> Retention::Of(const TableSchema& schema) {
  Retention retention;
  const auto number = [&](const char* key, int64_t& value) -> Status {
    const auto it = schema.options.find(key);
    if (it == schema.options.end()) return {};
    auto parsed = model::ParseInteger(it->second, 1, INT32_MAX);
    if (!parsed) return std::unexpected(parsed.error().In(std::string("paimon.") + key));
    value = *parsed;
    return {};
  };
  STROM_TRY(number("snapshot.num-retained.min", retention.least));
  STROM_TRY(number("snapshot.num-retained.max", retention.most));
  STROM_TRY(number("snapshot.expire.limit", retention.step));
  if (retention.most < retention.least) {
    return Err(ErrorCode::kInvalidConfig,
               "paimon.snapshot.num-retained.max is {}, less than the {} of .min", retention.most,
               retention.least);
  }
  if (const auto it = schema.options.find("snapshot.time-retained"); it != schema.options.end()) {
    auto age = model::ParseDuration(it->second);
    if (!age) return std::unexpected(age.error().In("paimon.snapshot.time-retained"));
    retention.age = *age;
  }
  return retention;
}

Result<int64_t> ExpireSnapshots(const PaimonFiles& files, const TableSchema& schema,
                                const Retention& retention, int64_t registered, Millis now) {
  STROM_ASSIGN(const std::vector<int64_t> ids, files.SnapshotIds());
  if (ids.empty()) return 0;
  const int64_t begin = ids.front();
  const int64_t latest = ids.back();
  STROM_ASSIGN(const int64_t consumed, FirstOfConsumers(files));
  // The first one that stays.
  int64_t end = std::max(begin, latest - retention.most + 1);
  const int64_t least = std::min({latest - retention.least + 1, registered, consumed});
  end = std::min(end, least);
  const int64_t furthest = std::min(least, begin + retention.step);
  end = std::min(end, furthest);
  while (end < furthest) {
    const auto snapshot = files.ReadSnapshot(end);
    STROM_TRY(Unless(snapshot));
    if (snapshot && snapshot->time_ms > now - retention.age) break;
    ++end;
  }
  if (end <= begin) return 0;

  STROM_ASSIGN(const Snapshot first_kept, files.ReadSnapshot(end));
  STROM_ASSIGN(const std::vector<Snapshot> tagged, TaggedSnapshots(files));
  // Later snapshots grow out of the first one that is kept, so what they share with expired ones is
  // in it.
  Needed needed;
  STROM_TRY(AddNeeds(files, first_kept, needed));
  for (const Snapshot& tag : tagged) STROM_TRY(AddNeeds(files, tag, needed));
  std::vector<Snapshot> expired;
  for (int64_t id = begin; id < end; ++id) {
    auto snapshot = files.ReadSnapshot(id);
    STROM_TRY(Unless(snapshot));
    if (snapshot) expired.push_back(std::move(*snapshot));
  }
  for (size_t i = 1; i < expired.size(); ++i)
    STROM_TRY(RemoveReplaced(files, schema, expired[i], needed));
  STROM_TRY(RemoveReplaced(files, schema, first_kept, needed));
  for (const Snapshot& snapshot : expired)
    STROM_TRY(RemoveChangelog(files, schema, snapshot, needed));
  for (const Snapshot& snapshot : expired) STROM_TRY(RemoveManifests(files, snapshot, needed));
  for (const Snapshot& snapshot : expired) {
    STROM_TRY(
        files.files().Remove(fmt::format("{}/snapshot/snapshot-{}", files.dir(), snapshot.id)));
  }
  STROM_TRY(io::WriteFileAtomically(files.files(), files.dir() + "/snapshot/EARLIEST",
                                    std::to_string(end)));
  return static_cast<int64_t>(expired.size());
}

}  // namespace strom::lake::paimon
