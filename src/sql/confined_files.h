#pragma once
#include <mutex>
#include <set>
#include <string>

#include <duckdb.hpp>
#include <duckdb/common/local_file_system.hpp>
#include <duckdb/common/virtual_file_system.hpp>

namespace strom::sql {

/// The files that an engine working for somebody else may touch: those that were allowed by name,
/// for reading, and what it writes itself below its own directory. Whatever a statement names
/// otherwise is not there. Any thread.
class ConfinedFiles final : public duckdb::LocalFileSystem {
 public:
  explicit ConfinedFiles(std::string own_dir) : own_dir_(std::move(own_dir)) {}
  void Allow(const std::string& path);

  duckdb::unique_ptr<duckdb::FileHandle> OpenFile(
      const std::string& path, duckdb::FileOpenFlags flags,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool FileExists(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool IsPipe(const std::string& path, duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool DirectoryExists(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void CreateDirectory(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveDirectory(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveFile(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void MoveFile(const std::string& from, const std::string& to,
                duckdb::optional_ptr<duckdb::FileOpener> opener) override;

 protected:
  bool ListFilesExtended(const std::string& directory,
                         const std::function<void(duckdb::OpenFileInfo& info)>& callback,
                         duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  duckdb::unique_ptr<duckdb::MultiFileList> GlobFilesExtended(
      const std::string& path, const duckdb::FileGlobInput& input,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;

 private:
  bool IsAllowed(const std::string& path);
  bool IsOwn(const std::string& path) const;
  /// Throws DuckDB's error unless it lies below the own directory.
  void MustBeOwn(const std::string& path) const;

  const std::string own_dir_;
  std::mutex mutex_;  // guards allowed_
  std::set<std::string> allowed_;
};

}  // namespace strom::sql
