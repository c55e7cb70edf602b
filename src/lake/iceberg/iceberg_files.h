#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "lake/iceberg/iceberg_manifest.h"
#include "lake/iceberg/iceberg_metadata.h"
#include "lake/iceberg/iceberg_versions.h"

namespace strom::lake::iceberg {

/// One table: the versions of its metadata, its manifests and where its data files go.
///
/// Paths inside documents begin with the table's location as its catalog has it, and are compared
/// as text.
class IcebergFiles {
 public:
  /// `location`: of the table, a local path or a file: URI. Errors: kUnsupported for other schemes.
  static Result<IcebergFiles> Make(io::FileSystem& files, std::shared_ptr<TableVersions> versions,
                                   std::string location);

  const std::string& location() const { return location_; }
  io::FileSystem& files() const { return *files_; }
  TableVersions& versions() const { return *versions_; }
  /// The newest version. Errors: kNotFound when the table is gone, those of TableVersions.
  Result<Version> Load() const;

  Result<std::vector<ManifestFile>> ReadList(const Snapshot& snapshot) const;
  Result<std::vector<FileEntry>> ReadManifest(const TableMetadata& metadata,
                                              const ManifestFile& manifest) const;
  /// The live files of a snapshot: data files, and files of deletes. Errors: kIo, kCorrupt.
  struct Live {
    std::vector<FileEntry> data;
    std::vector<FileEntry> deletes;
  };
  Result<Live> LiveFiles(const TableMetadata& metadata, const Snapshot& snapshot) const;

  /// Writes a metadata file called `name`; returns its path.
  Result<std::string> WriteMetadata(const std::string& name, ByteView content) const;
  std::string DataPath(const std::string& partition_path, const std::string& name) const {
    return location_ + "/data/" + (partition_path.empty() ? "" : partition_path + "/") + name;
  }
  /// Removes a file by its path in a document; what cannot be removed stays an orphan.
  void Remove(const std::string& path) const;

 private:
  IcebergFiles(io::FileSystem& files, std::shared_ptr<TableVersions> versions, std::string location)
      : files_(&files), versions_(std::move(versions)), location_(std::move(location)) {}
  Result<Bytes> Read(const std::string& path) const;

  io::FileSystem* files_;
  std::shared_ptr<TableVersions> versions_;
  std::string location_;
};

/// One version of a table, shared by those who write on top of it. The live files of its newest
/// snapshot are read when somebody first asks. One caller at a time.
class TableState {
 public:
  TableState(IcebergFiles files, Version version)
      : files_(std::move(files)), version_(std::move(version)) {}

  const IcebergFiles& files() const { return files_; }
  const TableMetadata& metadata() const { return version_.metadata; }
  std::optional<int64_t> snapshot_id() const {
    return metadata().current() == nullptr ? std::nullopt : std::optional(metadata().current()->id);
  }
  /// Errors: kIo, kCorrupt.
  Result<const IcebergFiles::Live*> LiveFiles();

 private:
  const IcebergFiles files_;
  const Version version_;
  std::optional<IcebergFiles::Live> live_;
};

}  // namespace strom::lake::iceberg
