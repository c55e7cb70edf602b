#include "replica/kv_snapshots.h"

#include <algorithm>
#include <set>

#include "base/log_line.h"
#include "base/uuid.h"

namespace strom::replica {
namespace {

using model::KvSnapshot;
using model::KvSnapshotHandle;

Result<KvSnapshot> ReadSnapshot(io::FileSystem& files, const KvSnapshotHandle& handle) {
  STROM_ASSIGN(const Bytes text, io::ReadWholeFile(files, handle.metadata_path));
  return model::KvSnapshotFromJson(text);
}

/// The folders and shared files of snapshots.
Result<std::set<std::string>> FilesOf(io::FileSystem& files,
                                      const std::vector<KvSnapshotHandle>& handles) {
  std::set<std::string> paths;
  for (const KvSnapshotHandle& handle : handles) {
    auto snapshot = ReadSnapshot(files, handle);
    if (!snapshot) return std::unexpected(snapshot.error().In(handle.metadata_path));
    paths.insert(snapshot->location);
    for (const KvSnapshot::File& file : snapshot->shared_files) paths.insert(file.remote_path);
  }
  return paths;
}

}  // namespace

/// Removes files of snapshots that were never committed, or were given up and not removed.
Status KvSnapshotJob::Sweep() const {
  STROM_ASSIGN(const auto kept, link->SnapshotsOf(bucket));
  STROM_ASSIGN(std::set<std::string> needed, FilesOf(*files, kept));
  const std::string shared_dir = remote_dir + "/shared";
  needed.insert(shared_dir);
  for (const std::string& dir : {remote_dir, shared_dir}) {
    STROM_ASSIGN(const auto removed, io::RemoveAllBut(*files, dir, needed));
    for (const std::string& path : removed)
      LogInfo("{} belonged to no key snapshot and was removed", path);
  }
  return {};
}

Result<KvSnapshotJob::Done> KvSnapshotJob::Run() {
  // What cannot be swept harms nobody.
  if (const Status swept = sweep ? Sweep() : Status(); !swept)
    LogWarn("{}: {}", remote_dir, swept.error().message);
  kv::SnapshotImage image(image_dir);
  auto updated = image.Update(*rows);
  rows.reset();
  if (!updated) {
    // Whatever is wrong with it, the next snapshot can do without.
    STROM_TRY(image.Discard());
    return std::unexpected(updated.error());
  }
  STROM_ASSIGN(const KvSnapshot snapshot, Upload(*updated, image));
  const std::string metadata_path = snapshot.location + "/_METADATA";
  const std::string json = model::KvSnapshotToJson(snapshot);
  STROM_TRY(io::WriteFileAtomically(*files, metadata_path, json));
  STROM_ASSIGN(
      const CoordinatorLink::Committed committed,
      link->CommitSnapshot(bucket, {snapshot.snapshot_id, snapshot.log_offset, metadata_path}));
  STROM_TRY(io::WriteFileAtomically(*files, image.NotePath(), json));
  RemoveUnneeded(committed);
  return Done{snapshot.log_offset, committed.kept.front().log_offset};
}

Result<KvSnapshot> KvSnapshotJob::Upload(const std::vector<kv::SnapshotImage::File>& image,
                                         const kv::SnapshotImage& note) {
  // What the last committed snapshot of this very image has need not be copied again.
  KvSnapshot before;
  if (const auto text = io::ReadWholeFile(*files, note.NotePath())) {
    STROM_ASSIGN(before, model::KvSnapshotFromJson(*text));
  }
  KvSnapshot snapshot;
  snapshot.bucket = bucket;
  STROM_ASSIGN(snapshot.snapshot_id, link->NextSnapshotId(bucket));
  snapshot.location = fmt::format("{}/snap-{}", remote_dir, snapshot.snapshot_id);
  snapshot.log_offset = state.log_offset;
  if (counts_rows) snapshot.row_count = state.row_count;
  const std::string shared_dir = remote_dir + "/shared";
  STROM_TRY(files->MakeDirectories(shared_dir));
  STROM_TRY(files->MakeDirectories(snapshot.location));
  for (const kv::SnapshotImage::File& file : image) {
    const auto known =
        std::ranges::find(before.shared_files, file.name, &KvSnapshot::File::local_name);
    if (file.shared && known != before.shared_files.end() && known->bytes == file.bytes) {
      snapshot.shared_files.push_back(*known);
      continue;
    }
    const std::string remote = (file.shared ? shared_dir : snapshot.location) + "/" + NewUuid();
    STROM_TRY(io::CopyFile(*files, file.path, remote));
    (file.shared ? snapshot.shared_files : snapshot.private_files)
        .push_back({remote, file.name, file.bytes});
    snapshot.new_bytes += file.bytes;
  }
  STROM_TRY(files->SyncDirectory(shared_dir));
  STROM_TRY(files->SyncDirectory(snapshot.location));
  return snapshot;
}

/// What cannot be removed stays behind and harms nobody.
void KvSnapshotJob::RemoveUnneeded(const CoordinatorLink::Committed& committed) {
  if (committed.dropped.empty()) return;
  const auto needed = FilesOf(*files, committed.kept);
  if (!needed) return LogWarn("{}: {}", remote_dir, needed.error().message);
  for (const KvSnapshotHandle& handle : committed.dropped) {
    const auto dropped = ReadSnapshot(*files, handle);
    if (!dropped) continue;
    for (const KvSnapshot::File& file : dropped->shared_files) {
      if (!needed->contains(file.remote_path)) (void)files->Remove(file.remote_path);
    }
    (void)files->RemoveTree(dropped->location);
  }
}

namespace {

Result<kv::SpaceState> RestoreFrom(kv::KvStore& store, const KvSnapshot& snapshot,
                                   io::FileSystem& files, const std::string& scratch_dir) {
  constexpr size_t kBatchRows = 10'000;
  STROM_TRY(files.RemoveTree(scratch_dir));
  STROM_TRY(files.MakeDirectories(scratch_dir));
  for (const auto* list : {&snapshot.shared_files, &snapshot.private_files}) {
    for (const KvSnapshot::File& file : *list)
      STROM_TRY(io::CopyFile(files, file.remote_path, scratch_dir + "/" + file.local_name));
  }
  STROM_TRY(store.Clear(snapshot.bucket));
  kv::RowBuffer batch;
  int64_t rows = 0;
  const auto write = [&](const kv::SpaceState& state) -> Status {
    STROM_TRY(store.Write(snapshot.bucket, batch, state));
    batch = {};
    return {};
  };
  STROM_TRY(kv::ReadCheckpoint(scratch_dir, [&](ByteView key, ByteView value) -> Status {
    batch.Put(key, value);
    ++rows;
    return batch.size() < kBatchRows ? Status() : write({});
  }));
  const kv::SpaceState state{snapshot.log_offset, snapshot.row_count.value_or(rows)};
  STROM_TRY(write(state));
  STROM_TRY(files.RemoveTree(scratch_dir));
  return state;
}

}  // namespace

Result<kv::SpaceState> RestoreKeys(kv::KvStore& store, const model::TableBucket& bucket,
                                   CoordinatorLink& link, io::FileSystem& files,
                                   const std::string& scratch_dir) {
  STROM_ASSIGN(const auto handles, link.SnapshotsOf(bucket));
  Error last;
  for (auto it = handles.rbegin(); it != handles.rend(); ++it) {
    const auto restored = [&]() -> Result<kv::SpaceState> {
      STROM_ASSIGN(const KvSnapshot snapshot, ReadSnapshot(files, *it));
      return RestoreFrom(store, snapshot, files, scratch_dir);
    }();
    if (restored) return *restored;
    last = restored.error();
    LogWarn("snapshot {} of {} cannot be read: {}", it->snapshot_id, bucket.ToString(),
            last.message);
  }
  if (!handles.empty()) return std::unexpected(last.In("no snapshot is readable"));
  return kv::SpaceState{};
}

}  // namespace strom::replica
