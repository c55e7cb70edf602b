#include <algorithm>
#include <set>

#include "base/text.h"
#include "lake/conventions.h"
#include "lake/iceberg/iceberg_table_internal.h"
#include "lake/iceberg/iceberg_writer_internal.h"

namespace strom::lake::iceberg {
namespace {

class IcebergTable final : public LakeTable {
 public:
  explicit IcebergTable(std::shared_ptr<TableState> newest)
      : files_(newest->files()), state_(std::move(newest)) {}

  Result<std::unique_ptr<LakeWriter>> NewWriter(const model::Schema& rows,
                                                int32_t bucket) override {
    if (!state_) STROM_TRY(Renew());
    return OpenWriter(state_, rows, bucket);
  }

  Result<int64_t> Commit(const LakeChange& change, const std::string& offsets_path) override {
    iceberg::Commit commit;
    commit.offsets_path = offsets_path;
    for (const LakeBucket& bucket : change.replaced) {
      PartitionTuple partition;
      for (const record::Value& value : bucket.partition)
        partition.emplace_back(value.As<std::string>());
      partition.emplace_back(int64_t{bucket.bucket});
      commit.replaced.insert(std::move(partition));
    }
    std::set<std::optional<int64_t>> planned;
    for (const auto& file : change.files) {
      const auto& written = static_cast<const IcebergFile&>(*file);
      commit.added.push_back(written.entry);
      commit.referenced.insert(written.referenced.begin(), written.referenced.end());
      if (!written.referenced.empty()) planned.insert(written.planned);
    }
    // Files that all writers saw there need no second look if nobody committed since.
    if (planned.size() == 1) commit.planned = *planned.begin();
    state_.reset();
    return CommitOwn(commit);
  }

  Result<std::optional<int64_t>> Compact(const std::string& offsets_path, Effort /*effort*/,
                                         const std::function<Status()>& beat) override {
    STROM_TRY(Renew());
    const auto state = std::exchange(state_, nullptr);
    if (!state->snapshot_id()) return std::nullopt;
    iceberg::Commit commit;
    commit.offsets_path = offsets_path;
    commit.compaction = true;
    commit.planned = state->snapshot_id();
    LakeFiles added;
    const Status planned = PlanCompaction(state, beat, commit, added);
    if (planned && commit.removed.empty()) return std::nullopt;
    const Result<int64_t> id = planned ? CommitOwn(commit) : std::unexpected(planned.error());
    if (id) return *id;
    if (id.error().code != ErrorCode::kOutcomeUnknown) Discard(added);
    return std::unexpected(id.error());
  }

  Result<int64_t> ExpireSnapshots(int64_t registered, Millis now) override {
    return iceberg::ExpireSnapshots(files_, registered, now);
  }

  Result<int64_t> RemoveOrphans(Millis before) override {
    return iceberg::RemoveOrphans(files_, before);
  }

  void Discard(const LakeFiles& files) override {
    for (const auto& file : files) files_.Remove(static_cast<const IcebergFile&>(*file).entry.path);
  }

  Result<std::optional<OwnCommit>> OwnCommitAfter(std::optional<int64_t> registered) override {
    STROM_TRY(Renew());
    const TableMetadata& metadata = state_->metadata();
    const Snapshot* const newest = NewestOwn(metadata);
    own_ = newest == nullptr ? 0 : newest->id;
    if (newest == nullptr) return std::nullopt;
    if (registered) {
      // Ids are random numbers: what is newer, the sequence tells.
      const Snapshot* const known = metadata.Find(*registered);
      if (known == nullptr) {
        return Err(ErrorCode::kCorrupt,
                   "{}: the registered snapshot {} is not in the table; somebody else expired it",
                   files_.location(), *registered);
      }
      if (known->sequence >= newest->sequence) return std::nullopt;
    }
    const auto offsets = newest->summary.find(kOffsetsProperty);
    if (offsets == newest->summary.end()) {
      return Err(ErrorCode::kCorrupt, "{}: snapshot {} of the tiering service has no {}",
                 files_.location(), newest->id, kOffsetsProperty);
    }
    return OwnCommit{newest->id, offsets->second};
  }

