#include <random>

#include "base/uuid.h"
#include "lake/conventions.h"
#include "lake/iceberg/iceberg_commit_internal.h"

namespace strom::lake::iceberg {
namespace {

constexpr int kMaxAttempts = 20;
constexpr int64_t kMaxManifestBytes = 8 << 20;
/// A manifest is merged into a new one that is at least half as long: so there are few of them, and
/// an entry is written again a logarithmic number of times.
constexpr int64_t kMergeRatio = 2;

int64_t NewSnapshotId() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return static_cast<int64_t>(random() >> 1) | 1;
}

/// One try to commit on top of one version; what it wrote is removed unless it succeeds.
class Attempt {
 public:
  Attempt(const IcebergFiles& files, const Version& base, const Commit& commit)
      : files_(files), base_(base), commit_(commit) {
    const TableMetadata& metadata = base.metadata;
    snapshot_.id = NewSnapshotId();
    snapshot_.sequence = metadata.last_sequence() + 1;
    snapshot_.time_ms = SystemClock().Now();
    snapshot_.schema_id = metadata.schema().id;
    if (const Snapshot* const parent = metadata.current()) snapshot_.parent = parent->id;
  }

  Status Prepare() {
    if (const Snapshot* const parent = base_.metadata.current()) {
      STROM_ASSIGN(inherited_, files_.ReadList(*parent));
    }
    if (!commit_.removed.empty() || !commit_.replaced.empty()) STROM_TRY(RemoveFiles());
    STROM_TRY(CheckReferenced());
    std::vector<ManifestFile> list;
    for (const bool deletes : {false, true}) {
      STROM_TRY(AddFiles(deletes, list));
      for (ManifestFile& manifest : inherited_) {
        if (manifest.deletes == deletes) list.push_back(std::move(manifest));
      }
    }
    const ListHead head{snapshot_.id, snapshot_.parent, snapshot_.sequence};
    STROM_ASSIGN(snapshot_.manifest_list,
                 Write(fmt::format("snap-{}-1-{}.avro", snapshot_.id, uuid_),
                       EncodeManifestList(head, list)));
    Summarize();
    return {};
  }

  Status Publish() { return files_.versions().Commit(base_, AddSnapshot{snapshot_}); }
  int64_t snapshot_id() const { return snapshot_.id; }

  void Undo() {
    for (const std::string& path : written_) files_.Remove(path);
  }

 private:
  Result<std::string> Write(const std::string& name, const Bytes& content) {
    STROM_ASSIGN(std::string path, files_.WriteMetadata(name, content));
    written_.push_back(path);
    return path;
  }

  Result<ManifestFile> WriteManifest(const PartitionSpec& spec, bool deletes,
                                     const std::vector<FileEntry>& entries) {
    const Schema& schema = base_.metadata.schema();
    const Bytes content = EncodeManifest(schema, spec, deletes, entries);
    ManifestFile manifest = iceberg::Summarize(schema, spec, deletes, entries);
    manifest.bytes = static_cast<int64_t>(content.size());
    manifest.sequence = snapshot_.sequence;
    manifest.min_sequence = snapshot_.sequence;
    for (const FileEntry& entry : entries) {
      manifest.min_sequence =
          std::min(manifest.min_sequence, entry.sequence.value_or(snapshot_.sequence));
    }
    manifest.added_snapshot_id = snapshot_.id;
    STROM_ASSIGN(manifest.path, Write(fmt::format("{}-m{}.avro", uuid_, manifests_++), content));
    return manifest;
  }

  /// Writes the manifests anew that have files which go.
  Status RemoveFiles() {
    size_t found = 0;
    for (ManifestFile& manifest : inherited_) {
      STROM_ASSIGN(std::vector<FileEntry> entries, files_.ReadManifest(base_.metadata, manifest));
      std::erase_if(entries, [](const FileEntry& entry) {
        return entry.status == FileEntry::Status::kDeleted;
      });
      bool changed = false;
      for (FileEntry& entry : entries) {
        entry.status = FileEntry::Status::kExisting;
        const bool named = commit_.removed.contains(entry.path);
        if (!named && !commit_.replaced.contains(entry.partition)) continue;
        found += named;
        changed = true;
        entry.status = FileEntry::Status::kDeleted;
        entry.snapshot_id = snapshot_.id;
        Count(entry, /*added=*/false);
      }
      if (!changed) continue;
      const PartitionSpec& spec = base_.metadata.specs().at(manifest.spec_id);
      STROM_ASSIGN(manifest, WriteManifest(spec, manifest.deletes, entries));
    }
    if (found == commit_.removed.size()) return {};
    return Err(ErrorCode::kConflict, "{}: somebody else removed files in the meantime",
               files_.location());
  }

  Status CheckReferenced() {
    if (commit_.referenced.empty()) return {};
    const Snapshot* const parent = base_.metadata.current();
    if (parent == nullptr)
      return Err(ErrorCode::kConflict, "{}: the table was emptied meanwhile", files_.location());
    if (commit_.planned == parent->id) return {};
    STROM_ASSIGN(const IcebergFiles::Live live, files_.LiveFiles(base_.metadata, *parent));
    size_t found = 0;
    for (const FileEntry& entry : live.data) found += commit_.referenced.contains(entry.path);
    if (found == commit_.referenced.size()) return {};
    return Err(ErrorCode::kConflict, "{}: somebody else rewrote files in the meantime",
               files_.location());
  }

