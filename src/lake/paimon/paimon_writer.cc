#include <arrow/record_batch.h>

#include "base/text.h"
#include "base/uuid.h"
#include "lake/paimon/paimon_rows_internal.h"
#include "model/duration.h"

namespace strom::lake::paimon {
namespace {

using model::DataType;
using model::TypeRoot;

/// Appends rows as they come.
class AppendWriter final : public LakeWriter {
 public:
  AppendWriter(const PaimonFiles& files, const TableSchema& schema, WriterOptions options,
               FileRows rows, int32_t bucket)
      : files_(files),
        schema_(schema),
        options_(std::move(options)),
        rows_(std::move(rows)),
        bucket_(bucket) {
    for (const Field& field : schema_.fields) types_.push_back(field.type);
  }

  Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
               std::span<const record::ChangeType> changes) override {
    if (rows.num_rows() == 0) return {};
    if (!changes.empty()) {
      return Err(ErrorCode::kInvalidArgument, "{}: rows of a log table have no change types",
                 files_.dir());
    }
    if (!file_) STROM_TRY(OpenFile(rows, base_offset));
    STROM_ASSIGN(const auto converted, rows_.Convert(rows, base_offset, timestamp));
    STROM_TRY(file_->Write(*converted));
    end_offset_ = base_offset + rows.num_rows();
    if (file_->bytes_so_far() >= options_.target_bytes) return CloseFile();
    return {};
  }

  Result<LakeFiles> Finish() override {
    if (file_) STROM_TRY(CloseFile());
    return std::move(finished_);
  }

 private:
  Status OpenFile(const arrow::RecordBatch& rows, int64_t base_offset) {
    if (partition_.empty()) {
      STROM_ASSIGN(partition_, rows_.PartitionOf(rows));
      STROM_ASSIGN(partition_dir_, PaimonFiles::PartitionDir(schema_, partition_));
    }
    const int32_t shown_bucket = schema_.buckets() < 0 ? 0 : bucket_;
    name_ = fmt::format("{}{}-{}.{}", options_.prefix, uuid_, counter_++, options_.file.format);
    path_ = files_.DataFilePath(partition_dir_, shown_bucket, name_);
    STROM_ASSIGN(file_, OpenDataFile(path_, rows_.schema(), types_, options_.file));
    first_offset_ = base_offset;
    return {};
  }

  Status CloseFile() {
    STROM_ASSIGN(const FinishedFile finished, file_->Finish());
    file_.reset();
    ManifestEntry entry;
    entry.partition = partition_;
    entry.bucket = schema_.buckets() < 0 ? 0 : bucket_;
    entry.total_buckets = schema_.buckets();
    entry.file_name = name_;
    entry.file_size = finished.bytes;
    entry.row_count = finished.rows;
    STROM_ASSIGN(EntryStats stats, StatsOf(schema_.fields, finished.columns));
    entry.value_stats = std::move(stats.stats);
    entry.value_stats_columns = std::move(stats.names);
    // Files of a bucket are read in the order of their sequence numbers; log offsets have that
    // order by nature.
    const bool bucketed = schema_.buckets() >= 0;
    entry.min_sequence = bucketed ? first_offset_ : 0;
    entry.max_sequence = bucketed ? end_offset_ - 1 : finished.rows - 1;
    entry.schema_id = schema_.id;
    entry.creation_ms = SystemClock().Now();
    entry.delete_rows = 0;
    finished_.push_back(std::make_unique<PaimonFile>(std::move(entry), path_, /*changelog=*/false));
    return {};
  }

  const PaimonFiles files_;
  const TableSchema schema_;
  const WriterOptions options_;
  const FileRows rows_;
  const int32_t bucket_;
  const std::string uuid_ = NewUuid();
  std::vector<DataType> types_;
  Bytes partition_;
  std::string partition_dir_;
  // The file being written.
  std::unique_ptr<DataFileWriter> file_;
  std::string name_;
  std::string path_;
  int64_t first_offset_ = 0;
  int64_t end_offset_ = 0;
  int counter_ = 0;
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
  if (!schema.primary_keys.empty())
    return OpenKeyWriter(files, schema, rows, bucket, std::move(options));
  STROM_ASSIGN(FileRows file_rows, FileRows::Make(files, schema, rows, bucket));
  return std::make_unique<AppendWriter>(files, schema, std::move(options), std::move(file_rows),
                                        bucket);
}

const ManifestEntry& EntryOf(const LakeFile& file) {
  return static_cast<const PaimonFile&>(file).entry;
}
bool IsChangelog(const LakeFile& file) {
  return static_cast<const PaimonFile&>(file).is_changelog;
}
const std::string& PathOf(const LakeFile& file) {
  return static_cast<const PaimonFile&>(file).path;
}

}  // namespace strom::lake::paimon