  Result<std::vector<DataFile>> Plan(int64_t snapshot_id) override {
    // A snapshot never changes: any version that has it will do.
    if (!state_ || state_->metadata().Find(snapshot_id) == nullptr) STROM_TRY(Renew());
    const TableMetadata& metadata = state_->metadata();
    const Snapshot* const snapshot = metadata.Find(snapshot_id);
    if (snapshot == nullptr) {
      return Err(ErrorCode::kNotFound, "{}: snapshot {} is gone", files_.location(), snapshot_id);
    }
    STROM_ASSIGN(const IcebergFiles::Live live, files_.LiveFiles(metadata, *snapshot));
    std::map<PartitionTuple, std::vector<std::string>> deletes;
    std::map<PartitionTuple, std::vector<DataFile::KeyDeletes>> key_deletes;
    for (const FileEntry& entry : live.deletes) {
      const std::set<int64_t> fields(entry.equality_ids.begin(), entry.equality_ids.end());
      const std::vector<int32_t>& ids = metadata.schema().identifier_ids;
      const bool by_key = fields == std::set<int64_t>(ids.begin(), ids.end());
      if (entry.format != "PARQUET" || (entry.content == Content::kEqualityDeletes && !by_key)) {
        return Err(ErrorCode::kUnsupported,
                   "{}: snapshot {} has deletes by other columns than the key, or not in Parquet, "
                   "which cannot be read here",
                   files_.location(), snapshot_id);
      }
      STROM_ASSIGN(std::string path, io::LocalPath(entry.path));
      if (entry.content == Content::kEqualityDeletes) {
        key_deletes[entry.partition].push_back({std::move(path), entry.sequence.value_or(0)});
      } else {
        deletes[entry.partition].push_back(std::move(path));
      }
    }
    std::vector<DataFile> files;
    for (const FileEntry& entry : live.data) {
      DataFile file;
      STROM_ASSIGN(file.path, io::LocalPath(entry.path));
      file.format = ToLower(entry.format);
      file.rows = entry.rows;
      file.bytes = entry.bytes;
      if (!entry.partition.empty()) {
        const auto* const bucket = std::get_if<int64_t>(&entry.partition.back());
        file.bucket = bucket == nullptr ? 0 : static_cast<int32_t>(*bucket);
      }
      file.partition = PartitionPath(metadata.spec(), entry.partition);
      file.merged = true;
      if (const auto gone = deletes.find(entry.partition); gone != deletes.end())
        file.deletes = gone->second;
      file.sequence = entry.sequence.value_or(0);
      for (const DataFile::KeyDeletes& keys : key_deletes[entry.partition]) {
        if (keys.sequence > file.sequence) file.key_deletes.push_back(keys);
      }
      for (const Field& field : metadata.schema().fields) {
        file.columns.push_back(field.name);
        file.field_ids.push_back(field.id);
      }
      files.push_back(std::move(file));
    }
    return files;
  }

  Result<std::vector<SnapshotInfo>> Snapshots() override {
    STROM_TRY(Renew());
    std::vector<SnapshotInfo> infos;
    for (const Snapshot& snapshot : state_->metadata().snapshots()) {
      SnapshotInfo info;
      info.snapshot_id = snapshot.id;
      info.schema_id = snapshot.schema_id;
      const auto user = snapshot.summary.find("commit-user");
      info.commit_user = user == snapshot.summary.end() ? "" : user->second;
      info.commit_kind = snapshot.operation();
      info.commit_ms = snapshot.time_ms;
      info.total_records = snapshot.Number("total-records");
      info.delta_records = snapshot.Number("added-records") - snapshot.Number("deleted-records");
      info.parent_id = snapshot.parent;
      info.manifest_list = snapshot.manifest_list;
      info.summary = snapshot.summary;
      infos.push_back(std::move(info));
    }
    return infos;
  }

 private:
  Result<int64_t> CommitOwn(iceberg::Commit& commit) {
    commit.own_before = own_;
    STROM_ASSIGN(const int64_t id, CommitFiles(files_, commit));
    if (own_) own_ = id;
    return id;
  }
  /// Looks what is the newest version.
  Status Renew() {
    STROM_ASSIGN(Version version, files_.Load());
    state_ = std::make_shared<TableState>(files_, std::move(version));
    return {};
  }

  const IcebergFiles files_;
  std::shared_ptr<TableState> state_;  // what writers go by; null after a commit
  std::optional<int64_t> own_;  // the newest snapshot of a tiering service, once it was asked for
};

}  // namespace

std::unique_ptr<LakeTable> OpenIcebergTable(std::shared_ptr<TableState> newest) {
  return std::make_unique<IcebergTable>(std::move(newest));
}

}  // namespace strom::lake::iceberg
