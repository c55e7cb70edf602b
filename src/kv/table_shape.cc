#include "kv/table_shape.h"

#include <numeric>

#include <arrow/array/array_base.h>
#include <arrow/record_batch.h>

#include "record/arrow_batch.h"

namespace strom::kv {

Result<std::shared_ptr<const TableShape>> TableShape::Make(const model::TableInfo& info,
                                                           const Schemas& schemas) {
  auto shape = std::make_shared<TableShape>();
  shape->info_ = info;
  const auto newest = schemas.find(info.schema_id);
  if (newest == schemas.end()) {
    return Err(ErrorCode::kSchemaNotExist, "table {} has no schema {}", info.path.ToString(),
               info.schema_id);
  }
  const model::Schema& latest = *newest->second;
  for (const auto& [id, schema] : schemas) {
    Version& version = shape->versions_[id];
    version.schema = schema;
    for (const model::Column& column : schema->columns) version.types.push_back(column.type);
    for (const model::Column& wanted : latest.columns)
      version.sources.push_back(schema->FindById(wanted.id));
    std::vector<int> identity(schema->columns.size());
    std::iota(identity.begin(), identity.end(), 0);
    version.same_columns = version.sources == identity;
  }
  shape->key_positions_ = latest.Positions(info.descriptor.PhysicalPrimaryKey());
  for (const int position : shape->key_positions_)
    shape->key_types_.push_back(latest.columns[static_cast<size_t>(position)].type);
  shape->key_encoding_ = record::KvKeyEncoding(info.descriptor, info.options);
  return shape;
}

Result<const TableShape::Version*> TableShape::VersionOf(int16_t schema_id) const {
  const auto it = versions_.find(schema_id);
  if (it != versions_.end()) return &it->second;
  return Err(ErrorCode::kSchemaNotExist, "table {} has no schema {}", info_.path.ToString(),
             schema_id);
}

Result<record::Row> TableShape::Decode(const record::StoredValue& value) const {
  STROM_ASSIGN(const Version* const version, VersionOf(value.schema_id));
  STROM_ASSIGN(record::Row row, options().kv_format == model::KvFormat::kIndexed
                                    ? record::DecodeIndexedRow(version->types, value.row)
                                    : record::DecodeCompactedRow(version->types, value.row));
  return Padded(*version, std::move(row));
}

Status TableShape::Split(const record::StoredValue& value, record::Fields& found) const {
  STROM_ASSIGN(const Version* const version, VersionOf(value.schema_id));
  STROM_TRY(options().kv_format == model::KvFormat::kIndexed
                ? record::SplitIndexedRow(version->types, value.row, found)
                : record::SplitCompactedRow(version->types, value.row, found));
  if (version->same_columns) return {};
  const record::Fields own = found;
  found.assign(version->sources.size(), std::nullopt);
  for (size_t i = 0; i < found.size(); ++i) {
    if (version->sources[i] >= 0) found[i] = own[static_cast<size_t>(version->sources[i])];
  }
  return {};
}

Result<record::Value> TableShape::DecodeField(size_t column, ByteView field) const {
  const model::DataType& type = latest_types()[column];
  return options().kv_format == model::KvFormat::kIndexed
             ? record::DecodeIndexedField(type, field)
             : record::DecodeCompactedField(type, field);
}

record::Row TableShape::Padded(const Version& version, record::Row row) {
  if (version.same_columns) return row;
  record::Row padded(version.sources.size());
  for (size_t i = 0; i < padded.size(); ++i) {
    if (version.sources[i] >= 0)
      padded[i] = std::move(row[static_cast<size_t>(version.sources[i])]);
  }
  return padded;
}

Result<std::vector<TableShape::LoggedRow>> TableShape::DecodeLog(
    const record::LogBatchView& batch) const {
  STROM_ASSIGN(const Version* const found, VersionOf(batch.schema_id()));
  const Version& version = *found;
  std::vector<LoggedRow> rows;
  if (batch.record_count() == 0) return rows;
  STROM_ASSIGN(const record::DecodedBatch decoded,
               record::DecodeLogBatch(batch, options().log_format, *version.schema));
  if (decoded.changes.empty()) {
    return Err(ErrorCode::kCorruptRecord, "a batch in the changelog of {} has no change types",
               info_.path.ToString());
  }
  for (int64_t i = 0; i < decoded.rows->num_rows(); ++i) {
    record::Row row;
    for (size_t c = 0; c < version.types.size(); ++c) {
      STROM_ASSIGN(
          record::Value value,
          record::ValueAt(version.types[c], *decoded.rows->column(static_cast<int>(c)), i));
      row.push_back(std::move(value));
    }
    rows.push_back({decoded.changes[static_cast<size_t>(i)], Padded(version, std::move(row))});
  }
  return rows;
}

Result<Bytes> TableShape::Encode(const record::Row& row) const {
  STROM_ASSIGN(const Bytes bytes, options().kv_format == model::KvFormat::kIndexed
                                      ? record::EncodeIndexedRow(latest_types(), row)
                                      : record::EncodeCompactedRow(latest_types(), row));
  return record::EncodeStoredValue(latest_id(), bytes);
}

Result<Bytes> TableShape::KeyOf(const record::Row& row) const {
  record::Row key;
  for (const int position : key_positions_) key.push_back(row[static_cast<size_t>(position)]);
  return record::EncodeKey(key_encoding_, key_types_, key);
}

Result<Bytes> TableShape::KeyOf(const record::Fields& fields) const {
  record::Row key(key_positions_.size());
  for (size_t i = 0; i < key.size(); ++i) {
    const auto column = static_cast<size_t>(key_positions_[i]);
    if (!fields[column]) continue;
    STROM_ASSIGN(key[i], DecodeField(column, *fields[column]));
  }
  return record::EncodeKey(key_encoding_, key_types_, key);
}

Result<record::Row> TableShape::RowOfKey(ByteView key) const {
  STROM_ASSIGN(record::Row values, record::DecodeKey(key_encoding_, key_types_, key));
  record::Row row(latest().columns.size());
  for (size_t i = 0; i < key_positions_.size(); ++i)
    row[static_cast<size_t>(key_positions_[i])] = std::move(values[i]);
  return row;
}

Status TableShape::CheckNotNull(size_t column, bool is_null) const {
  const model::Column& checked = latest().columns[column];
  if (!is_null || checked.type.nullable) return {};
  return Err(ErrorCode::kInvalidArgument, "a row for table {} has no value for column '{}' {}",
             info_.path.ToString(), checked.name, checked.type.ToString());
}

Status TableShape::CheckNotNull(const record::Row& row) const {
  for (size_t i = 0; i < row.size(); ++i) STROM_TRY(CheckNotNull(i, row[i].is_null()));
  return {};
}

Status TableShape::CheckNotNull(const record::Fields& fields) const {
  for (size_t i = 0; i < fields.size(); ++i) STROM_TRY(CheckNotNull(i, !fields[i]));
  return {};
}

}  // namespace strom::kv
