#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/connection.h"
#include "lake/lake.h"
#include "sql/dialect.h"
#include "sql/moment.h"
#include "sql/scans.h"
#include "sql/session.h"

namespace strom::sql {

/// The one table of a query that is followed, and not only looked up.
struct StreamSource {
  std::shared_ptr<const client::Table> table;
  std::string relation;                             // in Scans; has the rows at hand
  std::map<model::TableBucket, int64_t> positions;  // from where it is followed
  bool with_history = true;
};

/// Makes of a table's name the query that stands for it: "t", and its faces "t$lake", "t$changelog"
/// and others. Parquet files are left to DuckDB, which skips row groups and columns on its own;
/// what it cannot read becomes a scan. One caller at a time.
class Faces {
 public:
  Faces(client::Connection& connection, Scans& scans) : connection_(connection), scans_(scans) {}

  struct Answer {
    std::string query;
    std::string alias;  // the name without its options
  };
  /// Nothing when the cluster has no such table. Errors: kNetwork, kUnsupported, kInvalidArgument
  /// (options that make no sense), those of the server and the lake.
  Result<std::optional<Answer>> Resolve(const model::TablePath& path);

  /// A statement begins that compares `equal` columns with constants.
  void Begin(std::set<std::string> equal) {
    equal_ = std::move(equal);
    stream_.reset();
    history_.reset();
  }

  /// From now on the source stands for the rows at hand.
  void BeginStream() { stream_.emplace(); }
  /// Whether a table's name in a statement means a stream.
  static bool IsStreamSource(const std::string& name);
  /// Errors: kUnsupported when there is none.
  Result<StreamSource> stream_source() const;
  /// Between the two the source of a log table stands for what there is up to its positions, which
  /// are those of now.
  Status BeginHistory();
  void EndHistory() { history_.reset(); }
  /// What the queries since the last call will read.
  std::vector<ScanReport> TakeReports() { return std::exchange(reports_, {}); }

  /// The session works for somebody else: rows of a table's lake are given to those who may read
  /// the table, and `allow` hears of the files that they are in.
  void Confine(std::function<void(const std::string& path)> allow) { allow_ = std::move(allow); }

  /// Key tables of at least `rows` rows in the lake are read from there, with the changes since
  /// over them; smaller ones from the server.
  static constexpr int64_t kKeysFromLakeFrom = 500'000;
  void ReadKeysFromLakeFrom(int64_t rows) { lake_from_ = rows; }

 private:
  using SharedTable = std::shared_ptr<const client::Table>;
  struct LakePart {
    std::optional<int64_t> snapshot_id;
    std::map<model::TableBucket, int64_t> offsets;
    std::vector<lake::DataFile> files;
  };
  /// How far the lake is with one bucket.
  struct Progress {
    model::TableBucket bucket;
    int64_t earliest = 0;
    int64_t lake = 0;  // the first offset that it lacks
    int64_t end = 0;
  };
  using Ranges = std::vector<client::LogReader::Range>;

  // One a face.
  Result<std::string> Table(const SharedTable& table, const ReadOptions& options);
  Result<std::string> LakeOnly(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Snapshots(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Files(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Partitions(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Lag(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Verify(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Offsets(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Changelog(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Binlog(const SharedTable& table, const ReadOptions& options);

  /// A log table as it is now: its lake files, and the log from where they end.
  struct Union {
    LakePart lake;
    std::vector<Progress> progress;
    int64_t log_rows = 0;
    std::string query;
  };
  Result<Union> UnionOf(const SharedTable& table);
  /// Where reading each bucket begins; the whole table begins at its earliest offsets.
  Result<std::map<model::TableBucket, int64_t>> StartOf(const client::Table& table,
                                                        const std::vector<Progress>& all,
                                                        const StartingPoint& start);
  Result<std::string> LogUnion(const SharedTable& table);
  Result<std::string> Stream(const SharedTable& table, const ReadOptions& options);
  Result<std::string> Keys(const SharedTable& table);
  /// A key table's rows in the lake with the changes since over them; nothing when its lake cannot
  /// answer for it, or when the server does it better.
  Result<std::optional<std::string>> KeysOverLake(const SharedTable& table);

  Result<std::unique_ptr<lake::LakeTable>> OpenLake(const client::Table& table) const;
  /// What the server knows of the lake: no files.
  Result<LakePart> Registered(const client::Table& table) const;
  Result<LakePart> ReadLake(const client::Table& table) const;
  /// Of a confined session. Errors: kAuthorization.
  Status AllowFiles(const client::Table& table, const std::vector<lake::DataFile>& files) const;
  /// The lake as it was at a time or with a snapshot.
  Result<LakePart> LakeAt(const client::Table& table, const ReadOptions& options) const;
  Result<std::vector<Progress>> ProgressOf(const client::Table& table, const LakePart& lake);
  /// The part of the log that `options` ask for, by default from its beginning, up to now.
  Result<Ranges> LogRanges(const client::Table& table, const ReadOptions& options);
  /// Errors: kUnsupported.
  static Status CheckKeysReadable(const client::Table& table, const LakePart& lake);
  void AppendLakeQueries(const SharedTable& table, const LakePart& lake,
                         std::vector<std::string>& parts);
  /// The relation of a scan of a log, made of some that run beside each other, each of some
  /// buckets.
  std::vector<std::string> AddBeside(const Scan& scan);
  void AppendLogQueries(const SharedTable& table, const Ranges& ranges,
                        std::vector<std::string>& parts);
  /// Begins the report of a query that reads the lake part of a table.
  ScanReport& NoteLake(const client::Table& table, const LakePart& lake);

  client::Connection& connection_;
  Scans& scans_;
  int64_t lake_from_ = kKeysFromLakeFrom;
  std::function<void(const std::string& path)> allow_;  // of a confined session
  std::set<std::string> equal_;
  std::optional<StreamSource> stream_;
  std::optional<std::string> history_;  // the query that stands for the source
  std::vector<ScanReport> reports_;
};

}  // namespace strom::sql
