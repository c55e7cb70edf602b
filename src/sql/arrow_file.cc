#include "sql/arrow_file.h"

#include <filesystem>

#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>

namespace strom::sql {
namespace {

/// Either form of Arrow IPC, batch by batch.
class IpcReader final : public arrow::RecordBatchReader {
 public:
  explicit IpcReader(std::shared_ptr<arrow::ipc::RecordBatchFileReader> file)
      : file_(std::move(file)), schema_(file_->schema()) {}
  explicit IpcReader(std::shared_ptr<arrow::RecordBatchReader> stream)
      : stream_(std::move(stream)), schema_(stream_->schema()) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (stream_) {
      ARROW_RETURN_NOT_OK(stream_->ReadNext(out));
    } else if (next_ < file_->num_record_batches()) {
      ARROW_ASSIGN_OR_RAISE(*out, file_->ReadRecordBatch(next_++));
    }
    return *out ? (*out)->ValidateFull() : arrow::Status::OK();
  }

 private:
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> file_;  // one of the two
  std::shared_ptr<arrow::RecordBatchReader> stream_;
  std::shared_ptr<arrow::Schema> schema_;
  int next_ = 0;
};

/// Some columns of another reader.
class Selected final : public arrow::RecordBatchReader {
 public:
  Selected(std::shared_ptr<arrow::RecordBatchReader> all, std::vector<int> columns,
           std::shared_ptr<arrow::Schema> schema)
      : all_(std::move(all)), columns_(std::move(columns)), schema_(std::move(schema)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    ARROW_RETURN_NOT_OK(all_->ReadNext(out));
    if (!*out) return arrow::Status::OK();
    arrow::ArrayVector columns;
    for (const int column : columns_) columns.push_back((*out)->column(column));
    *out = arrow::RecordBatch::Make(schema_, (*out)->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> all_;
  const std::vector<int> columns_;
  const std::shared_ptr<arrow::Schema> schema_;
};

Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const std::string& path) {
  if (!std::filesystem::is_regular_file(path))
    return Err(ErrorCode::kNotFound, "there is no file {}", path);
  const auto file = arrow::io::ReadableFile::Open(path);
  if (!file.ok()) return Err(ErrorCode::kIo, "cannot open {}: {}", path, file.status().message());
  const auto as_file = arrow::ipc::RecordBatchFileReader::Open(*file);
  if (as_file.ok()) return std::make_shared<IpcReader>(*as_file);
  const auto again = (*file)->Seek(0);
  const auto as_stream = arrow::ipc::RecordBatchStreamReader::Open(*file);
  if (again.ok() && as_stream.ok())
    return std::make_shared<IpcReader>(std::shared_ptr<arrow::RecordBatchReader>(*as_stream));
  return Err(ErrorCode::kCorrupt, "{} is no Arrow file: {}", path, as_stream.status().message());
}

}  // namespace

std::optional<std::string> ArrowFileNamed(const std::string& name) {
  constexpr std::string_view kScheme = "arrow:";
  if (name.starts_with(kScheme)) return name.substr(kScheme.size());
  for (const char* ending : {".arrow", ".arrows", ".feather"}) {
    if (name.ends_with(ending)) return name;
  }
  return std::nullopt;
}

Result<std::shared_ptr<arrow::Schema>> ArrowFileSchema(const std::string& path) {
  STROM_ASSIGN(const auto reader, Open(path));
  return reader->schema();
}

Result<std::shared_ptr<arrow::RecordBatchReader>> ReadArrowFile(
    const std::string& path, const std::vector<std::string>& columns) {
  STROM_ASSIGN(auto all, Open(path));
  std::vector<int> positions;
  arrow::FieldVector fields;
  for (const std::string& column : columns) {
    const int position = all->schema()->GetFieldIndex(column);
    if (position < 0)
      return Err(ErrorCode::kCorrupt, "{} has not one column '{}' any more", path, column);
    positions.push_back(position);
    fields.push_back(all->schema()->field(position));
  }
  return std::make_shared<Selected>(std::move(all), std::move(positions), arrow::schema(fields));
}

}  // namespace strom::sql
