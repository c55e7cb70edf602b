#include "lake/preflight.h"

#include "base/uuid.h"

namespace strom::lake {
namespace {

constexpr int64_t kLeastFreeBytes = int64_t{256} << 20;

Check Outcome(std::string what, const Status& status, std::string detail) {
  return {std::move(what), status.has_value(), status ? std::move(detail) : status.error().message};
}

/// The folder, or the nearest one above it that exists.
Result<std::string> NearestFolder(io::FileSystem& files, std::string path) {
  while (true) {
    STROM_ASSIGN(const bool exists, files.Exists(path));
    if (exists) return path;
    std::string parent = io::ParentOf(path);
    if (parent == path) return path;
    path = std::move(parent);
  }
}

/// What a commit does: a folder, a synced file in it, and that it is made under a new name at once.
Status TryToWrite(io::FileSystem& files, const std::string& folder) {
  const std::string probe = folder + "/.strom-preflight-" + NewUuid();
  STROM_TRY(files.MakeDirectories(probe));
  const Status written = io::CreateFileExclusively(files, probe + "/file", "written to be removed");
  const Status removed = files.RemoveTree(probe);
  STROM_TRY(written);
  return removed;
}

}  // namespace

std::vector<Check> CheckWarehouse(io::FileSystem& files, const std::string& warehouse) {
  std::vector<Check> checks;
  const auto path = io::LocalPath(warehouse);
  const auto nearest = path ? NearestFolder(files, *path) : path;
  if (!nearest) return {{"warehouse reachable", false, nearest.error().message}};
  const auto listed = files.List(*nearest);
  checks.push_back(Outcome("warehouse reachable",
                           listed ? Status() : std::unexpected(listed.error()),
                           *nearest == *path ? *path : *path + " (made with the first table)"));
  if (!listed) return checks;
  checks.push_back(Outcome("warehouse writable", TryToWrite(files, *nearest), *nearest));
  const auto free = files.FreeBytes(*nearest);
  checks.push_back({"space", free && *free >= kLeastFreeBytes,
                    !free ? free.error().message
                          : fmt::format("{} MiB free in {}, {} MiB are needed", *free >> 20,
                                        *nearest, kLeastFreeBytes >> 20)});
  return checks;
}

}  // namespace strom::lake
