#pragma once
#include <string>
#include <vector>

#include "lake/lake.h"
#include "model/schema.h"
#include "model/table.h"

namespace strom::sql {

// Queries, as DuckDB's SQL, that stand for what the lake has of a table.

std::string JoinSelects(const std::vector<std::string>& parts);
/// The quoted names of the table's columns.
std::string ColumnList(const model::Schema& schema);
/// A table with the right columns, and the system columns `more`, and no row.
std::string EmptySelect(const model::Schema& schema, const std::vector<std::string>& more = {});

/// DuckDB reads Parquet by itself, but for timestamps finer than its microseconds.
bool DuckDbReads(const lake::DataFile& file, const model::Schema& schema);
/// All rows of files, at least one, that DuckDB reads: the table's columns, null where a file has
/// none, and the system columns `more`.
std::string RowsOfFiles(const model::Schema& schema, const std::vector<lake::DataFile>& files,
                        const std::vector<std::string>& more = {});
/// Of each key of a primary key table the newest row that the files have, if it is no deletion.
std::string RowsOfKeys(const model::Schema& schema, const std::vector<lake::DataFile>& files,
                       std::vector<std::string> more = {});

/// A table's snapshots, with the columns that its format gives them.
std::string SnapshotRows(model::LakeFormat format,
                         const std::vector<lake::SnapshotInfo>& snapshots);
/// Its data files.
std::string FileRowsOf(const std::vector<lake::DataFile>& files);

/// Builds the query that compares stream and lake bucket by bucket: numbers of rows, and a sum of
/// their hashes, which does not depend on their order.
class VerifyQuery {
 public:
  explicit VerifyQuery(const model::TableDescriptor& table) : table_(table) {}
  struct Bucket {
    std::string partition;  // its name, empty without partitions
    int32_t bucket = 0;
    int64_t from_offset = 0;  // of a log table: rows of the lake before it are no longer in the log
    std::string stream;  // a relation: what the stream has up to the lake's offset, or the keys
    std::string later;   // of keys: changes that the lake lacks; either may be empty
  };
  void Add(Bucket bucket) { buckets_.push_back(std::move(bucket)); }
  /// Columns: partition, bucket, stream_rows, lake_rows, equal.
  std::string Text(const std::vector<lake::DataFile>& files) const;

 private:
  const model::TableDescriptor& table_;
  std::vector<Bucket> buckets_;
};

}  // namespace strom::sql
