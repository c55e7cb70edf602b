#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "lake/paimon/paimon_rows_internal.h"

namespace strom::lake::paimon {

/// The columns of a data file of a primary key table: the keys, a sequence number, the kind of
/// change, then those of the table.
class KeyFileShape {
 public:
  explicit KeyFileShape(const TableSchema& schema);

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  const std::vector<model::DataType>& types() const { return types_; }
  const std::vector<Field>& keys() const { return keys_; }
  const std::vector<model::DataType>& key_types() const { return key_types_; }
  int sequence_column() const { return static_cast<int>(keys_.size()); }
  int kind_column() const { return static_cast<int>(keys_.size()) + 1; }
  int first_value_column() const { return static_cast<int>(keys_.size()) + 2; }

  /// By key and sequence; rows that come in the order of their sequences need only `kKey`.
  enum class Order { kKey, kKeyAndSequence };
  Result<std::shared_ptr<arrow::RecordBatch>> Sorted(
      const std::shared_ptr<arrow::RecordBatch>& rows, Order by) const;
  bool SameKey(const arrow::RecordBatch& rows, int64_t a, int64_t b) const;
  /// Of sorted rows [0, end) the newest one of each key; without those that retract when
  /// `drop_deletes`.
  Result<std::shared_ptr<arrow::RecordBatch>> Newest(
      const std::shared_ptr<arrow::RecordBatch>& sorted, int64_t end, bool drop_deletes) const;
  /// The key of a row as manifests have it.
  Result<Bytes> KeyAt(const arrow::RecordBatch& rows, int64_t row) const;

 private:
  std::vector<Field> keys_;
  std::vector<model::DataType> key_types_;
  std::vector<model::DataType> types_;
  std::shared_ptr<arrow::Schema> schema_;
};

/// Writes one file, batch by batch, in the order of the keys.
class KeyFileWriter {
 public:
  struct Role {
    bool changelog = false;
    bool compacted = false;
    int32_t level = 0;
  };
  static Result<std::unique_ptr<KeyFileWriter>> Open(const KeyFileShape& shape, BucketFiles& files,
                                                     Role role);
  Status Write(const arrow::RecordBatch& rows);
  int64_t bytes_so_far() const { return file_->bytes_so_far(); }
  Result<std::unique_ptr<LakeFile>> Finish();

 private:
  KeyFileWriter(const KeyFileShape& shape, const BucketFiles& files, Role role)
      : shape_(shape), files_(files), role_(role) {}
  const KeyFileShape& shape_;
  const BucketFiles& files_;
  const Role role_;
  BucketFiles::Place place_;
  std::unique_ptr<DataFileWriter> file_;
  // Of the rows so far.
  std::optional<Bytes> min_key_;
  Bytes max_key_;
  int64_t min_sequence_ = INT64_MAX;
  int64_t max_sequence_ = INT64_MIN;
  int64_t deletes_ = 0;
};

/// "_VALUE_KIND" of a change.
int8_t KindOf(record::ChangeType type);

}  // namespace strom::lake::paimon
