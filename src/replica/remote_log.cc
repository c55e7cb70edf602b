#include "replica/remote_log.h"

#include <algorithm>
#include <set>

#include "base/log_line.h"
#include "base/uuid.h"
#include "log/log_format.h"
#include "log/segment.h"
#include "record/batch_file.h"

namespace strom::replica {
namespace {

using log::FileNameOf;
using log::LogTablet;
using model::RemoteLogManifest;
using model::RemoteLogSegment;

constexpr const char* kManifests = "/metadata";

std::string FolderOf(const std::string& remote_dir, const RemoteLogSegment& segment) {
  return remote_dir + "/" + segment.id;
}

std::string RowsOf(const std::string& remote_dir, const RemoteLogSegment& segment) {
  return FolderOf(remote_dir, segment) + "/" + FileNameOf(segment.start_offset, log::kLogSuffix);
}

}  // namespace

std::optional<RemoteLogJob> RemoteLogJob::Plan(const LogTablet& log, const RemoteLog& now,
                                               const Expiry& expiry, size_t most) {
  RemoteLogJob job;
  job.before = now;
  while (job.expired < now->segments.size()) {
    const RemoteLogSegment& oldest = now->segments[job.expired];
    if (!expiry.Covers(oldest.max_timestamp, oldest.last_end())) break;
    ++job.expired;
  }
  const bool all_gone = job.expired == now->segments.size();
  for (const auto& segment : log.ClosedSegments(now->empty() ? 0 : now->end_offset())) {
    // What would go again at once need not be copied; but there must be no gap.
    const bool first = all_gone && job.copies.empty();
    if (first && expiry.Covers(segment.max_timestamp, segment.end_offset)) continue;
    if (job.copies.size() == most) break;
    job.copies.push_back(segment);
  }
  const bool follows =
      all_gone || job.copies.empty() || job.copies.front().base_offset == now->end_offset();
  if (!follows) {
    LogWarn("the remote log of {} ends at {}, the local one begins at {}: nothing is copied",
            log.bucket().ToString(), now->end_offset(), job.copies.front().base_offset);
    job.copies.clear();
  }
  if (job.expired == 0 && job.copies.empty()) return std::nullopt;
  job.log_dir = log.dir();
  return job;
}

Result<RemoteLog> RemoteLogJob::Run() const {
  if (sweep) Sweep();
  RemoteLogManifest next = *before;
  const auto kept = next.segments.begin() + static_cast<std::ptrdiff_t>(expired);
  const std::vector<RemoteLogSegment> gone(next.segments.begin(), kept);
  next.segments.erase(next.segments.begin(), kept);
  next.highest_copied_end_offset.reset();
  std::vector<RemoteLogSegment> copied;
  for (const LogTablet::ClosedSegment& closed : copies) {
    auto copy = Copy(closed);
    if (!copy) {
      Remove(copied);
      return std::unexpected(copy.error());
    }
    copied.push_back(*copy);
    next.segments.push_back(std::move(*copy));
  }
  const auto committed = Commit(next);
  if (!committed) {
    // When it may have been committed after all, nothing is removed: the next start looks again.
    if (committed.error().code != ErrorCode::kOutcomeUnknown) Remove(copied);
    if (committed.error().code == ErrorCode::kUnknownTableOrBucket)  // dropped in the meantime
      (void)files->RemoveTree(remote_dir);
    return std::unexpected(committed.error());
  }
  Remove(gone);
  (void)io::RemoveAllBut(*files, remote_dir + kManifests, {*committed});
  return std::make_shared<const RemoteLogManifest>(std::move(next));
}

Result<RemoteLogSegment> RemoteLogJob::Copy(const LogTablet::ClosedSegment& segment) const {
  RemoteLogSegment copy;
  copy.id = NewUuid();
  copy.start_offset = segment.base_offset;
  copy.end_offset = segment.end_offset;
  copy.max_timestamp = segment.max_timestamp;
  copy.bytes = segment.bytes;
  const std::string folder = FolderOf(remote_dir, copy);
  const auto copy_all = [&]() -> Status {
    STROM_TRY(files->MakeDirectories(folder));
    const auto file = [&](int64_t offset, const char* suffix) {
      return "/" + FileNameOf(offset, suffix);
    };
    const std::string rows = file(segment.base_offset, log::kLogSuffix);
    STROM_TRY(io::CopyOrLink(*files, log_dir + rows, folder + rows));
    for (const char* suffix : {log::kIndexSuffix, log::kTimeIndexSuffix}) {
      const std::string index = file(segment.base_offset, suffix);
      STROM_ASSIGN(const bool exists, files->Exists(log_dir + index));
      if (exists) {
        STROM_TRY(io::CopyFile(*files, log_dir + index, folder + index));
      } else {  // a small segment has none here
        STROM_TRY(files->OpenForAppend(folder + index));
      }
    }
    const std::string writers = file(segment.end_offset, log::kWriterSnapshotSuffix);
    STROM_TRY(io::CopyFile(*files, log_dir + writers, folder + writers));
    STROM_TRY(files->SyncDirectory(folder));
    return files->SyncDirectory(remote_dir);
  };
  if (const Status done = copy_all(); !done) {
    (void)files->RemoveTree(folder);  // the first error is the one to tell
    return std::unexpected(done.error());
  }
  return copy;
}

/// Returns the path of the manifest that counts then. Errors: kOutcomeUnknown when nobody can tell.
Result<std::string> RemoteLogJob::Commit(const RemoteLogManifest& next) const {
  const std::string folder = remote_dir + kManifests;
  STROM_TRY(files->MakeDirectories(folder));
  const std::string path = folder + "/" + NewUuid() + ".manifest";
  STROM_TRY(io::WriteFileAtomically(*files, path, model::RemoteLogManifestToJson(next)));
  const int64_t end = next.empty() ? before->end_offset() : next.end_offset();
  const Status committed = link->CommitRemoteLog(before->bucket, {path, end});
  if (committed) return path;
  // The answer may have been lost, not the commit.
  const auto known = link->RemoteLogOf(before->bucket);
  if (!known) return Err(ErrorCode::kOutcomeUnknown, "{}", committed.error().message);
  if (*known && (*known)->manifest_path == path) return path;
  (void)files->Remove(path);
  return std::unexpected(committed.error());
}

/// What cannot be removed stays behind and harms nobody.
void RemoteLogJob::Remove(const std::vector<RemoteLogSegment>& segments) const {
  for (const RemoteLogSegment& segment : segments)
    (void)files->RemoveTree(FolderOf(remote_dir, segment));
}

void RemoteLogJob::Sweep() const {
  std::set<std::string> known{remote_dir + kManifests};
  for (const RemoteLogSegment& segment : before->segments)
    known.insert(FolderOf(remote_dir, segment));
  const auto removed = io::RemoveAllBut(*files, remote_dir, known);
  if (!removed) return LogWarn("{}: {}", remote_dir, removed.error().message);
  for (const std::string& path : *removed)
    LogInfo("{} belonged to no remote log and was removed", path);
}

Result<RemoteLog> LoadRemoteLog(const model::TableBucket& bucket, CoordinatorLink& link,
                                io::FileSystem& files) {
  STROM_ASSIGN(const auto handle, link.RemoteLogOf(bucket));
  if (!handle) return RemoteLog();
  const auto load = [&]() -> Result<RemoteLogManifest> {
    STROM_ASSIGN(const Bytes text, io::ReadWholeFile(files, handle->manifest_path));
    return model::RemoteLogManifestFromJson(text);
  };
  auto manifest = load();
  if (!manifest) return std::unexpected(manifest.error().In(handle->manifest_path));
  return std::make_shared<const RemoteLogManifest>(std::move(*manifest));
}

Status FollowRemoteLog(LogTablet& log, const RemoteLogManifest& remote,
                       const std::string& remote_dir, io::FileSystem& files) {
  if (remote.empty() || log.end_offset() >= remote.end_offset()) return {};
  LogWarn("the log of {} ends at {}, its remote log at {}: it goes on from there",
          log.bucket().ToString(), log.end_offset(), remote.end_offset());
  const RemoteLogSegment& last = remote.segments.back();
  STROM_ASSIGN(
      const Bytes writers,
      io::ReadWholeFile(files, FolderOf(remote_dir, last) + "/" +
                                   FileNameOf(last.end_offset, log::kWriterSnapshotSuffix)));
  return log.StartAt(remote.end_offset(), writers);
}

Result<std::optional<int64_t>> RemoteOffsetAt(io::FileSystem& files, const std::string& remote_dir,
                                              const RemoteLogSegment& segment, Millis timestamp) {
  // A segment that is gone is not taken for an empty one.
  STROM_TRY(files.OpenForRead(RowsOf(remote_dir, segment)));
  constexpr int64_t kNoNewEntries = INT64_MAX;
  log::Segment stored(files, FolderOf(remote_dir, segment), segment.start_offset, kNoNewEntries);
  STROM_TRY(stored.Load());
  return stored.OffsetAt(timestamp);
}

Status VisitRemoteLog(io::FileSystem& files, const std::string& remote_dir,
                      const RemoteLogManifest& remote, int64_t offset,
                      const std::function<Status(const record::LogBatchView&)>& visit) {
  constexpr int64_t kReadBytes = 4 << 20;
  if (!remote.Has(offset)) return {};
  for (size_t i = remote.IndexOf(offset); i < remote.segments.size(); ++i) {
    const RemoteLogSegment& segment = remote.segments[i];
    const std::string path = RowsOf(remote_dir, segment);
    STROM_ASSIGN(const auto file, files.OpenForRead(path));
    const auto read = [&](int64_t at, char* into, size_t size) {
      return io::ReadExactly(*file, path, at, into, size);
    };
    for (int64_t position = 0; position < file->size();) {
      STROM_ASSIGN(const record::BatchRun run,
                   record::ReadBatches(read, {position, file->size(), kReadBytes}));
      position += static_cast<int64_t>(run.bytes.size());
      record::LogBatches batches(run.bytes.view());
      while (true) {
        STROM_ASSIGN(const auto batch, batches.Next());
        if (!batch) break;
        if (batch->next_offset() > offset) STROM_TRY(visit(*batch));
      }
    }
  }
  return {};
}

}  // namespace strom::replica
