#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"
#include "lake/paimon/paimon_format.h"

namespace strom::lake::paimon {

/// Whether values of this type have a fixed text form, which directories of partitions need.
bool CanPartitionBy(const model::DataType& type);

/// The metadata files of one Paimon table directory. Stateless: what others write is seen at the
/// next call.
class PaimonFiles {
 public:
  PaimonFiles(io::FileSystem& files, std::string dir) : files_(files), dir_(std::move(dir)) {}

  const std::string& dir() const { return dir_; }
  io::FileSystem& files() const { return files_; }

  /// The newest schema, or nothing when there is no table. Errors: kIo, kCorrupt, kUnsupported.
  Result<std::optional<TableSchema>> LatestSchema() const;
  Result<TableSchema> ReadSchema(int64_t id) const;
  /// Errors: kAlreadyExists when somebody else created that schema.
  Status CreateSchema(const TableSchema& schema) const;

  /// The id of the newest snapshot, or nothing.
  Result<std::optional<int64_t>> LatestSnapshotId() const;
  Result<std::vector<int64_t>> SnapshotIds() const;
  /// Errors: kNotFound.
  Result<Snapshot> ReadSnapshot(int64_t id) const;
  /// Errors: kAlreadyExists when somebody else was first.
  Status CreateSnapshot(const Snapshot& snapshot) const;

  Result<std::vector<ManifestMeta>> ReadManifestList(const std::string& name) const;
  Result<std::vector<ManifestEntry>> ReadManifest(const std::string& name) const;
  /// Writes a metadata file with a new name "<prefix>-<uuid>-<n>"; returns name and size.
  struct Written {
    std::string name;
    int64_t bytes;
  };
  Result<Written> WriteMetadata(const std::string& prefix, ByteView content) const;
  void Remove(const std::vector<std::string>& manifest_names) const;

  /// Every live file of a snapshot: base and delta lists merged.
  Result<std::vector<ManifestEntry>> LiveEntries(const Snapshot& snapshot) const;

  /// Where a data file lies; `partition_dir` as PartitionDir gives it.
  std::string DataFilePath(const std::string& partition_dir, int32_t bucket,
                           const std::string& name) const;
  /// Where the file of an entry lies; `partition_dir` likewise.
  std::string PathOf(const std::string& partition_dir, const ManifestEntry& entry) const {
    return entry.external_path.value_or(DataFilePath(partition_dir, entry.bucket, entry.file_name));
  }
  /// "k=v/k=v" for a partition, escaped as Paimon does. Errors: kUnsupported for key types whose
  /// text form is not fixed.
  static Result<std::string> PartitionDir(const TableSchema& schema, ByteView serialized_partition);

 private:
  io::FileSystem& files_;
  const std::string dir_;
};

}  // namespace strom::lake::paimon
