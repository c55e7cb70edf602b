#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "lake/file/data_file_writer.h"
#include "lake/file/file_rows.h"
#include "lake/iceberg/iceberg_files.h"
#include "lake/lake.h"

namespace strom::lake::iceberg {

/// How a table wants its files. Errors: kInvalidConfig naming the property.
struct WriterOptions {
  DataFileWriter::Options file;
  int64_t target_bytes = 0;
};
Result<WriterOptions> WriterOptionsOf(const TableMetadata& metadata);

/// A file that was written, and what the manifest says of it.
class IcebergFile final : public LakeFile {
 public:
  explicit IcebergFile(FileEntry e) : entry(std::move(e)) {}
  int64_t rows() const override { return entry.content == Content::kData ? entry.rows : 0; }
  int64_t bytes() const override { return entry.bytes; }
  const FileEntry entry;
  /// Of a file of deletes: the data files with those rows, but for those of the same round.
  std::set<std::string> referenced;
  std::optional<int64_t> planned;  // the snapshot that had those
};

/// The files that one writer makes for a bucket: where they go, and what manifests say of them.
class BucketFiles {
 public:
  BucketFiles(std::shared_ptr<TableState> table, WriterOptions options, int32_t bucket);

  TableState& table() { return *table_; }
  const IcebergFiles& files() const { return table_->files(); }
  const TableMetadata& metadata() const { return table_->metadata(); }
  const WriterOptions& options() const { return options_; }
  const std::optional<PartitionTuple>& partition() const { return partition_; }

  /// All rows of a writer are in one partition: the first ones tell which. Errors: kInvalidTable.
  Status PlaceBy(const arrow::RecordBatch& rows);
  void PlaceAt(PartitionTuple partition) { partition_ = std::move(partition); }

  /// A file being written. The path is as documents name it.
  struct Open {
    std::string path;
    std::unique_ptr<DataFileWriter> writer;
  };
  /// A data file with the columns of the table.
  Result<Open> OpenData();
  Result<std::unique_ptr<IcebergFile>> FinishData(Open& open) const;
  /// Writes a file that names rows which are gone, by file and position, in that order.
  Result<std::unique_ptr<IcebergFile>> WriteDeletes(
      const std::vector<std::pair<std::string, int64_t>>& gone);

 private:
  std::string NextPath();
  FileEntry EntryOf(const std::string& path, const FinishedFile& finished) const;

  const std::shared_ptr<TableState> table_;
  const WriterOptions options_;
  const int32_t bucket_;
  const std::string uuid_;
  std::optional<PartitionTuple> partition_;
  int counter_ = 0;
};

/// Errors: those of WriterOptionsOf and FileRows::Make.
Result<std::unique_ptr<LakeWriter>> OpenWriter(std::shared_ptr<TableState> table,
                                               const model::Schema& rows, int32_t bucket);
/// The writer of a table with a primary key.
Result<std::unique_ptr<LakeWriter>> OpenKeyWriter(BucketFiles files, FileRows rows);

}  // namespace strom::lake::iceberg
