#include "lake/paimon/paimon_table.h"

#include <set>

#include "lake/paimon/paimon_commit_internal.h"
#include "lake/paimon/paimon_compaction_internal.h"
#include "lake/paimon/paimon_expiry_internal.h"
#include "lake/paimon/paimon_writer_internal.h"

namespace strom::lake::paimon {
namespace {

class PaimonTable final : public LakeTable {
 public:
  PaimonTable(PaimonFiles files, TableSchema schema)
      : files_(std::move(files)), schema_(std::move(schema)) {}

  Result<std::unique_ptr<LakeWriter>> NewWriter(const model::Schema& rows,
                                                int32_t bucket) override {
    return OpenWriter(files_, schema_, rows, bucket);
  }

  Result<int64_t> Commit(const LakeChange& change, const std::string& offsets_path) override {
    paimon::Commit commit;
    commit.offsets_path = offsets_path;
    for (const auto& file : change.files)
      (IsChangelog(*file) ? commit.changelog : commit.entries).push_back(EntryOf(*file));
    for (const LakeBucket& bucket : change.replaced) {
      const std::vector<model::DataType> types = schema_.PartitionTypes();
      STROM_ASSIGN(Bytes partition,
                   types.empty() ? Result<Bytes>(EmptyRow()) : EncodeRow(types, bucket.partition));
      commit.replaced.emplace(std::move(partition), bucket.bucket);
    }
    return CommitOwn(commit);
  }

  Result<std::optional<int64_t>> Compact(const std::string& offsets_path, Effort effort,
                                         const std::function<Status()>& beat) override {
    STROM_ASSIGN(const auto latest, files_.LatestSnapshotId());
    if (!latest) return std::nullopt;
    STROM_ASSIGN(const Snapshot snapshot, files_.ReadSnapshot(*latest));
    STROM_ASSIGN(std::vector<ManifestEntry> live, files_.LiveEntries(snapshot));
    std::map<Place, std::vector<ManifestEntry>> buckets;
    for (ManifestEntry& entry : live) {
      auto& bucket = buckets[{entry.partition, entry.bucket}];
      bucket.push_back(std::move(entry));
    }
    paimon::Commit commit;
    commit.offsets_path = offsets_path;
    commit.compaction = true;
    LakeFiles added;
    const auto failed = [&](const Error& error) -> std::unexpected<Error> {
      if (error.code != ErrorCode::kOutcomeUnknown) Discard(added);
      return std::unexpected(error);
    };
    for (auto& [place, entries] : buckets) {
      auto rewritten = CompactBucket(files_, schema_, std::move(entries), effort, beat);
      if (!rewritten) return failed(rewritten.error());
      for (ManifestEntry& entry : rewritten->removed) commit.entries.push_back(std::move(entry));
      for (auto& file : rewritten->added) {
        commit.entries.push_back(EntryOf(*file));
        added.push_back(std::move(file));
      }
    }
    if (commit.entries.empty()) return std::nullopt;
    const auto id = CommitOwn(commit);
    if (!id) return failed(id.error());
    return *id;
  }

  Result<int64_t> ExpireSnapshots(int64_t registered, Millis now) override {
    STROM_ASSIGN(const Retention retention, Retention::Of(schema_));
    return paimon::ExpireSnapshots(files_, schema_, retention, registered, now);
  }

  Result<int64_t> RemoveOrphans(Millis before) override {
    return paimon::RemoveOrphans(files_, before);
  }

  void Discard(const LakeFiles& files) override { RemoveFiles(files_, files); }

  Result<std::optional<OwnCommit>> OwnCommitAfter(std::optional<int64_t> registered) override {
    STROM_ASSIGN(const std::vector<int64_t> ids, files_.SnapshotIds());
    for (auto it = ids.rbegin(); it != ids.rend() && *it > registered.value_or(0); ++it) {
      STROM_ASSIGN(const Snapshot snapshot, files_.ReadSnapshot(*it));
      if (snapshot.commit_user != kCommitUser) continue;
      own_ = *it;
      const auto offsets = snapshot.properties.find(kOffsetsProperty);
      if (offsets == snapshot.properties.end()) {
        return Err(ErrorCode::kCorrupt, "{}: snapshot {} of the tiering service has no {}",
                   files_.dir(), *it, kOffsetsProperty);
      }
      return OwnCommit{*it, offsets->second};
    }
    own_ = registered.value_or(0);
    return std::nullopt;
  }

