#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/connection.h"
#include "record/key.h"

namespace strom::client {

/// Writes rows to a table: appends them to a log table, puts or deletes them in a primary key
/// table. Finds the bucket and partition of each row, sends batches with acks=all under a writer
/// id, so that a batch sent twice is written once. Several batches are under way at a time. One
/// owner at a time.
class TableWriter {
 public:
  struct Options {
    /// Positions of the only columns that are written, the primary key among them; empty = all.
    std::vector<int32_t> target_columns;
    /// Removes the rows' keys; with target columns makes those null.
    bool deletes = false;
  };
  /// Errors: kNonPrimaryKeyTable when `options` need keys and the table has none.
  static Result<std::unique_ptr<TableWriter>> Open(Connection& connection,
                                                   std::shared_ptr<const Table> table,
                                                   Options options);

  /// `rows`: the table's columns in schema order; those that are no target may be null. Partitions
  /// that are missing are created. Errors: those of PRODUCE_LOG and PUT_KV, kInvalidArgument (null
  /// in a key or in a NOT NULL column).
  Status Write(const arrow::RecordBatch& rows);
  /// Waits until everything written is acknowledged.
  Status Flush();
  int64_t rows_acknowledged() const { return rows_acknowledged_; }

 private:
  static constexpr size_t kMaxInFlight = 4;
  struct InFlight {
    int32_t request_id;
    int64_t rows;
  };
  TableWriter(Connection& connection, std::shared_ptr<const Table> table, Options options);
  Status CheckNotNull(const arrow::RecordBatch& rows) const;
  Result<model::PartitionId> PartitionFor(const std::string& name);
  Result<std::map<model::TableBucket, std::vector<int64_t>>> Assign(const arrow::RecordBatch& rows);
  Status Send(const model::TableBucket& bucket, const arrow::RecordBatch& rows);
  Result<int32_t> SendLog(const model::TableBucket& bucket, const arrow::RecordBatch& rows);
  Result<int32_t> SendKeys(const model::TableBucket& bucket, const arrow::RecordBatch& rows);
  Status AwaitOldest();
  /// The values of some columns of one row.
  Result<record::Row> ValuesOf(const arrow::RecordBatch& rows, const std::vector<int>& columns,
                               int64_t row) const;
  bool has_keys() const { return table_->info.descriptor.has_primary_key(); }

  Connection& connection_;
  const std::shared_ptr<const Table> table_;
  const Options options_;
  const record::KeyEncoding key_encoding_;
  std::vector<int> key_columns_;  // the physical primary key
  std::vector<model::DataType> key_types_;
  std::vector<int> all_columns_;
  std::vector<model::DataType> all_types_;
  int64_t writer_id_ = -1;
  std::map<std::string, model::PartitionId> partitions_;
  std::map<model::TableBucket, int32_t> sequences_;
  std::deque<InFlight> in_flight_;
  int64_t rows_acknowledged_ = 0;
  uint32_t round_robin_ = 0;
};

}  // namespace strom::client
