#include "sql/confined_files.h"

#include <duckdb/common/multi_file/multi_file_list.hpp>

namespace strom::sql {

void ConfinedFiles::Allow(const std::string& path) {
  const std::lock_guard lock(mutex_);
  allowed_.insert(path);
}

bool ConfinedFiles::IsAllowed(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return allowed_.contains(path);
}

bool ConfinedFiles::IsOwn(const std::string& path) const {
  return path.find("..") == std::string::npos &&
         (path == own_dir_ || path.starts_with(own_dir_ + "/"));
}

void ConfinedFiles::MustBeOwn(const std::string& path) const {
  if (!IsOwn(path)) throw duckdb::PermissionException("files of the server are not for statements");
}

duckdb::unique_ptr<duckdb::FileHandle> ConfinedFiles::OpenFile(
    const std::string& path, duckdb::FileOpenFlags flags,
    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (flags.OpenForWriting() || !IsAllowed(path)) MustBeOwn(path);
  return LocalFileSystem::OpenFile(path, flags, opener);
}

bool ConfinedFiles::FileExists(const std::string& path,
                               duckdb::optional_ptr<duckdb::FileOpener> opener) {
  return (IsAllowed(path) || IsOwn(path)) && LocalFileSystem::FileExists(path, opener);
}

bool ConfinedFiles::IsPipe(const std::string& path,
                           duckdb::optional_ptr<duckdb::FileOpener> opener) {
  return IsOwn(path) && LocalFileSystem::IsPipe(path, opener);
}

bool ConfinedFiles::DirectoryExists(const std::string& path,
                                    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  return IsOwn(path) && LocalFileSystem::DirectoryExists(path, opener);
}

void ConfinedFiles::CreateDirectory(const std::string& path,
                                    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  MustBeOwn(path);
  LocalFileSystem::CreateDirectory(path, opener);
}

void ConfinedFiles::RemoveDirectory(const std::string& path,
                                    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  MustBeOwn(path);
  LocalFileSystem::RemoveDirectory(path, opener);
}

void ConfinedFiles::RemoveFile(const std::string& path,
                               duckdb::optional_ptr<duckdb::FileOpener> opener) {
  MustBeOwn(path);
  LocalFileSystem::RemoveFile(path, opener);
}

void ConfinedFiles::MoveFile(const std::string& from, const std::string& to,
                             duckdb::optional_ptr<duckdb::FileOpener> opener) {
  MustBeOwn(from);
  MustBeOwn(to);
  LocalFileSystem::MoveFile(from, to, opener);
}

bool ConfinedFiles::ListFilesExtended(
    const std::string& directory, const std::function<void(duckdb::OpenFileInfo& info)>& callback,
    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  return IsOwn(directory) && LocalFileSystem::ListFilesExtended(directory, callback, opener);
}

duckdb::unique_ptr<duckdb::MultiFileList> ConfinedFiles::GlobFilesExtended(
    const std::string& path, const duckdb::FileGlobInput& input,
    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (IsAllowed(path)) return LocalFileSystem::GlobFilesExtended(path, input, opener);
  return duckdb::make_uniq<duckdb::SimpleMultiFileList>(duckdb::vector<duckdb::OpenFileInfo>());
}

}  // namespace strom::sql
