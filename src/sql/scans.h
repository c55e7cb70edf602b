#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/connection.h"
#include "client/log_reader.h"
#include "sql/engine.h"

namespace strom::sql {

/// What one `strom_scan('id')` of a query reads, which DuckDB cannot read by itself.
struct Scan {
  std::shared_ptr<const client::Table> table;
  // One of the three.
  std::vector<client::LogReader::Range> ranges;  // of the log
  std::vector<std::string> files;                // data files of other formats than Parquet
  std::vector<model::TableBucket> buckets;       // of a key table: all its rows
  /// Of the log: the columns below stand before the table's.
  bool with_changes = false;
  /// Which changes: all, those that bring a row (insert, update_after), or those that take one
  /// away.
  enum class Kinds { kAll, kComing, kGoing } kinds = Kinds::kAll;
  /// Or an Arrow file, which no table stands behind.
  std::string arrow_file = {};
  /// Or rows that are at hand, of the engine's types, with kOpColumn before the table's columns.
  std::optional<std::vector<std::shared_ptr<arrow::RecordBatch>>> rows = {};
};

/// Columns of a scan of changes: the kind ("insert", "update_before", "update_after", "delete"),
/// the offset and the commit time of a row, and the bucket it is in, as a text.
inline constexpr const char* kChangeType = "_change_type";
inline constexpr const char* kLogOffset = "_log_offset";
inline constexpr const char* kCommitTimestamp = "_commit_timestamp";
inline constexpr const char* kBucketName = "_bucket_name";

/// The scans of the statement at hand, by id. Each reader has a connection of its own.
class Scans {
 public:
  explicit Scans(client::Cluster cluster) : cluster_(std::move(cluster)) {}

  /// The relation that reads `scan`.
  std::string Add(Scan scan);
  /// Gives the scan that stands behind `relation` other rows.
  void SetRows(const std::string& relation, std::vector<std::shared_ptr<arrow::RecordBatch>> rows);
  /// What the logs gave since the last Clear.
  int64_t log_bytes() const { return log_bytes_; }
  /// Forgets those of a statement that ended.
  void Clear();

  // What the engine asks for. Any thread. Errors: kNotFound, those of the server.
  Result<std::shared_ptr<arrow::Schema>> SchemaOf(const std::string& id) const;
  Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const Engine::ScanRequest& request) const;

 private:
  Result<Scan> Find(const std::string& id) const;

  const client::Cluster cluster_;
  mutable std::mutex mutex_;  // guards scans_, which DuckDB's threads read
  std::map<std::string, Scan> scans_;
  int64_t next_id_ = 0;
  mutable std::atomic<int64_t> log_bytes_ = 0;
};

}  // namespace strom::sql
