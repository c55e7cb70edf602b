#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "base/text.h"
#include "base/uuid.h"
#include "lake/conventions.h"
#include "lake/iceberg/iceberg_writer_internal.h"
#include "model/duration.h"
#include "record/arrow_batch.h"

namespace strom::lake::iceberg {
namespace {

using record::FromArrow;

// The columns of a file of deletes.
constexpr int32_t kDeletePathId = 2147483546;
constexpr int32_t kDeletePositionId = 2147483545;

/// Appends rows as they come.
class AppendWriter final : public LakeWriter {
 public:
  AppendWriter(BucketFiles files, FileRows rows)
      : files_(std::move(files)), rows_(std::move(rows)) {}

  Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
               std::span<const record::ChangeType> changes) override {
    if (rows.num_rows() == 0) return {};
    if (!changes.empty()) {
      return Err(ErrorCode::kInvalidArgument, "{}: rows of a log table have no change types",
                 files_.files().location());
    }
    if (!file_.writer) {
      STROM_TRY(files_.PlaceBy(rows));
      STROM_ASSIGN(file_, files_.OpenData());
    }
    STROM_ASSIGN(const auto converted, rows_.Convert(rows, base_offset, timestamp));
    STROM_TRY(file_.writer->Write(*converted));
    return file_.writer->bytes_so_far() < files_.options().target_bytes ? Status() : CloseFile();
  }

  Result<LakeFiles> Finish() override {
    if (file_.writer) STROM_TRY(CloseFile());
    return std::move(finished_);
  }

 private:
  Status CloseFile() {
    STROM_ASSIGN(auto file, files_.FinishData(file_));
    finished_.push_back(std::move(file));
    return {};
  }

  BucketFiles files_;
  const FileRows rows_;
  BucketFiles::Open file_;
  LakeFiles finished_;
};

std::vector<model::DataType> StatsTypes(const Schema& schema) {
  std::vector<model::DataType> types;
  for (const Field& field : schema.fields) types.push_back(StatsType(field.type));
  return types;
}

}  // namespace

Result<WriterOptions> WriterOptionsOf(const TableMetadata& metadata) {
  WriterOptions options;
  const std::string format = ToLower(metadata.Property("write.format.default", "parquet"));
  if (format != "parquet") {
    return Err(ErrorCode::kInvalidConfig,
               "iceberg.write.format.default '{}' is not supported by this version; use parquet",
               format);
  }
  options.file.compression = ToLower(metadata.Property("write.parquet.compression-codec", "zstd"));
  if (options.file.compression == "uncompressed") options.file.compression = "none";
  STROM_ASSIGN(
      const int64_t level,
      model::ParseInteger(metadata.Property("write.parquet.compression-level", "1"), 1, 22));
  options.file.compression_level = static_cast<int>(level);
  STROM_ASSIGN(options.target_bytes,
               model::ParseInteger(metadata.Property("write.target-file-size-bytes", "536870912"),
                                   1, INT64_MAX));
  for (const auto& [key, value] : metadata.properties()) {
    if (key.starts_with("write.parquet.bloom-filter-enabled.column.") && value == "true") {
      return Err(ErrorCode::kInvalidConfig,
                 "iceberg.{} is not supported by this version's writer; remove it", key);
    }
  }
  options.file.distinct_columns = {kOffsetColumn};
  return options;
}

BucketFiles::BucketFiles(std::shared_ptr<TableState> table, WriterOptions options, int32_t bucket)
    : table_(std::move(table)), options_(std::move(options)), bucket_(bucket), uuid_(NewUuid()) {}

Status BucketFiles::PlaceBy(const arrow::RecordBatch& rows) {
  if (partition_) return {};
  PartitionTuple partition;
  for (const PartitionField& field : metadata().spec().fields) {
    const Field* const source = metadata().schema().FindById(field.source_id);
    const bool is_bucket = field.transform.starts_with("bucket[") ||
                           (source != nullptr && source->name == kBucketColumn);
    if (is_bucket) {
      partition.emplace_back(int64_t{bucket_});
      continue;
    }
    const auto column = source == nullptr ? nullptr : rows.GetColumnByName(source->name);
    if (!column || field.transform != "identity" || column->type_id() != arrow::Type::STRING) {
      return Err(ErrorCode::kInvalidTable, "{}: rows cannot be put into the partition '{}'",
                 files().location(), field.name);
    }
    const auto& texts = static_cast<const arrow::StringArray&>(*column);
    if (texts.IsNull(0)) {
      partition.emplace_back();
    } else {
      partition.emplace_back(std::string(texts.GetView(0)));
    }
  }
  partition_ = std::move(partition);
  return {};
}

std::string BucketFiles::NextPath() {
  return files().DataPath(PartitionPath(metadata().spec(), *partition_),
                          fmt::format("{:05}-0-{}-{:05}.parquet", bucket_, uuid_, ++counter_));
}

