#pragma once
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/connection.h"
#include "record/value.h"

namespace strom::client {

/// Makes Arrow rows of a table's current schema of stored values, whatever schema each was written
/// with.
class StoredRows {
 public:
  /// `columns`: positions in the table's schema, in the order wanted.
  StoredRows(Connection& connection, std::shared_ptr<const Table> table,
             std::vector<int32_t> columns);
  /// Errors: kCorrupt, those of GET_TABLE_SCHEMA.
  Result<std::shared_ptr<arrow::RecordBatch>> Decode(std::span<const ByteView> values);

 private:
  /// Where the wanted columns stand in a schema, -1 for one it does not have.
  struct Layout {
    std::vector<model::DataType> types;
    std::vector<int> sources;
  };
  Result<const Layout*> LayoutOf(int32_t schema_id);

  Connection& connection_;
  const std::shared_ptr<const Table> table_;
  const std::vector<int32_t> columns_;
  std::shared_ptr<arrow::Schema> arrow_schema_;
  std::map<int32_t, Layout> layouts_;
};

/// Reads the rows that one bucket of a primary key table has at one moment, batch by batch. Memory:
/// one batch.
class KeyReader {
 public:
  KeyReader(Connection& connection, std::shared_ptr<const Table> table, model::TableBucket bucket,
            std::vector<int32_t> columns)
      : connection_(connection),
        bucket_(bucket),
        rows_(connection, std::move(table), std::move(columns)) {}
  ~KeyReader();
  KeyReader(const KeyReader&) = delete;
  KeyReader& operator=(const KeyReader&) = delete;

  /// Fixes the moment, which is else that of the first Next. Errors: those of SCAN_KV.
  Status Open();
  /// The next rows, or nothing at the end. Errors: those of SCAN_KV and of decoding.
  Result<std::shared_ptr<arrow::RecordBatch>> Next();
  /// After the first Next: the changes from here on are not in these rows.
  int64_t log_offset() const { return log_offset_; }

 private:
  Connection& connection_;
  const model::TableBucket bucket_;
  StoredRows rows_;
  std::optional<SharedBytes> scanner_id_;
  int32_t next_call_ = 0;
  int64_t log_offset_ = 0;
  bool done_ = false;
  std::shared_ptr<arrow::RecordBatch> first_rows_;  // that Open brought along

  Result<std::shared_ptr<arrow::RecordBatch>> Ask(int32_t batch_bytes);
};

/// Values that rows are to have, by column.
using KnownValues = std::map<std::string, record::Value>;

/// The rows of a primary key table with these values, when they are enough to ask for: the whole
/// key (one row at most), or partition and bucket key where those begin the key. Nothing when they
/// are not. Other values are not looked at. Errors: those of LOOKUP and PREFIX_LOOKUP,
/// kInvalidArgument.
Result<std::optional<std::shared_ptr<arrow::RecordBatch>>> LookUp(
    Connection& connection, const std::shared_ptr<const Table>& table, const KnownValues& known,
    std::vector<int32_t> columns);

}  // namespace strom::client
