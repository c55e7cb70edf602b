#pragma once
#include <memory>
#include <optional>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/clock.h"
#include "client/connection.h"
#include "record/log_batch.h"

namespace strom::client {

/// Rows of one log batch, in the table's current schema.
struct ScannedBatch {
  int64_t base_offset = 0;  // of the first row
  Millis timestamp = 0;     // commit time
  std::shared_ptr<arrow::RecordBatch> rows;
  std::vector<record::ChangeType> changes;  // empty when all are appended
};

/// Makes rows of a table's current schema of log batches, whatever schema each was written with.
class BatchDecoder {
 public:
  /// `columns`: positions in the table's schema, any order; absent = all.
  BatchDecoder(Connection& connection, std::shared_ptr<const Table> table,
               std::optional<std::vector<int32_t>> columns);

  /// The columns to ask the server for, ascending; nothing when it cannot cut them.
  const std::optional<std::vector<int32_t>>& projection() const { return projection_; }
  /// The rows of `batch` with offsets in [start, stop), or nothing when it has none. `projected`:
  /// it has the columns of projection() alone. Errors: kCorruptRecord, those of GET_TABLE_SCHEMA.
  Result<std::optional<ScannedBatch>> Decode(const record::LogBatchView& batch, bool projected,
                                             int64_t start, int64_t stop) const;

 private:
  Connection& connection_;
  const std::shared_ptr<const Table> table_;
  std::vector<int32_t> columns_;  // what the caller gets, in that order
  std::optional<std::vector<int32_t>> projection_;
};

}  // namespace strom::client
