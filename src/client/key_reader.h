#pragma once
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/connection.h"

namespace strom::client {

/// Reads the rows that one bucket of a primary key table has at one moment, batch by batch. Memory:
/// one batch.
class KeyReader {
 public:
  /// `columns`: positions in the table's schema, in the order wanted.
  KeyReader(Connection& connection, std::shared_ptr<const Table> table, model::TableBucket bucket,
            std::vector<int32_t> columns);
  ~KeyReader();
  KeyReader(const KeyReader&) = delete;
  KeyReader& operator=(const KeyReader&) = delete;

  /// The next rows in the table's current schema, or nothing at the end. Errors: those of SCAN_KV
  /// and of decoding.
  Result<std::shared_ptr<arrow::RecordBatch>> Next();

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Decode(ByteView values);
  /// Where the wanted columns stand in a schema, -1 for one it does not have.
  struct Layout {
    std::vector<model::DataType> types;
    std::vector<int> sources;
  };
  Result<const Layout*> LayoutOf(int32_t schema_id);

  Connection& connection_;
  const std::shared_ptr<const Table> table_;
  const model::TableBucket bucket_;
  const std::vector<int32_t> columns_;
  std::shared_ptr<arrow::Schema> arrow_schema_;
  std::map<int32_t, Layout> layouts_;
  std::optional<SharedBytes> scanner_id_;
  int32_t next_call_ = 0;
  bool done_ = false;
};

}  // namespace strom::client
