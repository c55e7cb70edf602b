#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include "client/connection.h"

namespace strom::client {

/// Appends rows to a log table: finds the bucket and partition of each row, sends batches with
/// acks=all under a writer id, so that a batch sent twice is written once. Several batches are
/// under way at a time. One owner at a time.
class AppendWriter {
 public:
  static Result<std::unique_ptr<AppendWriter>> Open(Connection& connection,
                                                    std::shared_ptr<const Table> table);

  /// `rows`: the table's columns in schema order. Partitions that are missing are created. Errors:
  /// those of PRODUCE_LOG, kInvalidArgument (null in a key or in a NOT NULL column).
  Status Append(const arrow::RecordBatch& rows);
  /// Waits until everything appended is acknowledged.
  Status Flush();
  int64_t rows_acknowledged() const { return rows_acknowledged_; }

 private:
  static constexpr size_t kMaxInFlight = 4;
  struct InFlight {
    int32_t request_id;
    int64_t rows;
  };
  AppendWriter(Connection& connection, std::shared_ptr<const Table> table)
      : connection_(connection), table_(std::move(table)) {}
  Result<model::PartitionId> PartitionFor(const std::string& name);
  Result<std::map<model::TableBucket, std::vector<int64_t>>> Assign(const arrow::RecordBatch& rows);
  Status Send(const model::TableBucket& bucket, const arrow::RecordBatch& rows);
  Status AwaitOldest();

  Connection& connection_;
  const std::shared_ptr<const Table> table_;
  int64_t writer_id_ = -1;
  std::map<std::string, model::PartitionId> partitions_;
  std::map<model::TableBucket, int32_t> sequences_;
  std::deque<InFlight> in_flight_;
  int64_t rows_acknowledged_ = 0;
  uint32_t round_robin_ = 0;
};

}  // namespace strom::client