  Result<std::vector<DataFile>> Plan(int64_t snapshot_id) override {
    STROM_ASSIGN(const Snapshot snapshot, files_.ReadSnapshot(snapshot_id));
    STROM_ASSIGN(const std::vector<ManifestEntry> entries, files_.LiveEntries(snapshot));
    const std::set<Place> merged = MergedBuckets(entries);
    std::vector<DataFile> files;
    for (const ManifestEntry& entry : entries) {
      DataFile file;
      file.merged = merged.contains({entry.partition, entry.bucket});
      STROM_ASSIGN(file.partition, PaimonFiles::PartitionDir(schema_, entry.partition));
      file.path = files_.PathOf(file.partition, entry);
      file.format = entry.file_name.substr(entry.file_name.rfind('.') + 1);
      file.rows = entry.row_count;
      file.bytes = entry.file_size;
      file.bucket = entry.bucket;
      STROM_ASSIGN(const TableSchema* written, SchemaOf(entry.schema_id));
      for (const Field& field : written->fields) {
        if (!IsSystemColumn(field.name)) file.columns.push_back(field.name);
      }
      files.push_back(std::move(file));
    }
    return files;
  }

  Result<std::vector<SnapshotInfo>> Snapshots() override {
    STROM_ASSIGN(const std::vector<int64_t> ids, files_.SnapshotIds());
    std::vector<SnapshotInfo> infos;
    for (const int64_t id : ids) {
      const auto snapshot = files_.ReadSnapshot(id);
      if (!snapshot && snapshot.error().code == ErrorCode::kNotFound)
        continue;  // expired meanwhile
      if (!snapshot) return std::unexpected(snapshot.error());
      infos.push_back({snapshot->id, snapshot->schema_id, snapshot->commit_user,
                       snapshot->commit_kind, snapshot->time_ms, snapshot->total_records,
                       snapshot->delta_records});
    }
    return infos;
  }

 private:
  using Place = std::pair<Bytes, int32_t>;  // partition and bucket

  Result<int64_t> CommitOwn(paimon::Commit& commit) {
    commit.own_before = own_;
    STROM_ASSIGN(const int64_t id, CommitFiles(files_, schema_, commit));
    if (own_) own_ = id;
    return id;
  }

  /// Buckets of keys with one run that deletes nothing: its rows are as the keys are.
  std::set<Place> MergedBuckets(const std::vector<ManifestEntry>& entries) const {
    std::map<Place, std::set<std::pair<int32_t, std::string>>> runs;
    std::set<Place> merged;
    if (schema_.primary_keys.empty()) return merged;
    std::set<Place> deleting;
    for (const ManifestEntry& entry : entries) {
      const Place place(entry.partition, entry.bucket);
      runs[place].emplace(entry.level, entry.level == 0 ? entry.file_name : "");
      if (entry.delete_rows != 0) deleting.insert(place);
    }
    for (const auto& [place, of_place] : runs) {
      if (of_place.size() == 1 && !deleting.contains(place)) merged.insert(place);
    }
    return merged;
  }

  Result<const TableSchema*> SchemaOf(int64_t id) {
    if (id == schema_.id) return &schema_;
    auto it = schemas_.find(id);
    if (it == schemas_.end()) {
      STROM_ASSIGN(TableSchema schema, files_.ReadSchema(id));
      it = schemas_.emplace(id, std::move(schema)).first;
    }
    return &it->second;
  }

  const PaimonFiles files_;
  const TableSchema schema_;
  std::map<int64_t, TableSchema> schemas_;
  std::optional<int64_t> own_;  // the newest snapshot of a tiering service, once it was asked for
};

}  // namespace

Status CheckWritable(const TableSchema& schema) {
  STROM_TRY(WriterOptionsOf(schema));
  STROM_TRY(Retention::Of(schema));
  for (const model::DataType& type : schema.PartitionTypes()) {
    if (!CanPartitionBy(type)) {
      return Err(ErrorCode::kInvalidTable,
                 "a lake table cannot be partitioned by a column of type {}", type.ToString());
    }
  }
  return {};
}

std::unique_ptr<LakeTable> OpenPaimonTable(PaimonFiles files, TableSchema schema) {
  return std::make_unique<PaimonTable>(std::move(files), std::move(schema));
}

}  // namespace strom::lake::paimon
