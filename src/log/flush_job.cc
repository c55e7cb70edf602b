#include "log/flush_job.h"

#include <algorithm>

namespace strom::log {
namespace {

// From so many flushes on, one wait for all files is cheaper, though other programs' files are
// among them.
constexpr size_t kTogetherFrom = 64;

std::string TemporaryOf(const FlushJob::WriterSnapshot& snapshot) {
  return snapshot.path + ".tmp";  // LogTablet::Open removes what is left of them
}

}  // namespace

Status FlushJob::Write() const {
  for (const Segment::Flush& segment : segments) STROM_TRY(segment.Write());
  for (const WriterSnapshot& snapshot : snapshots) {
    STROM_TRY(files->Remove(TemporaryOf(snapshot)));
    STROM_ASSIGN(const auto file, files->OpenForAppend(TemporaryOf(snapshot)));
    STROM_TRY(file->Append(snapshot.content));
  }
  return {};
}

Status FlushJob::Sync() const {
  for (const Segment::Flush& segment : segments) STROM_TRY(segment.Sync());
  for (const WriterSnapshot& snapshot : snapshots) {
    STROM_ASSIGN(const auto file, files->OpenForAppend(TemporaryOf(snapshot)));
    STROM_TRY(file->Sync());
  }
  return {};
}

Status FlushJob::Name() const {
  for (const WriterSnapshot& snapshot : snapshots)
    STROM_TRY(files->Replace(TemporaryOf(snapshot), snapshot.path));
  return {};
}

Status FlushJob::SyncNames() const {
  const bool changed = !snapshots.empty() || std::ranges::any_of(segments, &Segment::Flush::first);
  return changed ? files->SyncDirectory(dir) : Status();
}

Status FlushJob::RemoveObsolete() const {
  for (const std::string& path : obsolete) STROM_TRY(files->Remove(path));
  return {};
}

Status FlushJob::Run() const {
  STROM_TRY(Write());
  STROM_TRY(Sync());
  STROM_TRY(Name());
  STROM_TRY(SyncNames());
  return RemoveObsolete();
}

std::vector<Status> RunFlushes(io::FileSystem& files, const std::string& root,
                               std::span<const FlushJob* const> jobs) {
  std::vector<Status> results(jobs.size());
  const auto each = [&](auto step) {
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (results[i]) results[i] = step(*jobs[i]);
    }
  };
  if (jobs.size() < kTogetherFrom) {
    each([](const FlushJob& job) { return job.Run(); });
    return results;
  }
  each([](const FlushJob& job) { return job.Write(); });
  if (const Status synced = files.SyncAll(root); !synced) {
    // Whose rows are lost is not known.
    for (Status& result : results)
      result = Err(ErrorCode::kLogStorage, "{}", synced.error().message);
    return results;
  }
  each([](const FlushJob& job) { return job.Name(); });
  const bool named =
      std::ranges::any_of(jobs, [](const FlushJob* job) { return !job->snapshots.empty(); });
  if (named) {
    const Status synced = files.SyncAll(root);
    each([&](const FlushJob&) { return synced; });
  }
  each([](const FlushJob& job) { return job.RemoveObsolete(); });
  return results;
}

}  // namespace strom::log
