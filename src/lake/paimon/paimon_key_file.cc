#include <algorithm>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "lake/paimon/paimon_key_file_internal.h"
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

bool Retracts(int8_t kind) {
  return kind == KindOf(ChangeType::kUpdateBefore) || kind == KindOf(ChangeType::kDelete);
}

Result<std::shared_ptr<arrow::RecordBatch>> Taken(const std::shared_ptr<arrow::RecordBatch>& rows,
                                                  const std::shared_ptr<arrow::Array>& which) {
  const auto taken = arrow::compute::Take(arrow::Datum(rows), arrow::Datum(which));
  STROM_TRY(FromArrow(taken.status(), "sort changes"));
  return taken->record_batch();
}

}  // namespace

int8_t KindOf(ChangeType type) {
  return static_cast<int8_t>(static_cast<int>(type) - static_cast<int>(ChangeType::kInsert));
}

KeyFileShape::KeyFileShape(const TableSchema& schema) {
  arrow::FieldVector fields;
  for (const std::string& name : schema.primary_keys) {
    if (std::ranges::find(schema.partition_keys, name) != schema.partition_keys.end()) continue;
    Field key = *schema.Find(name);
    key.id += kKeyIds;
    key.name = "_KEY_" + name;
    key_types_.push_back(key.type);
    types_.push_back(key.type);
    fields.push_back(FileField(key));
    keys_.push_back(std::move(key));
  }
  const DataType sequence = model::MakeType(TypeRoot::kBigInt, false);
  const DataType kind = model::MakeType(TypeRoot::kTinyInt, false);
  fields.push_back(FileField({kSequenceId, "_SEQUENCE_NUMBER", sequence, {}}));
  fields.push_back(FileField({kKindId, "_VALUE_KIND", kind, {}}));
  types_.insert(types_.end(), {sequence, kind});
  for (const Field& field : schema.fields) {
    types_.push_back(field.type);
    fields.push_back(FileField(field));
  }
  schema_ = arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> KeyFileShape::Sorted(
    const std::shared_ptr<arrow::RecordBatch>& rows, Order by) const {
  std::vector<arrow::compute::SortKey> order;
  for (const Field& key : keys_) order.emplace_back(key.name);
  if (by == Order::kKeyAndSequence) order.emplace_back("_SEQUENCE_NUMBER");
  // The sort is stable.
  const auto indices =
      arrow::compute::SortIndices(arrow::Datum(rows), arrow::compute::SortOptions(order));
  STROM_TRY(FromArrow(indices.status(), "sort changes"));
  return Taken(rows, *indices);
}

bool KeyFileShape::SameKey(const arrow::RecordBatch& rows, int64_t a, int64_t b) const {
  for (int k = 0; k < static_cast<int>(keys_.size()); ++k) {
    const auto& column = rows.column(k);
    if (!column->RangeEquals(*column, a, a + 1, b)) return false;
  }
  return true;
}

Result<std::shared_ptr<arrow::RecordBatch>> KeyFileShape::Newest(
    const std::shared_ptr<arrow::RecordBatch>& sorted, int64_t end, bool drop_deletes) const {
  const auto& kinds = static_cast<const arrow::Int8Array&>(*sorted->column(kind_column()));
  arrow::Int64Builder newest;
  for (int64_t i = 0; i < end; ++i) {
    if (i + 1 < end && SameKey(*sorted, i, i + 1)) continue;
    if (drop_deletes && Retracts(kinds.Value(i))) continue;
    STROM_TRY(FromArrow(newest.Append(i), "merge changes"));
  }
  const auto which = newest.Finish();
  STROM_TRY(FromArrow(which.status(), "merge changes"));
  return Taken(sorted, *which);
}

Result<Bytes> KeyFileShape::KeyAt(const arrow::RecordBatch& rows, int64_t row) const {
  record::Row key;
  for (size_t k = 0; k < keys_.size(); ++k) {
    STROM_ASSIGN(record::Value value,
                 record::ValueAt(key_types_[k], *rows.column(static_cast<int>(k)), row));
    key.push_back(std::move(value));
  }
  return EncodeRow(key_types_, key);
}

Result<std::unique_ptr<KeyFileWriter>> KeyFileWriter::Open(const KeyFileShape& shape,
                                                           BucketFiles& files, Role role) {
  std::unique_ptr<KeyFileWriter> writer(new KeyFileWriter(shape, files, role));
  writer->place_ =
      files.Next(role.changelog ? files.options().changelog_prefix : files.options().prefix);
  STROM_ASSIGN(writer->file_, OpenDataFile(writer->place_.path, shape.schema(), shape.types(),
                                           files.options().file));
  return writer;
}

Status KeyFileWriter::Write(const arrow::RecordBatch& rows) {
  if (rows.num_rows() == 0) return {};
  STROM_TRY(file_->Write(rows));
  if (!min_key_) {
    STROM_ASSIGN(min_key_, shape_.KeyAt(rows, 0));
  }
  STROM_ASSIGN(max_key_, shape_.KeyAt(rows, rows.num_rows() - 1));
  const auto& sequences =
      static_cast<const arrow::Int64Array&>(*rows.column(shape_.sequence_column()));
  const auto& kinds = static_cast<const arrow::Int8Array&>(*rows.column(shape_.kind_column()));
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    min_sequence_ = std::min(min_sequence_, sequences.Value(i));
    max_sequence_ = std::max(max_sequence_, sequences.Value(i));
    if (Retracts(kinds.Value(i))) ++deletes_;
  }
  return {};
}

Result<std::unique_ptr<LakeFile>> KeyFileWriter::Finish() {
  STROM_ASSIGN(const FinishedFile finished, file_->Finish());
  ManifestEntry entry = files_.EntryOf(place_.name, finished);
  entry.min_key = min_key_.value_or(EmptyRow());
  entry.max_key = max_key_;
  const std::span<const std::optional<ColumnStats>> columns(finished.columns);
  STROM_ASSIGN(EntryStats of_keys, StatsOf(shape_.keys(), columns.first(shape_.keys().size())));
  entry.key_stats = std::move(of_keys.stats);
  STROM_ASSIGN(EntryStats of_values,
               StatsOf(files_.schema().fields,
                       columns.subspan(static_cast<size_t>(shape_.first_value_column()))));
  entry.value_stats = std::move(of_values.stats);
  entry.value_stats_columns = std::move(of_values.names);
  entry.min_sequence = min_sequence_;
  entry.max_sequence = max_sequence_;
  entry.delete_rows = deletes_;
  entry.level = role_.level;
  entry.compacted = role_.compacted;
  return std::make_unique<PaimonFile>(std::move(entry), place_.path, role_.changelog);
}

}  // namespace strom::lake::paimon
