#include <algorithm>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/initialize.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

#include "lake/paimon/paimon_rows_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::paimon {
namespace {

using model::DataType;
using model::TypeRoot;
using record::ChangeType;
using record::FromArrow;

constexpr int32_t kKeyIds = 1'073'741'823;  // the key column of field 0
constexpr int32_t kSequenceId = 2'147'483'646;
constexpr int32_t kKindId = 2'147'483'645;
constexpr int64_t kBufferBytes = 64 << 20;

int8_t KindOf(ChangeType type) {
  return static_cast<int8_t>(static_cast<int>(type) - static_cast<int>(ChangeType::kInsert));
}
bool Retracts(int8_t kind) {
  return kind == KindOf(ChangeType::kUpdateBefore) || kind == KindOf(ChangeType::kDelete);
}

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
  KeyWriter(BucketFiles files, FileRows rows) : files_(std::move(files)), rows_(std::move(rows)) {
    const TableSchema& schema = files_.schema();
    arrow::FieldVector fields;
    for (const std::string& name : schema.primary_keys) {
      if (std::ranges::find(schema.partition_keys, name) != schema.partition_keys.end()) continue;
      Field key = *schema.Find(name);
      key_positions_.push_back(rows_.schema()->GetFieldIndex(name));
      key.id += kKeyIds;
      key.name = "_KEY_" + name;
      key_types_.push_back(key.type);
      file_types_.push_back(key.type);
      fields.push_back(FileField(key));
      keys_.push_back(std::move(key));
    }
    const DataType sequence = model::MakeType(TypeRoot::kBigInt, false);
    const DataType kind = model::MakeType(TypeRoot::kTinyInt, false);
    fields.push_back(FileField({kSequenceId, "_SEQUENCE_NUMBER", sequence, {}}));
    fields.push_back(FileField({kKindId, "_VALUE_KIND", kind, {}}));
    file_types_.insert(file_types_.end(), {sequence, kind});
    for (const Field& field : schema.fields) file_types_.push_back(field.type);
    const auto& values = rows_.schema()->fields();
    fields.insert(fields.end(), values.begin(), values.end());
    file_schema_ = arrow::schema(std::move(fields));
  }

  Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
               std::span<const ChangeType> changes) override {
    if (rows.num_rows() == 0) return {};
    if (changes.size() != static_cast<size_t>(rows.num_rows())) {
      return Err(ErrorCode::kInvalidArgument, "{}: {} rows have {} change types",
                 files_.table_dir(), rows.num_rows(), changes.size());
    }
    STROM_TRY(files_.PlaceBy(rows_, rows));
    STROM_ASSIGN(auto converted, rows_.Convert(rows, base_offset, timestamp));
    buffered_bytes_ += arrow::util::TotalBufferSize(*converted);
    buffer_.push_back(std::move(converted));
    for (size_t i = 0; i < changes.size(); ++i) {
      sequences_.push_back(base_offset + static_cast<int64_t>(i));
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
    const auto rows =
        arrow::RecordBatch::Make(file_schema_, (*values)->num_rows(), std::move(columns));
    std::vector<arrow::compute::SortKey> order;
    for (const Field& key : keys_) order.emplace_back(key.name);
    order.emplace_back("_SEQUENCE_NUMBER");
    const auto indices =
        arrow::compute::SortIndices(arrow::Datum(rows), arrow::compute::SortOptions(order));
    STROM_TRY(FromArrow(indices.status(), "sort changes"));
    return Taken(rows, *indices);
  }

  static Result<std::shared_ptr<arrow::RecordBatch>> Taken(
      const std::shared_ptr<arrow::RecordBatch>& rows, const std::shared_ptr<arrow::Array>& which) {
    const auto taken = arrow::compute::Take(arrow::Datum(rows), arrow::Datum(which));
    STROM_TRY(FromArrow(taken.status(), "sort changes"));
    return taken->record_batch();
  }

  bool SameKey(const arrow::RecordBatch& rows, int64_t a, int64_t b) const {
    for (size_t k = 0; k < keys_.size(); ++k) {
      const auto& column = rows.column(static_cast<int>(k));
      if (!column->RangeEquals(*column, a, a + 1, b)) return false;
    }
    return true;
  }

  Status WriteOut() {
    STROM_ASSIGN(const auto sorted, SortedRows());
    STROM_TRY(WriteFile(*sorted, files_.options().changelog_prefix, /*changelog=*/true));
    std::vector<int64_t> last;
    for (int64_t i = 0; i < sorted->num_rows(); ++i) {
      if (i + 1 == sorted->num_rows() || !SameKey(*sorted, i, i + 1)) last.push_back(i);
    }
    STROM_ASSIGN(const auto which, ArrayOf<arrow::Int64Builder>(last));
    STROM_ASSIGN(const auto merged, Taken(sorted, which));
    return WriteFile(*merged, files_.options().prefix, /*changelog=*/false);
  }

  Result<Bytes> KeyAt(const arrow::RecordBatch& rows, int64_t row) const {
    record::Row key;
    for (size_t k = 0; k < keys_.size(); ++k) {
      STROM_ASSIGN(record::Value value,
                   record::ValueAt(key_types_[k], *rows.column(static_cast<int>(k)), row));
      key.push_back(std::move(value));
    }
    return EncodeRow(key_types_, key);
  }

  Status WriteFile(const arrow::RecordBatch& rows, const std::string& prefix, bool changelog) {
    const BucketFiles::Place place = files_.Next(prefix);
    STROM_ASSIGN(const auto file,
                 OpenDataFile(place.path, file_schema_, file_types_, files_.options().file));
    STROM_TRY(file->Write(rows));
    STROM_ASSIGN(const FinishedFile finished, file->Finish());
    ManifestEntry entry = files_.EntryOf(place.name, finished);
    STROM_ASSIGN(entry.min_key, KeyAt(rows, 0));
    STROM_ASSIGN(entry.max_key, KeyAt(rows, rows.num_rows() - 1));
    const std::span<const std::optional<ColumnStats>> columns(finished.columns);
    STROM_ASSIGN(EntryStats of_keys, StatsOf(keys_, columns.first(keys_.size())));
    entry.key_stats = std::move(of_keys.stats);
    STROM_ASSIGN(EntryStats of_values,
                 StatsOf(files_.schema().fields, columns.subspan(keys_.size() + 2)));
    entry.value_stats = std::move(of_values.stats);
    entry.value_stats_columns = std::move(of_values.names);
    const auto at = static_cast<int>(keys_.size());
    const auto& sequences = static_cast<const arrow::Int64Array&>(*rows.column(at));
    const auto& kinds = static_cast<const arrow::Int8Array&>(*rows.column(at + 1));
    entry.min_sequence = sequences.Value(0);
    entry.max_sequence = sequences.Value(0);
    entry.delete_rows = 0;
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      entry.min_sequence = std::min(entry.min_sequence, sequences.Value(i));
      entry.max_sequence = std::max(entry.max_sequence, sequences.Value(i));
      if (Retracts(kinds.Value(i))) entry.delete_rows = *entry.delete_rows + 1;
    }
    finished_.push_back(std::make_unique<PaimonFile>(std::move(entry), place.path, changelog));
    return {};
  }

  BucketFiles files_;
  const FileRows rows_;
  std::vector<Field> keys_;
  std::vector<int> key_positions_;  // in the rows of the table
  std::vector<DataType> key_types_;
  std::vector<DataType> file_types_;
  std::shared_ptr<arrow::Schema> file_schema_;
  // Rows in memory.
  std::vector<std::shared_ptr<arrow::RecordBatch>> buffer_;
  std::vector<int64_t> sequences_;
  std::vector<int8_t> kinds_;
  int64_t buffered_bytes_ = 0;
  LakeFiles finished_;
};

}  // namespace

Result<std::unique_ptr<LakeWriter>> OpenKeyWriter(BucketFiles files, FileRows rows) {
  STROM_TRY(FromArrow(arrow::compute::Initialize(), "sort functions"));
  return std::make_unique<KeyWriter>(std::move(files), std::move(rows));
}

}  // namespace strom::lake::paimon
