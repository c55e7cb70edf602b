#include <arrow/record_batch.h>

#include "base/text.h"
#include "lake/paimon/paimon_rows_internal.h"
#include "model/duration.h"

namespace strom::lake::paimon {
namespace {

using model::DataType;
using model::TypeRoot;

/// Appends rows as they come.
class AppendWriter final : public LakeWriter {
 public:
  AppendWriter(BucketFiles files, FileRows rows)
      : files_(std::move(files)), rows_(std::move(rows)) {
    for (const Field& field : files_.schema().fields) types_.push_back(field.type);
  }

  Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
               std::span<const record::ChangeType> changes) override {
    if (rows.num_rows() == 0) return {};
    if (!changes.empty()) {
      return Err(ErrorCode::kInvalidArgument, "{}: rows of a log table have no change types",
                 files_.table_dir());
    }
    if (!file_) STROM_TRY(OpenFile(rows, base_offset));
    STROM_ASSIGN(const auto converted, rows_.Convert(rows, base_offset, timestamp));
    STROM_TRY(file_->Write(*converted));
    end_offset_ = base_offset + rows.num_rows();
    if (file_->bytes_so_far() >= files_.options().target_bytes) return CloseFile();
    return {};
  }

  Result<LakeFiles> Finish() override {
    if (file_) STROM_TRY(CloseFile());
    return std::move(finished_);
  }

 private:
  Status OpenFile(const arrow::RecordBatch& rows, int64_t base_offset) {
    STROM_TRY(files_.PlaceBy(rows));
    place_ = files_.Next(files_.options().prefix);
    STROM_ASSIGN(file_, OpenDataFile(place_.path, rows_.schema(), types_, files_.options().file));
    first_offset_ = base_offset;
    return {};
  }

  Status CloseFile() {
    STROM_ASSIGN(const FinishedFile finished, file_->Finish());
    file_.reset();
    STROM_ASSIGN(ManifestEntry entry, files_.EntryOfRows(place_.name, finished));
    // Files of a bucket are read in the order of their sequence numbers; log offsets have that
    // order by nature.
    const bool bucketed = files_.schema().buckets() >= 0;
    entry.min_sequence = bucketed ? first_offset_ : 0;
    entry.max_sequence = bucketed ? end_offset_ - 1 : finished.rows - 1;
    finished_.push_back(
        std::make_unique<PaimonFile>(std::move(entry), place_.path, /*changelog=*/false));
    return {};
  }

  BucketFiles files_;
  const FileRows rows_;
  std::vector<DataType> types_;
  // The file being written.
  std::unique_ptr<DataFileWriter> file_;
  BucketFiles::Place place_;
  int64_t first_offset_ = 0;
  int64_t end_offset_ = 0;
  LakeFiles finished_;
};

}  // namespace

Result<WriterOptions> WriterOptionsOf(const TableSchema& schema) {
  WriterOptions options;
  const auto get = [&](const char* key, std::string fallback) {
    const auto it = schema.options.find(key);
    return it == schema.options.end() ? fallback : it->second;
  };
  options.file.format = ToLower(get("file.format", "parquet"));
  if (options.file.format != "parquet" && options.file.format != "orc") {
    return Err(ErrorCode::kInvalidConfig,
               "paimon.file.format '{}' is not supported; use parquet or orc", options.file.format);
  }
  options.file.compression = ToLower(get("file.compression", "zstd"));
  STROM_ASSIGN(const int64_t level,
               model::ParseInteger(get("file.compression.zstd-level", "1"), 1, 22));
  options.file.compression_level = static_cast<int>(level);
  STROM_ASSIGN(options.target_bytes, model::ParseMemorySize(get("target-file-size", "256mb")));
  options.prefix = get("data-file.prefix", "data-");
  options.changelog_prefix = get("changelog-file.prefix", "changelog-");
  STROM_ASSIGN(const int64_t runs,
               model::ParseInteger(get("num-sorted-run.compaction-trigger", "5"), 2, 1000));
  options.sorted_runs = static_cast<size_t>(runs);
  STROM_ASSIGN(const int64_t small,
               model::ParseInteger(get("compaction.min.file-num", "5"), 2, 100'000));
  options.small_files = static_cast<size_t>(small);
  if (const std::string producer = get("changelog-producer", "input");
      !schema.primary_keys.empty() && producer != "input") {
    return Err(
        ErrorCode::kInvalidConfig,
        "paimon.changelog-producer '{}' is not supported; the changelog is Strom's own (input)",
        producer);
  }
  if (!schema.primary_keys.empty() && options.file.format != "parquet") {
    return Err(ErrorCode::kInvalidConfig,
               "paimon.file.format '{}' is not supported for primary key tables; use parquet",
               options.file.format);
  }
  for (const char* refused : {"file-index.bloom-filter.columns", "data-file.external-paths",
                              "merge-engine", "sequence.field"}) {
    if (schema.options.contains(refused)) {
      return Err(ErrorCode::kInvalidConfig,
                 "paimon.{} is not supported by this version's writer; remove it", refused);
    }
  }
  options.file.distinct_columns = {kOffsetColumn};
  if (!schema.primary_keys.empty()) {
    // The other key columns may repeat below this one.
    const std::string& last = schema.primary_keys.back();
    for (const std::string& column : {std::string("_SEQUENCE_NUMBER"), last, "_KEY_" + last})
      options.file.distinct_columns.push_back(column);
  }
  for (const Field& field : schema.fields) {
    const bool time =
        field.type.root == TypeRoot::kTimestamp || field.type.root == TypeRoot::kTimestampLtz;
    if (time && field.type.precision > 6) options.file.int96_timestamps = true;
  }
  return options;
}

Result<std::unique_ptr<LakeWriter>> OpenWriter(const PaimonFiles& files, const TableSchema& schema,
                                               const model::Schema& rows, int32_t bucket) {
  STROM_ASSIGN(WriterOptions options, WriterOptionsOf(schema));
  STROM_ASSIGN(FileRows file_rows, FileRows::Make(files.dir(), FileSchema(schema), rows, bucket));
  BucketFiles data_files(files, schema, std::move(options), bucket);
  if (!schema.primary_keys.empty())
    return OpenKeyWriter(std::move(data_files), std::move(file_rows));
  return std::make_unique<AppendWriter>(std::move(data_files), std::move(file_rows));
}

const ManifestEntry& EntryOf(const LakeFile& file) {
  return static_cast<const PaimonFile&>(file).entry;
}
bool IsChangelog(const LakeFile& file) {
  return static_cast<const PaimonFile&>(file).is_changelog;
}
void RemoveFiles(const PaimonFiles& files, const LakeFiles& written) {
  for (const auto& file : written)
    (void)files.files().Remove(static_cast<const PaimonFile&>(*file).path);
}

}  // namespace strom::lake::paimon
