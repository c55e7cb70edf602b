#include "lake/orphans.h"

namespace strom::lake {

Result<std::vector<std::string>> FilesBefore(
    io::FileSystem& files, const std::string& folder, Millis before,
    const std::function<bool(const std::string& path)>& enter) {
  std::vector<std::string> found;
  const auto listed = files.List(folder);
  if (!listed && listed.error().code == ErrorCode::kNotFound) return found;
  if (!listed) return std::unexpected(listed.error());
  for (const io::Entry& entry : *listed) {
    std::string path = folder + "/" + entry.name;
    if (entry.is_directory) {
      if (!enter(path)) continue;
      STROM_ASSIGN(const std::vector<std::string> inside, FilesBefore(files, path, before, enter));
      found.insert(found.end(), inside.begin(), inside.end());
      continue;
    }
    const auto modified = files.ModifiedAt(path);
    if (!modified && modified.error().code == ErrorCode::kNotFound) continue;
    if (!modified) return std::unexpected(modified.error());
    if (*modified < before) found.push_back(std::move(path));
  }
  return found;
}

Result<int64_t> RemoveUnneeded(io::FileSystem& files, const std::vector<std::string>& candidates,
                               const std::function<bool(const std::string& path)>& needed) {
  int64_t removed = 0;
  for (const std::string& path : candidates) {
    if (needed(path)) continue;
    STROM_TRY(files.Remove(path));
    ++removed;
  }
  return removed;
}

bool IsTemporary(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.starts_with('.') && name.ends_with(".tmp");
}

}  // namespace strom::lake
