#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/table.h"
#include "record/key.h"
#include "record/kv_batch.h"
#include "record/row.h"

namespace strom::kv {

/// What the rows of a primary key table look like, under each of its schemas. Immutable; a new one
/// is made when the table changes.
class TableShape {
 public:
  using Schemas = std::map<int32_t, std::shared_ptr<const model::Schema>>;
  /// `schemas`: all of the table, by id. Errors: kSchemaNotExist when the newest is missing.
  static Result<std::shared_ptr<const TableShape>> Make(const model::TableInfo& info,
                                                        const Schemas& schemas);

  const model::TableInfo& info() const { return info_; }
  const model::TableOptions& options() const { return info_.options; }
  int16_t latest_id() const { return static_cast<int16_t>(info_.schema_id); }
  const model::Schema& latest() const { return *versions_.at(latest_id()).schema; }
  record::Types latest_types() const { return versions_.at(latest_id()).types; }
  bool knows(int16_t schema_id) const { return versions_.contains(schema_id); }
  /// Positions of the physical primary key in the newest schema, in key order.
  const std::vector<int>& key_positions() const { return key_positions_; }

  /// A stored row in the newest schema: columns are matched by id, those added later are null.
  /// Errors: kSchemaNotExist, kCorrupt.
  Result<record::Row> Decode(const record::StoredValue& value) const;
  struct LoggedRow {
    record::ChangeType type;
    record::Row row;
  };
  /// Finds the fields of a stored row of the newest schema, as Decode would see them. `found` is
  /// used again by the next call. Errors: kSchemaNotExist, kCorrupt.
  Status Split(const record::StoredValue& value, record::Fields& found) const;
  Result<record::Value> DecodeField(size_t column, ByteView field) const;
  /// The rows of a changelog batch, in the newest schema. Errors: kSchemaNotExist, kCorruptRecord.
  Result<std::vector<LoggedRow>> DecodeLog(const record::LogBatchView& batch) const;
  /// The stored value of a row of the newest schema. Errors: kInvalidArgument.
  Result<Bytes> Encode(const record::Row& row) const;
  /// The encoded key of a row of the newest schema. Errors: kInvalidArgument.
  Result<Bytes> KeyOf(const record::Row& row) const;
  Result<Bytes> KeyOf(const record::Fields& fields) const;
  /// A row of the newest schema with the key's columns and nothing else. Errors: kCorrupt.
  Result<record::Row> RowOfKey(ByteView key) const;
  /// Whether every NOT NULL column has a value. Errors: kInvalidArgument naming the column.
  Status CheckNotNull(const record::Row& row) const;
  Status CheckNotNull(const record::Fields& fields) const;

 private:
  Status CheckNotNull(size_t column, bool is_null) const;
  struct Version {
    std::shared_ptr<const model::Schema> schema;
    std::vector<model::DataType> types;
    std::vector<int> sources;  // by column of the newest schema: its position here, or -1
    bool same_columns = false;
  };
  /// Errors: kSchemaNotExist.
  Result<const Version*> VersionOf(int16_t schema_id) const;
  /// A row of `version` in the newest schema.
  static record::Row Padded(const Version& version, record::Row row);

  model::TableInfo info_;
  std::map<int32_t, Version> versions_;
  std::vector<int> key_positions_;
  std::vector<model::DataType> key_types_;
  record::KeyEncoding key_encoding_ = record::KeyEncoding::kCompacted;
};

}  // namespace strom::kv
