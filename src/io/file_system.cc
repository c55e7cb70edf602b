#include "io/file_system.h"

#include "base/uuid.h"

namespace strom::io {
namespace {

Result<std::string> WriteBeside(FileSystem& files, const std::string& path, ByteView content) {
  const std::string folder = ParentOf(path);
  std::string temporary = folder + "/." + path.substr(folder.size() + 1) + "." + NewUuid() + ".tmp";
  STROM_ASSIGN(const auto file, files.OpenForAppend(temporary));
  Status written = file->Append(content);
  if (written) written = file->Sync();
  if (!written) {
    (void)files.Remove(temporary);  // the first error is the one to tell
    return std::unexpected(written.error());
  }
  return temporary;
}

}  // namespace

Result<Bytes> ReadWholeFile(FileSystem& files, const std::string& path) {
  STROM_ASSIGN(const auto file, files.OpenForRead(path));
  Bytes content(static_cast<size_t>(file->size()), '\0');
  STROM_ASSIGN(const size_t got, file->ReadAt(0, content.data(), content.size()));
  content.resize(got);
  return content;
}

Status ReadExactly(const File& file, const std::string& path, int64_t offset, char* into,
                   size_t size) {
  STROM_ASSIGN(const size_t got, file.ReadAt(offset, into, size));
  if (got == size) return {};
  return Err(ErrorCode::kCorrupt, "{} ends at {} bytes, {} at {} were expected", path,
             offset + static_cast<int64_t>(got), size, offset);
}

Result<std::vector<std::string>> RemoveAllBut(FileSystem& files, const std::string& folder,
                                              const std::set<std::string>& kept) {
  std::vector<std::string> removed;
  const auto listed = files.List(folder);
  if (!listed && listed.error().code == ErrorCode::kNotFound) return removed;
  if (!listed) return std::unexpected(listed.error());
  for (const Entry& entry : *listed) {
    std::string path = folder + "/" + entry.name;
    if (kept.contains(path)) continue;
    STROM_TRY(files.RemoveTree(path));
    removed.push_back(std::move(path));
  }
  return removed;
}

Status WriteFileAtomically(FileSystem& files, const std::string& path, ByteView content) {
  STROM_ASSIGN(const std::string temporary, WriteBeside(files, path, content));
  STROM_TRY(files.Replace(temporary, path));
  return files.SyncDirectory(ParentOf(path));
}

Status CreateFileExclusively(FileSystem& files, const std::string& path, ByteView content) {
  STROM_ASSIGN(const std::string temporary, WriteBeside(files, path, content));
  const Status linked = files.LinkNew(temporary, path);
  STROM_TRY(files.Remove(temporary));
  STROM_TRY(linked);
  return files.SyncDirectory(ParentOf(path));
}

Status CopyFile(FileSystem& files, const std::string& from, const std::string& to) {
  constexpr size_t kStep = 1 << 20;
  STROM_ASSIGN(const auto source, files.OpenForRead(from));
  STROM_ASSIGN(const auto target, files.OpenForAppend(to));
  Bytes buffer(kStep, '\0');
  for (int64_t at = 0; at < source->size();) {
    STROM_ASSIGN(const size_t got, source->ReadAt(at, buffer.data(), buffer.size()));
    if (got == 0) return Err(ErrorCode::kIo, "{} ends at {} bytes", from, at);
    STROM_TRY(target->Append(ByteView(buffer).substr(0, got)));
    at += static_cast<int64_t>(got);
  }
  return target->Sync();
}

Status CopyOrLink(FileSystem& files, const std::string& from, const std::string& to) {
  // Not every pair of folders can share a file; then a copy does as well.
  const Status linked = files.LinkNew(from, to);
  if (linked || linked.error().code == ErrorCode::kAlreadyExists) return linked;
  return CopyFile(files, from, to);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::string> LocalPath(const std::string& location) {
  std::string path = location;
  if (path.starts_with("file:")) {
    path.erase(0, 5);
    while (path.starts_with("//")) path.erase(0, 1);
  } else if (path.find("://") != std::string::npos) {
    return Err(ErrorCode::kUnsupported,
               "'{}': only local paths and file: are supported by this build", location);
  }
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace strom::io
