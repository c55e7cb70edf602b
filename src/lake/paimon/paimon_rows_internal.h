#pragma once
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "lake/file/data_file_writer.h"
#include "lake/file/file_rows.h"
#include "lake/lake.h"
#include "lake/paimon/paimon_files.h"
#include "lake/paimon/paimon_writer_internal.h"

namespace strom::lake::paimon {

/// A column of a data file with its field id.
std::shared_ptr<arrow::Field> FileField(const Field& field);

/// The columns of a data file of the table.
std::shared_ptr<arrow::Schema> FileSchema(const TableSchema& schema);

/// The data files that one writer makes for a bucket: where they go, and what the manifest says of
/// every one of them.
class BucketFiles {
 public:
  BucketFiles(const PaimonFiles& files, const TableSchema& schema, WriterOptions options,
              int32_t bucket);

  const TableSchema& schema() const { return schema_; }
  const WriterOptions& options() const { return options_; }
  const std::string& table_dir() const { return files_.dir(); }

  /// All rows of a writer are in one partition: the first ones tell which.
  Status PlaceBy(const arrow::RecordBatch& rows);
  Status PlaceAt(const Bytes& partition);
  struct Place {
    std::string name;
    std::string path;
  };
  Place Next(const std::string& prefix);
  /// Of the file called `name`; statistics and sequence numbers are left to the writer.
  ManifestEntry EntryOf(const std::string& name, const FinishedFile& finished) const;
  /// Of a file that has the table's columns and no others; sequence numbers are left to the writer.
  Result<ManifestEntry> EntryOfRows(const std::string& name, const FinishedFile& finished) const;

 private:
  const PaimonFiles files_;
  const TableSchema schema_;
  const WriterOptions options_;
  const int32_t bucket_;
  const std::string uuid_;
  Bytes partition_;
  std::string partition_dir_;
  int counter_ = 0;
};

/// A file that was written, and what the manifest says of it.
class PaimonFile final : public LakeFile {
 public:
  PaimonFile(ManifestEntry e, std::string p, bool changelog)
      : entry(std::move(e)), path(std::move(p)), is_changelog(changelog) {}
  int64_t rows() const override { return is_changelog ? 0 : entry.row_count; }
  int64_t bytes() const override { return entry.file_size; }
  const ManifestEntry entry;
  const std::string path;
  const bool is_changelog;
};

/// Statistics of some columns of a file as manifests have them; `names` are those that have any,
/// absent when all have.
struct EntryStats {
  Stats stats;
  std::optional<std::vector<std::string>> names;
};
Result<EntryStats> StatsOf(std::span<const Field> fields,
                           std::span<const std::optional<ColumnStats>> columns);

/// The writer of a table with a primary key.
Result<std::unique_ptr<LakeWriter>> OpenKeyWriter(BucketFiles files, FileRows rows);

}  // namespace strom::lake::paimon