Result<BucketFiles::Open> BucketFiles::OpenData() {
  Open open{NextPath(), nullptr};
  STROM_ASSIGN(const std::string local, io::LocalPath(open.path));
  const Schema& schema = metadata().schema();
  STROM_ASSIGN(open.writer,
               OpenDataFile(local, FileSchema(schema), StatsTypes(schema), options_.file));
  return open;
}

FileEntry BucketFiles::EntryOf(const std::string& path, const FinishedFile& finished) const {
  FileEntry entry;
  entry.path = path;
  entry.partition = *partition_;
  entry.rows = finished.rows;
  entry.bytes = finished.bytes;
  return entry;
}

Result<std::unique_ptr<IcebergFile>> BucketFiles::FinishData(Open& open) const {
  const std::unique_ptr<DataFileWriter> writer = std::move(open.writer);
  STROM_ASSIGN(const FinishedFile finished, writer->Finish());
  FileEntry entry = EntryOf(open.path, finished);
  const std::vector<Field>& fields = metadata().schema().fields;
  for (size_t i = 0; i < finished.columns.size(); ++i) {
    if (!finished.columns[i]) continue;
    const ColumnStats& stats = *finished.columns[i];
    entry.value_counts[fields[i].id] = finished.rows;
    entry.null_counts[fields[i].id] = stats.null_count;
    const auto bound = [&](const std::optional<record::Value>& value, bool upper) {
      return value ? EncodeBound(fields[i].type, *value, upper) : std::nullopt;
    };
    if (auto low = bound(stats.min, false)) entry.lower[fields[i].id] = std::move(*low);
    if (auto high = bound(stats.max, true)) entry.upper[fields[i].id] = std::move(*high);
  }
  return std::make_unique<IcebergFile>(std::move(entry));
}

Result<std::unique_ptr<IcebergFile>> BucketFiles::WriteDeletes(
    const std::vector<std::pair<std::string, int64_t>>& gone) {
  const auto field = [](const char* name, std::shared_ptr<arrow::DataType> type, int32_t id) {
    return arrow::field(name, std::move(type), false,
                        arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
  };
  const auto schema = arrow::schema({field("file_path", arrow::utf8(), kDeletePathId),
                                     field("pos", arrow::int64(), kDeletePositionId)});
  arrow::StringBuilder paths;
  arrow::Int64Builder positions;
  for (const auto& [path, position] : gone) {
    STROM_TRY(FromArrow(paths.Append(path), "deletes"));
    STROM_TRY(FromArrow(positions.Append(position), "deletes"));
  }
  std::shared_ptr<arrow::Array> path_column;
  std::shared_ptr<arrow::Array> position_column;
  STROM_TRY(FromArrow(paths.Finish(&path_column), "deletes"));
  STROM_TRY(FromArrow(positions.Finish(&position_column), "deletes"));

  const std::string path = NextPath();
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  STROM_ASSIGN(const auto writer, OpenDataFile(local, schema,
                                               {model::MakeType(model::TypeRoot::kString),
                                                model::MakeType(model::TypeRoot::kBigInt)},
                                               options_.file));
  STROM_TRY(writer->Write(
      *arrow::RecordBatch::Make(schema, path_column->length(), {path_column, position_column})));
  STROM_ASSIGN(const FinishedFile finished, writer->Finish());
  FileEntry entry = EntryOf(path, finished);
  entry.content = Content::kPositionDeletes;
  // Whole paths, so that a reader finds the deletes of one file by them.
  entry.lower[kDeletePathId] = gone.front().first;
  entry.upper[kDeletePathId] = gone.back().first;
  if (gone.front().first == gone.back().first) entry.referenced_data_file = gone.front().first;
  auto file = std::make_unique<IcebergFile>(std::move(entry));
  for (const auto& [data, position] : gone) file->referenced.insert(data);
  file->planned = table_->snapshot_id();
  return file;
}

Result<std::unique_ptr<LakeWriter>> OpenWriter(std::shared_ptr<TableState> table,
                                               const model::Schema& rows, int32_t bucket) {
  const TableMetadata& metadata = table->metadata();
  STROM_ASSIGN(WriterOptions options, WriterOptionsOf(metadata));
  STROM_ASSIGN(FileRows file_rows, FileRows::Make(table->files().location(),
                                                  FileSchema(metadata.schema()), rows, bucket));
  const bool keyed = !metadata.schema().identifier_ids.empty();
  BucketFiles data_files(std::move(table), std::move(options), bucket);
  if (keyed) return OpenKeyWriter(std::move(data_files), std::move(file_rows));
  return std::make_unique<AppendWriter>(std::move(data_files), std::move(file_rows));
}

}  // namespace strom::lake::iceberg
