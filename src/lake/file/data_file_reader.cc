#include "lake/file/data_file_reader.h"

#include <arrow/adapters/orc/adapter.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>

#include "record/arrow_batch.h"

namespace strom::lake {
namespace {

using record::FromArrow;

/// The batches of one file.
class OpenFile {
 public:
  virtual ~OpenFile() = default;
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

class OrcFile final : public OpenFile {
 public:
  static Result<std::unique_ptr<OpenFile>> Open(
      const std::shared_ptr<arrow::io::ReadableFile>& file,
      const std::vector<std::string>& columns) {
    auto reader = arrow::adapters::orc::ORCFileReader::Open(file, arrow::default_memory_pool());
    STROM_TRY(FromArrow(reader.status(), "open ORC file"));
    const auto schema = (*reader)->ReadSchema();
    STROM_TRY(FromArrow(schema.status(), "open ORC file"));
    std::vector<std::string> there;
    for (const std::string& column : columns) {
      if ((*schema)->GetFieldIndex(column) >= 0) there.push_back(column);
    }
    if (there.empty()) there.push_back((*schema)->field(0)->name());  // for the number of rows
    return std::unique_ptr<OpenFile>(new OrcFile(std::move(*reader), std::move(there)));
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (stripe_ == reader_->NumberOfStripes()) return nullptr;
    auto batch = reader_->ReadStripe(stripe_++, columns_);
    STROM_TRY(FromArrow(batch.status(), "read ORC file"));
    return *batch;
  }

 private:
  OrcFile(std::unique_ptr<arrow::adapters::orc::ORCFileReader> reader,
          std::vector<std::string> columns)
      : reader_(std::move(reader)), columns_(std::move(columns)) {}
  const std::unique_ptr<arrow::adapters::orc::ORCFileReader> reader_;
  const std::vector<std::string> columns_;
  int64_t stripe_ = 0;
};

class ParquetFile final : public OpenFile {
 public:
  static Result<std::unique_ptr<OpenFile>> Open(
      const std::shared_ptr<arrow::io::ReadableFile>& file,
      const std::vector<std::string>& columns) {
    auto reader = parquet::arrow::OpenFile(file, arrow::default_memory_pool());
    STROM_TRY(FromArrow(reader.status(), "open Parquet file"));
    std::shared_ptr<arrow::Schema> schema;
    STROM_TRY(FromArrow((*reader)->GetSchema(&schema), "open Parquet file"));
    // Leaves are numbered depth first; a nested column has several.
    std::vector<int> leaves;
    const auto descriptor = (*reader)->parquet_reader()->metadata()->schema();
    for (int leaf = 0; leaf < descriptor->num_columns(); ++leaf) {
      const std::string& root = descriptor->GetColumnRoot(leaf)->name();
      if (std::ranges::find(columns, root) != columns.end()) leaves.push_back(leaf);
    }
    if (leaves.empty()) leaves.push_back(0);
    std::vector<int> groups((*reader)->num_row_groups());
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
    auto batches = (*reader)->GetRecordBatchReader(groups, leaves);
    STROM_TRY(FromArrow(batches.status(), "open Parquet file"));
    return std::unique_ptr<OpenFile>(new ParquetFile(std::move(*reader), std::move(*batches)));
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    std::shared_ptr<arrow::RecordBatch> batch;
    STROM_TRY(FromArrow(batches_->ReadNext(&batch), "read Parquet file"));
    return batch;
  }

 private:
  ParquetFile(std::unique_ptr<parquet::arrow::FileReader> reader,
              std::unique_ptr<arrow::RecordBatchReader> batches)
      : reader_(std::move(reader)), batches_(std::move(batches)) {}
  const std::unique_ptr<parquet::arrow::FileReader> reader_;
  const std::unique_ptr<arrow::RecordBatchReader> batches_;
};

class Files final : public DataFileReader {
 public:
  Files(std::vector<std::string> paths, std::vector<std::string> columns)
      : paths_(std::move(paths)), columns_(std::move(columns)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    while (true) {
      if (!file_) {
        if (next_ == paths_.size()) return nullptr;
        STROM_TRY(OpenNext(paths_[next_++]));
      }
      STROM_ASSIGN(auto batch, file_->Next());
      if (batch) return batch;
      file_.reset();
    }
  }

 private:
  Status OpenNext(const std::string& path) {
    const auto file = arrow::io::ReadableFile::Open(path);
    STROM_TRY(FromArrow(file.status(), "open data file"));
    STROM_ASSIGN(file_, path.ends_with(".orc") ? OrcFile::Open(*file, columns_)
                                               : ParquetFile::Open(*file, columns_));
    return {};
  }

  const std::vector<std::string> paths_;
  const std::vector<std::string> columns_;
  size_t next_ = 0;
  std::unique_ptr<OpenFile> file_;
};

}  // namespace

std::unique_ptr<DataFileReader> ReadDataFiles(std::vector<std::string> paths,
                                              std::vector<std::string> columns) {
  return std::make_unique<Files>(std::move(paths), std::move(columns));
}

}  // namespace strom::lake