  /// One manifest of the new files, with the entries of the short ones before it.
  Status AddFiles(bool deletes, std::vector<ManifestFile>& list) {
    std::vector<FileEntry> entries;
    for (const FileEntry& entry : commit_.added) {
      if ((entry.content != Content::kData) != deletes) continue;
      entries.push_back(entry);
      entries.back().snapshot_id = snapshot_.id;
      Count(entry, /*added=*/true);
    }
    if (entries.empty()) return {};
    const PartitionSpec& spec = base_.metadata.spec();
    for (auto it = inherited_.begin(); it != inherited_.end();) {
      if (it->deletes != deletes) {
        ++it;
        continue;
      }
      const int64_t length = it->added.files + it->existing.files + it->deleted.files;
      if (it->spec_id != spec.id || it->bytes > kMaxManifestBytes ||
          length > kMergeRatio * static_cast<int64_t>(entries.size()))
        break;
      if (it->added_snapshot_id == snapshot_.id) {  // it has removals that this snapshot tells
        ++it;
        continue;
      }
      STROM_ASSIGN(std::vector<FileEntry> more, files_.ReadManifest(base_.metadata, *it));
      for (FileEntry& entry : more) {
        if (entry.status == FileEntry::Status::kDeleted) continue;
        entry.status = FileEntry::Status::kExisting;
        entries.push_back(std::move(entry));
      }
      it = inherited_.erase(it);
    }
    STROM_ASSIGN(ManifestFile manifest, WriteManifest(spec, deletes, entries));
    list.push_back(std::move(manifest));
    return {};
  }

  void Count(const FileEntry& entry, bool added) {
    const std::string how = added                             ? "added"
                            : entry.content == Content::kData ? "deleted"
                                                              : "removed";
    const auto add = [&](const std::string& what, int64_t number) {
      changes_[how + "-" + what] += number;
      const std::string total = what == "data-files" || what == "delete-files" ||
                                        what == "records" || what == "position-deletes" ||
                                        what == "equality-deletes"
                                    ? what
                                    : "";
      if (!total.empty()) totals_[total] += added ? number : -number;
    };
    partitions_.insert(entry.partition);
    changes_[added ? "added-files-size" : "removed-files-size"] += entry.bytes;
    totals_["files-size"] += added ? entry.bytes : -entry.bytes;
    switch (entry.content) {
      case Content::kData:
        add("data-files", 1);
        add("records", entry.rows);
        break;
      case Content::kPositionDeletes:
        add("delete-files", 1);
        add("position-delete-files", 1);
        add("position-deletes", entry.rows);
        break;
      case Content::kEqualityDeletes:
        add("delete-files", 1);
        add("equality-delete-files", 1);
        add("equality-deletes", entry.rows);
        break;
    }
  }

  void Summarize() {
    std::map<std::string, std::string>& summary = snapshot_.summary;
    const auto changed = [&](const char* key) { return changes_.contains(key); };
    const bool removes = changed("deleted-data-files") || changed("removed-delete-files") ||
                         changed("added-delete-files");
    summary["operation"] = commit_.compaction              ? "replace"
                           : !removes                      ? "append"
                           : changed("added-data-files")   ? "overwrite"
                           : changed("deleted-data-files") ? "overwrite"
                                                           : "delete";
    summary["commit-user"] = kCommitUser;
    summary[kOffsetsProperty] = commit_.offsets_path;
    for (const auto& [key, number] : changes_) summary[key] = std::to_string(number);
    summary["changed-partition-count"] = std::to_string(partitions_.size());
    const Snapshot* const parent = base_.metadata.current();
    for (const char* key : {"data-files", "delete-files", "records", "files-size",
                            "position-deletes", "equality-deletes"}) {
      const std::string total = std::string("total-") + key;
      const int64_t before = parent == nullptr ? 0 : parent->Number(total);
      summary[total] = std::to_string(std::max<int64_t>(before + totals_[key], 0));
    }
  }

  const IcebergFiles& files_;
  const Version& base_;
  const Commit& commit_;
  const std::string uuid_ = NewUuid();
  Snapshot snapshot_;
  std::vector<ManifestFile> inherited_;
  std::vector<std::string> written_;
  int manifests_ = 0;
  std::map<std::string, int64_t> changes_;
  std::map<std::string, int64_t> totals_;
  std::set<PartitionTuple> partitions_;
};

}  // namespace

const Snapshot* NewestOwn(const TableMetadata& metadata) {
  const Snapshot* newest = nullptr;
  for (const Snapshot& snapshot : metadata.snapshots()) {
    const auto user = snapshot.summary.find("commit-user");
    if (user == snapshot.summary.end() || user->second != kCommitUser) continue;
    if (newest == nullptr || newest->sequence < snapshot.sequence) newest = &snapshot;
  }
  return newest;
}

Result<int64_t> CommitFiles(const IcebergFiles& files, const Commit& commit) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    STROM_ASSIGN(const auto base, files.Load());
    const Snapshot* const current = base.metadata.current();
    const Snapshot* const own = NewestOwn(base.metadata);
    if (commit.own_before && own != nullptr && own->id != *commit.own_before) {
      return Err(ErrorCode::kFencedTieringEpoch,
                 "{}: another tiering worker committed snapshot {} in the meantime",
                 files.location(), own->id);
    }
    if (commit.compaction && commit.planned != (current == nullptr ? -1 : current->id)) {
      return Err(ErrorCode::kConflict, "{}: somebody else committed during the compaction",
                 files.location());
    }
    Attempt one(files, base, commit);
    if (const Status prepared = one.Prepare(); !prepared) {
      one.Undo();
      return std::unexpected(prepared.error());
    }
    const Status published = one.Publish();
    if (published) return one.snapshot_id();
    // Whether an unclear one is there is not known: nothing of it may be cleaned up.
    if (published.error().code != ErrorCode::kAlreadyExists)
      return std::unexpected(published.error());
    one.Undo();
  }
  return Err(ErrorCode::kConflict, "{}: other committers were faster {} times", files.location(),
             kMaxAttempts);
}

}  // namespace strom::lake::iceberg
