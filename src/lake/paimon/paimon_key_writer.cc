#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/initialize.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

#include "lake/paimon/paimon_key_file_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::paimon {
namespace {

using record::ChangeType;
using record::FromArrow;

constexpr int64_t kBufferBytes = 64 << 20;

template <class Builder, class Values>
Result<std::shared_ptr<arrow::Array>> ArrayOf(const Values& values) {
  Builder builder;
  STROM_TRY(FromArrow(builder.AppendValues(values), "build column"));
  auto array = builder.Finish();
  STROM_TRY(FromArrow(array.status(), "build column"));
  return *array;
}

/// Sorts changes by key and sequence and writes them twice: all of them as a changelog file, the
/// last one of each key as a data file of level 0. The sequence of a change is its log offset.
class KeyWriter final : public LakeWriter {
 public:
  KeyWriter(BucketFiles files, FileRows rows)
      : files_(std::move(files)), rows_(std::move(rows)), shape_(files_.schema()) {
    for (const Field& key : shape_.keys())
      key_positions_.push_back(rows_.schema()->GetFieldIndex(key.name.substr(sizeof "_KEY_" - 1)));
  }

  Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
               std::span<const ChangeType> changes) override {
    if (rows.num_rows() == 0) return {};
    if (changes.size() != static_cast<size_t>(rows.num_rows())) {
      return Err(ErrorCode::kInvalidArgument, "{}: {} rows have {} change types",
                 files_.table_dir(), rows.num_rows(), changes.size());
    }
    STROM_TRY(files_.PlaceBy(rows));
    STROM_ASSIGN(auto converted, rows_.Convert(rows, base_offset, timestamp));
    buffered_bytes_ += arrow::util::TotalBufferSize(*converted);
    buffer_.push_back(std::move(converted));
    for (size_t i = 0; i < changes.size(); ++i) {
      // Rows of a snapshot are fewer than the changes that made them, so their numbers are free.
      sequences_.push_back(base_offset == kNoOffset ? snapshot_rows_++
                                                    : base_offset + static_cast<int64_t>(i));
      kinds_.push_back(KindOf(changes[i]));
    }
    return buffered_bytes_ < kBufferBytes ? Status() : WriteOut();
  }

  Result<LakeFiles> Finish() override {
    if (!buffer_.empty()) STROM_TRY(WriteOut());
    return std::move(finished_);
  }

 private:
  /// The rows in memory as one batch of the file's columns, by key and sequence.
  Result<std::shared_ptr<arrow::RecordBatch>> SortedRows() {
    const auto values = arrow::ConcatenateRecordBatches(std::exchange(buffer_, {}));
    STROM_TRY(FromArrow(values.status(), "sort changes"));
    buffered_bytes_ = 0;
    arrow::ArrayVector columns;
    for (const int position : key_positions_) columns.push_back((*values)->column(position));
    STROM_ASSIGN(auto sequences, ArrayOf<arrow::Int64Builder>(std::exchange(sequences_, {})));
    STROM_ASSIGN(auto kinds, ArrayOf<arrow::Int8Builder>(std::exchange(kinds_, {})));
    columns.push_back(std::move(sequences));
    columns.push_back(std::move(kinds));
    const auto value_columns = (*values)->columns();
    columns.insert(columns.end(), value_columns.begin(), value_columns.end());
    return shape_.Sorted(
        arrow::RecordBatch::Make(shape_.schema(), (*values)->num_rows(), std::move(columns)),
        KeyFileShape::Order::kKey);
  }

  Status WriteOut() {
    STROM_ASSIGN(const auto sorted, SortedRows());
    STROM_TRY(WriteFile(*sorted, {.changelog = true}));
    STROM_ASSIGN(const auto merged,
                 shape_.Newest(sorted, sorted->num_rows(), /*drop_deletes=*/false));
    return WriteFile(*merged, {});
  }

  Status WriteFile(const arrow::RecordBatch& rows, KeyFileWriter::Role role) {
    STROM_ASSIGN(const auto writer, KeyFileWriter::Open(shape_, files_, role));
    STROM_TRY(writer->Write(rows));
    STROM_ASSIGN(auto file, writer->Finish());
    finished_.push_back(std::move(file));
    return {};
  }

  BucketFiles files_;
  const FileRows rows_;
  const KeyFileShape shape_;
  std::vector<int> key_positions_;  // in the rows of the table
  // Rows in memory.
  std::vector<std::shared_ptr<arrow::RecordBatch>> buffer_;
  std::vector<int64_t> sequences_;
  std::vector<int8_t> kinds_;
  int64_t buffered_bytes_ = 0;
  int64_t snapshot_rows_ = 0;
  LakeFiles finished_;
};

}  // namespace

Result<std::unique_ptr<LakeWriter>> OpenKeyWriter(BucketFiles files, FileRows rows) {
  STROM_TRY(FromArrow(arrow::compute::Initialize(), "sort functions"));
  return std::make_unique<KeyWriter>(std::move(files), std::move(rows));
}

}  // namespace strom::lake::paimon
