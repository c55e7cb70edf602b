#include "sql/lake_queries.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "lake/conventions.h"
#include "sql/engine_types.h"
#include "sql/lexer.h"

namespace strom::sql {
namespace {

/// DuckDB's name of a column's type, system columns included.
std::string TypeNameOf(const model::Schema& schema, const std::string& column) {
  if (const int at = schema.Find(column); at >= 0)
    return EngineTypeName(schema.columns[static_cast<size_t>(at)].type);
  if (column == lake::kBucketColumn) return "INTEGER";
  return column == lake::kOffsetColumn ? "BIGINT" : "TIMESTAMPTZ";
}

}  // namespace

std::string JoinSelects(const std::vector<std::string>& parts) {
  return Join(parts, " UNION ALL ");
}

std::string ColumnList(const model::Schema& schema) {
  std::vector<std::string> names;
  for (const model::Column& column : schema.columns) names.push_back(QuoteName(column.name));
  return Join(names, ", ");
}

std::string EmptySelect(const model::Schema& schema, const std::vector<std::string>& more) {
  std::vector<std::string> columns;
  for (const model::Column& column : schema.columns) {
    columns.push_back("NULL::" + EngineTypeName(column.type) + " AS " + QuoteName(column.name));
  }
  for (const std::string& column : more)
    columns.push_back("NULL::" + TypeNameOf(schema, column) + " AS " + column);
  return "SELECT " + Join(columns, ", ") + " WHERE false";
}

namespace {

/// Files with the same columns, which are read together.
using FilesByColumns = std::map<std::vector<std::string>, std::vector<const lake::DataFile*>>;
FilesByColumns ByColumns(const std::vector<lake::DataFile>& files) {
  FilesByColumns groups;
  for (const lake::DataFile& file : files) groups[file.columns].push_back(&file);
  return groups;
}

/// The table's columns, null where files of `columns` do not have one.
std::string SelectedOf(const model::Schema& schema, const std::vector<std::string>& columns) {
  std::vector<std::string> selected;
  for (const model::Column& column : schema.columns) {
    const std::string name = QuoteName(column.name);
    const bool there = std::ranges::find(columns, column.name) != columns.end();
    selected.push_back(there ? name : "NULL::" + EngineTypeName(column.type) + " AS " + name);
  }
  return Join(selected, ", ");
}

std::string Listed(const std::vector<std::string>& paths) {
  std::vector<std::string> quoted;
  for (const std::string& path : paths) quoted.push_back(QuoteText(path));
  return "[" + Join(quoted, ", ") + "]";
}

/// The rows of `files`, which have the same columns, as a relation. Files that are read by field
/// ids have all columns of the table, and what their deletes name is left out.
std::string ReadParquet(const model::Schema& schema,
                        const std::vector<const lake::DataFile*>& files) {
  std::vector<std::string> paths;
  std::set<std::string> deletes;
  std::map<std::string, int64_t> key_deletes;
  std::vector<std::string> sequences;
  for (const lake::DataFile* file : files) {
    paths.push_back(file->path);
    deletes.insert(file->deletes.begin(), file->deletes.end());
    for (const auto& keys : file->key_deletes) key_deletes[keys.path] = keys.sequence;
    sequences.push_back(fmt::format("({}, {}::BIGINT)", QuoteText(file->path), file->sequence));
  }
  std::string options = "hive_partitioning = false";
  const lake::DataFile& any = *files.front();
  std::vector<std::string> fields;
  for (size_t i = 0; i < any.field_ids.size(); ++i) {
    fields.push_back(fmt::format("{}: {{name: {}, type: {}, default_value: NULL}}",
                                 any.field_ids[i], QuoteText(any.columns[i]),
                                 QuoteText(TypeNameOf(schema, any.columns[i]))));
  }
  if (!fields.empty()) options += ", schema = MAP {" + Join(fields, ", ") + "}";
  if (deletes.empty() && key_deletes.empty())
    return "read_parquet(" + Listed(paths) + ", " + options + ")";
  std::string query = "(SELECT f.* FROM read_parquet(" + Listed(paths) + ", " + options +
                      ", filename = '_file', file_row_number = true) AS f";
  if (!key_deletes.empty()) {
    query +=
        " JOIN (VALUES " + Join(sequences, ", ") + ") AS q(_path, _sequence) ON f._file = q._path";
  }
  if (!deletes.empty()) {
    query +=
        " ANTI JOIN (SELECT regexp_replace(file_path, '^file:(//)?', '') AS gone_from, pos AS "
        "gone_at FROM read_parquet(" +
        Listed({deletes.begin(), deletes.end()}) +
        ")) AS d ON f._file = d.gone_from AND f.file_row_number = d.gone_at";
  }
  if (!key_deletes.empty()) {
    std::vector<std::string> keys;
    std::vector<std::string> same;
    for (const std::string& key : schema.primary_key) {
      keys.push_back(QuoteName(key));
      same.push_back("f." + keys.back() + " = e." + keys.back());
    }
    std::vector<std::string> parts;
    for (const auto& [path, sequence] : key_deletes) {
      parts.push_back(fmt::format("SELECT {}, {}::BIGINT AS _s FROM read_parquet({})",
                                  Join(keys, ", "), sequence, QuoteText(path)));
    }
    query += " ANTI JOIN (SELECT " + Join(keys, ", ") + ", max(_s) AS _s FROM (" +
             JoinSelects(parts) + ") GROUP BY ALL) AS e ON " + Join(same, " AND ") +
             " AND q._sequence < e._s";
  }
  return query + ")";
}

}  // namespace

bool DuckDbReads(const lake::DataFile& file, const model::Schema& schema) {
  return file.format == "parquet" &&
         (!file.field_ids.empty() ||  // Iceberg has microseconds at most
          std::ranges::none_of(schema.columns, [](const model::Column& column) {
            return column.type.root == model::TypeRoot::kTimestamp && column.type.precision > 6;
          }));
}

std::string RowsOfFiles(const model::Schema& schema, const std::vector<lake::DataFile>& files,
                        const std::vector<std::string>& more) {
  std::vector<std::string> parts;
  for (const auto& [columns, group] : ByColumns(files)) {
    std::string selected = SelectedOf(schema, columns);
    for (const std::string& column : more) selected += ", " + column;
    parts.push_back("SELECT " + selected + " FROM " + ReadParquet(schema, group));
  }
  return JoinSelects(parts);
}

std::string RowsOfKeys(const model::Schema& schema, const std::vector<lake::DataFile>& files,
                       std::vector<std::string> more) {
  std::vector<lake::DataFile> merged;
  std::vector<lake::DataFile> overlapping;
  for (const lake::DataFile& file : files) (file.merged ? merged : overlapping).push_back(file);
  std::vector<std::string> parts;
  if (!merged.empty()) parts.push_back(RowsOfFiles(schema, merged, more));
  if (!overlapping.empty()) {
    std::string all = ColumnList(schema);
    for (const std::string& column : more) all += ", " + column;
    std::vector<std::string> keys;
    for (const std::string& key : schema.primary_key) keys.push_back(QuoteName(key));
    more.insert(more.end(), {"_SEQUENCE_NUMBER", "_VALUE_KIND"});
    parts.push_back("SELECT " + all + " FROM (SELECT *, row_number() OVER (PARTITION BY " +
                    Join(keys, ", ") + " ORDER BY _SEQUENCE_NUMBER DESC) AS _newest FROM (" +
                    RowsOfFiles(schema, overlapping, more) +
                    ")) WHERE _newest = 1 AND _VALUE_KIND IN (0, 2)");
  }
  return parts.empty() ? EmptySelect(schema, more) : JoinSelects(parts);
}

namespace {

/// Iceberg's own columns of a table's snapshots.
std::string IcebergSnapshots(const std::vector<lake::SnapshotInfo>& snapshots) {
  std::vector<std::string> parts{
      "SELECT NULL::TIMESTAMPTZ AS committed_at, NULL::BIGINT AS snapshot_id, NULL::BIGINT AS "
      "parent_id, NULL::VARCHAR AS operation, NULL::VARCHAR AS manifest_list, NULL::MAP(VARCHAR, "
      "VARCHAR) AS summary WHERE false"};
  for (const lake::SnapshotInfo& s : snapshots) {
    std::vector<std::string> keys;
    std::vector<std::string> values;
    for (const auto& [key, value] : s.summary) {
      keys.push_back(key);
      values.push_back(value);
    }
    parts.push_back(fmt::format(
        "SELECT make_timestamp({}::BIGINT) AT TIME ZONE 'UTC', {}::BIGINT, {}::BIGINT, {}, {}, "
        "map({}::VARCHAR[], {}::VARCHAR[])",
        s.commit_ms * 1000, s.snapshot_id, s.parent_id ? std::to_string(*s.parent_id) : "NULL",
        QuoteText(s.commit_kind), QuoteText(s.manifest_list), Listed(keys), Listed(values)));
  }
  return JoinSelects(parts);
}

std::string PaimonSnapshots(const std::vector<lake::SnapshotInfo>& snapshots) {
  const std::string empty =
      "SELECT NULL::BIGINT AS snapshot_id, NULL::BIGINT AS schema_id, NULL::VARCHAR AS "
      "commit_user, NULL::VARCHAR AS commit_kind, "
      "NULL::TIMESTAMP AS commit_time, NULL::BIGINT AS total_record_count, NULL::BIGINT AS "
      "delta_record_count WHERE false";
  std::vector<std::string> parts{empty};
  for (const lake::SnapshotInfo& s : snapshots) {
    parts.push_back(fmt::format(
        "SELECT {}::BIGINT, {}::BIGINT, {}, {}, make_timestamp({}::BIGINT), {}::BIGINT, {}::BIGINT",
        s.snapshot_id, s.schema_id, QuoteText(s.commit_user), QuoteText(s.commit_kind),
        s.commit_ms * 1000, s.total_records, s.delta_records));
  }
  return JoinSelects(parts);
}

}  // namespace

std::string SnapshotRows(model::LakeFormat format,
                         const std::vector<lake::SnapshotInfo>& snapshots) {
  return format == model::LakeFormat::kIceberg ? IcebergSnapshots(snapshots)
                                               : PaimonSnapshots(snapshots);
}

std::string FileRowsOf(const std::vector<lake::DataFile>& files) {
  std::vector<std::string> parts{
      "SELECT NULL::VARCHAR AS path, NULL::VARCHAR AS partition, NULL::INTEGER AS bucket, "
      "NULL::BIGINT AS rows, NULL::BIGINT AS bytes WHERE false"};
  for (const lake::DataFile& file : files) {
    parts.push_back(fmt::format("SELECT {}, {}, {}::INTEGER, {}::BIGINT, {}::BIGINT",
                                QuoteText(file.path), QuoteText(file.partition), file.bucket,
                                file.rows, file.bytes));
  }
  return JoinSelects(parts);
}

std::string VerifyQuery::Text(const std::vector<lake::DataFile>& files) const {
  const model::Schema& schema = table_.schema;
  const std::string columns = ColumnList(schema);
  std::vector<std::string> partition;
  for (const std::string& key : table_.partition_keys)
    partition.push_back("CAST(" + QuoteName(key) + " AS VARCHAR)");
  // As partitions are called.
  const std::string name = partition.empty() ? "''" : Join(partition, " || '$' || ");
  const auto tagged = [&](const Bucket& bucket, const std::string& relation) {
    return fmt::format("SELECT {}, {} AS _p, {}::INTEGER AS _b FROM {}", columns,
                       QuoteText(bucket.partition), bucket.bucket, relation);
  };
  std::vector<std::string> stream;
  std::vector<std::string> later;
  std::vector<std::string> known;
  for (const Bucket& bucket : buckets_) {
    if (!bucket.stream.empty()) stream.push_back(tagged(bucket, bucket.stream));
    if (!bucket.later.empty()) later.push_back(tagged(bucket, bucket.later));
    known.push_back(fmt::format("SELECT {} AS _p, {}::INTEGER AS _b, {}::BIGINT AS _from",
                                QuoteText(bucket.partition), bucket.bucket, bucket.from_offset));
  }
  const std::string none =
      EmptySelect(schema).replace(0, 6, "SELECT NULL::VARCHAR AS _p, NULL::INTEGER AS _b, ");
  const auto all = [&](const std::vector<std::string>& parts) {
    return parts.empty() ? "SELECT " + columns + ", _p, _b FROM (" + none + ")"
                         : JoinSelects(parts);
  };
  const bool keyed = table_.has_primary_key();
  std::vector<std::string> keys;
  for (const std::string& key : schema.primary_key)
    keys.push_back("r." + QuoteName(key) + " = l." + QuoteName(key));
  const std::string unchanged = !keyed || later.empty()
                                    ? ""
                                    : " ANTI JOIN (" + all(later) +
                                          ") AS l ON r._p = l._p AND r._b = l._b AND " +
                                          Join(keys, " AND ");
  const std::vector<std::string> more{lake::kBucketColumn, lake::kOffsetColumn};
  const std::string lake_rows = keyed           ? RowsOfKeys(schema, files, more)
                                : files.empty() ? EmptySelect(schema, more)
                                                : RowsOfFiles(schema, files, more);
  const std::string sums = "count(*) AS n, sum(hash(" + columns + ")) AS h";
  return "WITH known AS (" + JoinSelects(known) + "), stream AS (SELECT _p, _b, " + sums +
         " FROM (" + all(stream) + ") AS r" + unchanged +
         " GROUP BY ALL), lake AS (SELECT _p, _b, " + sums + " FROM (SELECT f.*, " + name +
         " AS _p, " + lake::kBucketColumn + " AS _b FROM (" + lake_rows + ") AS f) AS r" +
         unchanged +
         (keyed
              ? ""
              : " SEMI JOIN known AS k ON r._p = k._p AND r._b = k._b AND r.__offset >= k._from") +
         " GROUP BY ALL) SELECT _p AS partition, _b AS bucket, coalesce(stream.n, 0) AS "
         "stream_rows, coalesce(lake.n, 0) AS lake_rows, stream_rows = lake_rows AND "
         "stream.h IS NOT DISTINCT FROM lake.h AS equal FROM known LEFT JOIN stream USING (_p, _b) "
         "LEFT JOIN lake USING (_p, _b) ORDER BY ALL";
}

}  // namespace strom::sql
