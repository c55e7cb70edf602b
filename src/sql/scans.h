#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/connection.h"
#include "client/log_reader.h"
#include "lake/lake.h"
#include "sql/engine.h"
#include "sql/session.h"

namespace strom::sql {

/// Makes of a table's name the query that stands for it, and reads the parts of it that DuckDB
/// cannot read by itself: the log, keys, and ORC files. Parquet files are left to DuckDB, which
/// skips row groups and columns on its own.
class Scans {
 public:
  explicit Scans(client::Connection& connection) : connection_(connection) {}

  /// The query for "t", "t$lake" and what else a table's lake is asked for ("t$lake$snapshots",
  /// "$files", "$lag", "$verify"); nothing when the cluster has no such table.
  /// Errors: kNetwork, those of the server and the lake.
  Result<std::optional<std::string>> Resolve(const model::TablePath& path);

  Result<std::shared_ptr<arrow::Schema>> SchemaOf(const std::string& id) const;
  Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const Engine::ScanRequest& request) const;

  /// What the queries since the last call will read.
  std::vector<ScanReport> TakeReports() { return std::exchange(reports_, {}); }
  /// Forgets scans, and what was not told of them, of statements that ended.
  void Clear();

 private:
  using SharedTable = std::shared_ptr<const client::Table>;
  struct Scan {
    SharedTable table;
    std::vector<client::LogReader::Range> ranges;  // of the log
    std::vector<std::string> files;                // or data files that DuckDB does not read
    std::vector<model::TableBucket> buckets;       // or all rows of key tables
  };
  struct LakePart {
    std::optional<int64_t> snapshot_id;
    std::map<model::TableBucket, int64_t> offsets;
    std::vector<lake::DataFile> files;
  };
  Result<std::unique_ptr<lake::LakeTable>> OpenLake(const client::Table& table) const;
  /// What the server knows of the lake: no files.
  Result<LakePart> Registered(const client::Table& table) const;
  Result<LakePart> ReadLake(const client::Table& table) const;
  Result<std::string> Union(const std::shared_ptr<const client::Table>& table, bool with_log);
  /// Begins the report of a query that reads the lake part of a table.
  ScanReport& NoteLake(const client::Table& table, const LakePart& lake);
  Result<std::string> Keys(const std::shared_ptr<const client::Table>& table);
  Result<std::string> LakeOnly(const SharedTable& table);
  Result<std::string> Snapshots(const SharedTable& table);
  Result<std::string> Files(const SharedTable& table);
  Result<std::string> Lag(const SharedTable& table);
  Result<std::string> Verify(const SharedTable& table);
  /// How far the lake is with one bucket.
  struct Progress {
    model::TableBucket bucket;
    int64_t earliest = 0;
    int64_t lake = 0;  // the first offset that it lacks
    int64_t end = 0;
  };
  Result<std::vector<Progress>> ProgressOf(const client::Table& table, const LakePart& lake);
  /// Errors: kUnsupported.
  static Status CheckKeysReadable(const client::Table& table, const LakePart& lake);
  std::string AddScan(Scan scan);
  Result<Scan> Find(const std::string& id) const;
  void AppendLakeQueries(const std::shared_ptr<const client::Table>& table, const LakePart& lake,
                         std::vector<std::string>& parts);

  client::Connection& connection_;
  mutable std::mutex mutex_;  // guards scans_, which DuckDB's threads read
  std::map<std::string, Scan> scans_;
  int64_t next_id_ = 0;
  std::vector<ScanReport> reports_;
};

/// The Arrow types that scans give to DuckDB: microseconds for timestamps, a zone for
/// TIMESTAMP_LTZ.
std::shared_ptr<arrow::DataType> EngineType(const model::DataType& type);
/// DuckDB's name of a column's type.
std::string EngineTypeName(const model::DataType& type);
/// `array` as `type`. Errors: kInvalidArgument when a value does not fit.
Result<std::shared_ptr<arrow::Array>> CastTo(const std::shared_ptr<arrow::Array>& array,
                                             const std::shared_ptr<arrow::DataType>& type);

}  // namespace strom::sql
