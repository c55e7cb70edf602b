#include "sql/faces.h"

#include <algorithm>

#include "base/text.h"
#include "client/lake_snapshot.h"
#include "sql/engine_types.h"
#include "sql/lake_queries.h"
#include "sql/stream_plan.h"

namespace strom::sql {
namespace {

Status RefuseOptions(const ReadOptions& options, const char* what) {
  if (options.empty()) return {};
  return Err(ErrorCode::kUnsupported, "{} takes no options and no FOR clause", what);
}

int64_t RowsIn(const std::vector<client::LogReader::Range>& ranges) {
  int64_t rows = 0;
  for (const auto& range : ranges) rows += range.stop_offset - range.start_offset;
  return rows;
}

std::string KeyList(const model::Schema& schema) {
  std::vector<std::string> keys;
  for (const std::string& key : schema.primary_key) keys.push_back(QuoteName(key));
  return Join(keys, ", ");
}

}  // namespace

Result<std::unique_ptr<lake::LakeTable>> Faces::OpenLake(const client::Table& table) const {
  const model::LakeFormat format = table.info.options.lake_format;
  STROM_ASSIGN(const auto catalog,
               lake::OpenCatalog(
                   format, lake::CatalogOptionsIn(table.properties, "table.datalake.", format)));
  return catalog->OpenTable(table.info.path);
}

Result<Faces::LakePart> Faces::Registered(const client::Table& table) const {
  LakePart part;
  if (!table.info.options.lake_enabled) return part;
  STROM_ASSIGN(auto registered,
               client::GetLakeSnapshot(connection_, table.info, /*readable=*/true));
  if (!registered) return part;
  part.snapshot_id = registered->id;
  part.offsets = std::move(registered->offsets);
  return part;
}

Result<Faces::LakePart> Faces::ReadLake(const client::Table& table) const {
  STROM_ASSIGN(LakePart part, Registered(table));
  if (!part.snapshot_id) return part;
  STROM_ASSIGN(const auto lake, OpenLake(table));
  STROM_ASSIGN(part.files, lake->Plan(*part.snapshot_id));
  STROM_TRY(AllowFiles(table, part.files));
  return part;
}

Status Faces::AllowFiles(const client::Table& table,
                         const std::vector<lake::DataFile>& files) const {
  if (!allow_) return {};
  // The server refuses this to whoever may not read the table.
  STROM_TRY(connection_.Call(wire::GetTableStatsRequest{table.info.table_id, {}, {}}));
  for (const lake::DataFile& file : files) {
    allow_(file.path);
    for (const std::string& path : file.deletes) allow_(path);
    for (const lake::DataFile::KeyDeletes& keys : file.key_deletes) allow_(keys.path);
  }
  return {};
}

Result<Faces::LakePart> Faces::LakeAt(const client::Table& table,
                                      const ReadOptions& options) const {
  if (!options.hints.empty()) {
    return Err(ErrorCode::kUnsupported,
               "the options of a scan are for the stream; {}$lake takes FOR SYSTEM_TIME AS OF "
               "TIMESTAMP '...' or FOR SYSTEM_VERSION AS OF id",
               table.info.path.table);
  }
  if (!options.as_of && !options.version) return ReadLake(table);
  STROM_ASSIGN(const auto lake, OpenLake(table));
  LakePart part;
  if (options.version) {
    part.snapshot_id = *options.version;
  } else {
    STROM_ASSIGN(const Millis moment, ParseMoment(*options.as_of));
    STROM_ASSIGN(const auto snapshots, lake->Snapshots());
    for (const lake::SnapshotInfo& snapshot : snapshots) {
      if (snapshot.commit_ms <= moment) part.snapshot_id = snapshot.snapshot_id;
    }
    if (!part.snapshot_id) return part;  // before its first row
  }
  auto files = lake->Plan(*part.snapshot_id);
  if (!files && files.error().code == ErrorCode::kNotFound) {
    return Err(ErrorCode::kNotFound, "{}$lake has no snapshot {}; {}$lake$snapshots tells which",
               table.info.path.table, *part.snapshot_id, table.info.path.table);
  }
  STROM_ASSIGN(part.files, std::move(files));
  STROM_TRY(AllowFiles(table, part.files));
  return part;
}

Result<std::vector<Faces::Progress>> Faces::ProgressOf(const client::Table& table,
                                                       const LakePart& lake) {
  STROM_ASSIGN(const auto earliest,
               client::ListOffsets(connection_, table, client::OffsetKind::kEarliest));
  STROM_ASSIGN(const auto latest,
               client::ListOffsets(connection_, table, client::OffsetKind::kLatest));
  std::vector<Progress> all;
  for (const auto& [bucket, end] : latest) {
    Progress one{bucket, earliest.at(bucket), 0, end};
    if (const auto tiered = lake.offsets.find(bucket); tiered != lake.offsets.end())
      one.lake = tiered->second;
    all.push_back(one);
  }
  return all;
}

Result<std::map<model::TableBucket, int64_t>> Faces::StartOf(const client::Table& table,
                                                             const std::vector<Progress>& all,
                                                             const StartingPoint& start) {
  if (start.kind == StartingPoint::Kind::kTimestamp) {
    return client::ListOffsets(connection_, table, client::OffsetKind::kTimestamp, start.timestamp);
  }
  const bool at_end = start.kind == StartingPoint::Kind::kLatest;
  std::map<model::TableBucket, int64_t> from;
  for (const Progress& one : all) from[one.bucket] = at_end ? one.end : one.earliest;
  return from;
}

Result<Faces::Ranges> Faces::LogRanges(const client::Table& table, const ReadOptions& options) {
  if (options.as_of || options.version) {
    return Err(ErrorCode::kUnsupported,
               "{}: the past is kept in the lake: read {}$lake FOR SYSTEM_TIME AS OF ...",
               table.info.path.ToString(), table.info.path.table);
  }
  STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(table, {}));
  STROM_ASSIGN(const StartingPoint start, StartingPointIn(options.hints));
  STROM_ASSIGN(const auto from, StartOf(table, all, start));
  Ranges ranges;
  for (const Progress& one : all) {
    const int64_t begin = from.at(one.bucket);
    if (begin < one.end) ranges.push_back({one.bucket, begin, one.end});
  }
  return ranges;
}

ScanReport& Faces::NoteLake(const client::Table& table, const LakePart& lake) {
  ScanReport& report = reports_.emplace_back();
  report.table = table.info.path.ToString();
  report.lake_only = true;
  report.snapshot_id = lake.snapshot_id;
  report.lake_files = static_cast<int64_t>(lake.files.size());
  for (const lake::DataFile& file : lake.files) report.lake_rows += file.rows;
  if (!lake.snapshot_id) {
    report.note = fmt::format(
        "{}$lake has no snapshot yet; the first comes as soon as a round has run (freshness {} s)",
        table.info.path.table, table.info.options.lake_freshness_ms / 1000);
  }
  return report;
}

void Faces::AppendLakeQueries(const SharedTable& table, const LakePart& lake,
                              std::vector<std::string>& parts) {
  const model::Schema& schema = table->info.descriptor.schema;
  std::vector<lake::DataFile> parquet;
  std::vector<std::string> others;
  for (const lake::DataFile& file : lake.files) {
    if (DuckDbReads(file, schema)) {
      parquet.push_back(file);
    } else {
      others.push_back(file.path);
    }
  }
  if (!parquet.empty()) parts.push_back(RowsOfFiles(schema, parquet));
  if (!others.empty())
    parts.push_back("SELECT " + ColumnList(schema) + " FROM " +
                    scans_.Add({table, {}, std::move(others), {}}));
}

std::vector<std::string> Faces::AddBeside(const Scan& scan) {
  constexpr size_t kMostScans = 8;  // each has a connection
  const size_t scans = std::min(scan.ranges.size(), kMostScans);
  std::vector<std::string> relations;
  for (size_t i = 0; i < scans; ++i) {
    Scan part = scan;
    part.ranges.clear();
    for (size_t r = i; r < scan.ranges.size(); r += scans) part.ranges.push_back(scan.ranges[r]);
    relations.push_back(scans_.Add(std::move(part)));
  }
  return relations;
}

void Faces::AppendLogQueries(const SharedTable& table, const Ranges& ranges,
                             std::vector<std::string>& parts) {
  for (const std::string& relation : AddBeside({table, ranges, {}, {}})) {
    parts.push_back("SELECT " + ColumnList(table->info.descriptor.schema) + " FROM " + relation);
  }
}

Result<std::string> Faces::Table(const SharedTable& table, const ReadOptions& options) {
  STROM_ASSIGN(const StartingPoint start, StartingPointIn(options.hints));
  const bool keyed = table->info.descriptor.has_primary_key();
  if (start.kind != StartingPoint::Kind::kFull || options.as_of || options.version) {
    STROM_ASSIGN(const Ranges ranges, LogRanges(*table, options));
    if (keyed) {
      return Err(ErrorCode::kUnsupported,
                 "{} is a table of keys: a part of its changes is no table; read {}$changelog",
                 table->info.path.ToString(), table->info.path.table);
    }
    ScanReport& report = reports_.emplace_back();
    report.table = table->info.path.ToString();
    report.stream_rows = RowsIn(ranges);
    std::vector<std::string> parts;
    AppendLogQueries(table, ranges, parts);
    return parts.empty() ? EmptySelect(table->info.descriptor.schema) : JoinSelects(parts);
  }
  if (!keyed) return LogUnion(table);
  if (stream_) return Keys(table);  // looked up for each piece, as it is then
  STROM_ASSIGN(auto over_lake, KeysOverLake(table));
  return over_lake ? std::move(*over_lake) : Keys(table);
}

Result<Faces::Union> Faces::UnionOf(const SharedTable& table) {
  Union both;
  STROM_ASSIGN(both.lake, ReadLake(*table));
  std::vector<std::string> parts;
  AppendLakeQueries(table, both.lake, parts);
  STROM_ASSIGN(both.progress, ProgressOf(*table, both.lake));
  Ranges ranges;
  for (const Progress& one : both.progress) {
    const int64_t start = std::max(one.lake, one.earliest);
    if (start < one.end) ranges.push_back({one.bucket, start, one.end});
  }
  both.log_rows = RowsIn(ranges);
  AppendLogQueries(table, ranges, parts);
  both.query = parts.empty() ? EmptySelect(table->info.descriptor.schema) : JoinSelects(parts);
  return both;
}

Result<std::string> Faces::LogUnion(const SharedTable& table) {
  STROM_ASSIGN(Union both, UnionOf(table));
  ScanReport& report = NoteLake(*table, both.lake);
  report.lake_only = false;
  report.note.reset();
  report.stream_rows = both.log_rows;
  return std::move(both.query);
}

bool Faces::IsStreamSource(const std::string& name) {
  const auto split = SplitName(name);
  return split && !split->second.lookup && split->first.find('$') == std::string::npos &&
         model::CheckName(split->first, "table", ErrorCode::kInvalidTable);
}

Result<StreamSource> Faces::stream_source() const {
  if (stream_ && stream_->table) return *stream_;
  return Err(ErrorCode::kUnsupported, "no table of the cluster in this query is a stream");
}

Result<std::string> Faces::Stream(const SharedTable& table, const ReadOptions& options) {
  if (stream_->table && stream_->table->info.table_id != table->info.table_id) {
    return Err(ErrorCode::kUnsupported,
               "{} and {} are two streams; one that is only looked up says FOR SYSTEM_TIME AS OF",
               stream_->table->info.path.ToString(), table->info.path.ToString());
  }
  if (history_) return *history_;
  const model::Schema& schema = table->info.descriptor.schema;
  if (!stream_->table) {
    STROM_ASSIGN(const StartingPoint start, StartingPointIn(options.hints));
    if (options.as_of || options.version)
      return Err(ErrorCode::kUnsupported, "a stream has no FOR clause");
    stream_->table = table;
    stream_->with_history = start.kind == StartingPoint::Kind::kFull;
    STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(*table, {}));
    STROM_ASSIGN(stream_->positions, StartOf(*table, all, start));
    Scan scan{table, {}, {}, {}};
    scan.rows.emplace();
    stream_->relation = scans_.Add(std::move(scan));
  }
  return std::string("SELECT ") + kOpColumn + ", " + ColumnList(schema) + " FROM " +
         stream_->relation;
}

Status Faces::BeginHistory() {
  const SharedTable table = stream_->table;
  STROM_ASSIGN(const Union both, UnionOf(table));
  for (const Progress& one : both.progress) stream_->positions[one.bucket] = one.end;
  history_ = std::string("SELECT '+I' AS ") + kOpColumn + ", " +
             ColumnList(table->info.descriptor.schema) + " FROM (" + both.query + ")";
  return {};
}

/// The server has every row of a key table, so the lake need not be asked.
Result<std::string> Faces::Keys(const SharedTable& table) {
  ScanReport report;
  report.table = table->info.path.ToString();
  Scan scan{table, {}, {}, table->info.Buckets(table->partitions)};
  if (scan.buckets.empty()) return EmptySelect(table->info.descriptor.schema);
  reports_.push_back(std::move(report));
  return "SELECT " + ColumnList(table->info.descriptor.schema) + " FROM " +
         scans_.Add(std::move(scan));
}

Result<std::optional<std::string>> Faces::KeysOverLake(const SharedTable& table) {
  const model::Schema& schema = table->info.descriptor.schema;
  // A lookup, by the key or by its beginning, is for the server.
  const model::TableDescriptor& descriptor = table->info.descriptor;
  const auto compared = [&](const std::vector<std::string>& names) {
    return std::ranges::all_of(names, [&](const auto& name) { return equal_.contains(name); });
  };
  const bool is_lookup = compared(descriptor.bucket_keys) && compared(descriptor.partition_keys);
  if (is_lookup || !table->info.options.lake_enabled) return std::nullopt;
  const auto lake = ReadLake(*table);
  if (!lake || !CheckKeysReadable(*table, *lake)) return std::nullopt;
  int64_t rows = 0;
  for (const lake::DataFile& file : lake->files) rows += file.rows;
  if (rows < lake_from_) return std::nullopt;
  STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(*table, *lake));
  Scan changes{table, {}, {}, {}, /*with_changes=*/true};
  for (const Progress& one : all) {
    if (one.lake < one.earliest) return std::nullopt;  // changes are missing in between
    if (one.lake < one.end) changes.ranges.push_back({one.bucket, one.lake, one.end});
  }
  const int64_t changed = RowsIn(changes.ranges);
  if (changed > rows) return std::nullopt;
  ScanReport& report = NoteLake(*table, *lake);
  report.lake_only = false;
  report.stream_rows = changed;
  const std::string lake_rows = RowsOfKeys(schema, lake->files);
  if (changes.ranges.empty()) return lake_rows;
  const std::string columns = ColumnList(schema);
  const std::string keys = KeyList(schema);
  std::vector<std::string> same;
  for (const std::string& key : schema.primary_key)
    same.push_back("c." + QuoteName(key) + " = n." + QuoteName(key));
  const auto relation = [&](Scan::Kinds kinds) {
    changes.kinds = kinds;
    std::vector<std::string> parts;
    for (const std::string& part : AddBeside(changes)) parts.push_back("SELECT * FROM " + part);
    return "(" + JoinSelects(parts) + ")";
  };
  // Where the changelog has what it replaces, rows that go are told: a row of the lake that changed
  // goes first, and what came goes when it is changed again, so that who only inserts has nothing
  // to join. Elsewhere the newest change of each key is looked for.
  const bool told = table->info.options.changelog_image == model::ChangelogImage::kFull;
  const auto newest = [&] {
    return fmt::format("(SELECT {0}, max({1}) AS _newest FROM {2} GROUP BY {0}) AS n", keys,
                       kLogOffset, relation(told ? Scan::Kinds::kGoing : Scan::Kinds::kAll));
  };
  // No WITH: what is named once for two uses would be read with all its columns.
  return fmt::format(
      "SELECT {0} FROM ({1}) AS l ANTI JOIN {2} USING ({3}) UNION ALL SELECT {0} FROM {4} AS c {5} "
      "JOIN {6} ON {7} AND c.{8} {9} n._newest",
      columns, lake_rows, newest(), keys, relation(Scan::Kinds::kComing), told ? "ANTI" : "SEMI",
      newest(), Join(same, " AND "), kLogOffset, told ? "<" : "=");
}

Result<std::string> Faces::LakeOnly(const SharedTable& table, const ReadOptions& options) {
  STROM_ASSIGN(const LakePart lake, LakeAt(*table, options));
  NoteLake(*table, lake);
  const model::Schema& schema = table->info.descriptor.schema;
  if (table->info.descriptor.has_primary_key()) {
    STROM_TRY(CheckKeysReadable(*table, lake));
    return RowsOfKeys(schema, lake.files);
  }
  std::vector<std::string> parts;
  AppendLakeQueries(table, lake, parts);
  return parts.empty() ? EmptySelect(schema) : JoinSelects(parts);
}

Status Faces::CheckKeysReadable(const client::Table& table, const LakePart& lake) {
  for (const lake::DataFile& file : lake.files) {
    if (DuckDbReads(file, table.info.descriptor.schema)) continue;
    return Err(ErrorCode::kUnsupported,
               "table {}: a key table with timestamps finer than microseconds cannot be read from "
               "the lake here",
               table.info.path.ToString());
  }
  return {};
}

Result<std::string> Faces::Snapshots(const SharedTable& table, const ReadOptions& options) {
  STROM_TRY(RefuseOptions(options, "$lake$snapshots"));
  STROM_ASSIGN(const auto lake, OpenLake(*table));
  STROM_ASSIGN(const auto snapshots, lake->Snapshots());
  return SnapshotRows(table->info.options.lake_format, snapshots);
}

Result<std::string> Faces::Files(const SharedTable& table, const ReadOptions& options) {
  STROM_ASSIGN(const LakePart lake, LakeAt(*table, options));
  NoteLake(*table, lake);
  return FileRowsOf(lake.files);
}

Result<std::string> Faces::Partitions(const SharedTable& table, const ReadOptions& options) {
  STROM_ASSIGN(const LakePart lake, LakeAt(*table, options));
  NoteLake(*table, lake);
  return "SELECT partition, sum(rows)::BIGINT AS record_count, count(*)::BIGINT AS file_count, "
         "sum(bytes)::BIGINT AS file_size_in_bytes FROM (" +
         FileRowsOf(lake.files) + ") GROUP BY partition ORDER BY partition";
}

Result<std::string> Faces::Lag(const SharedTable& table, const ReadOptions& options) {
  STROM_TRY(RefuseOptions(options, "$lake$lag"));
  STROM_ASSIGN(const LakePart lake, Registered(*table));  // also when the lake is out of reach
  STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(*table, lake));
  std::vector<std::string> parts{
      "SELECT NULL::VARCHAR AS partition, NULL::INTEGER AS bucket, NULL::BIGINT AS lake_offset, "
      "NULL::BIGINT AS log_end_offset, NULL::BIGINT AS rows_behind WHERE false"};
  for (const Progress& one : all) {
    parts.push_back(fmt::format("SELECT {}, {}::INTEGER, {}::BIGINT, {}::BIGINT, {}::BIGINT",
                                QuoteText(table->PartitionName(one.bucket)), one.bucket.bucket,
                                one.lake, one.end,
                                std::max<int64_t>(one.end - std::max(one.lake, one.earliest), 0)));
  }
  return JoinSelects(parts);
}

Result<std::string> Faces::Offsets(const SharedTable& table, const ReadOptions& options) {
  STROM_TRY(RefuseOptions(options, "$offsets"));
  STROM_ASSIGN(const LakePart lake, Registered(*table));
  STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(*table, lake));
  std::vector<std::string> parts{
      "SELECT NULL::VARCHAR AS partition, NULL::INTEGER AS bucket, NULL::BIGINT AS earliest, "
      "NULL::BIGINT AS latest, NULL::BIGINT AS lake WHERE false"};
  for (const Progress& one : all) {
    const bool tiered = lake.offsets.contains(one.bucket);
    parts.push_back(fmt::format("SELECT {}, {}::INTEGER, {}::BIGINT, {}::BIGINT, {}::BIGINT",
                                QuoteText(table->PartitionName(one.bucket)), one.bucket.bucket,
                                one.earliest, one.end, tiered ? std::to_string(one.lake) : "NULL"));
  }
  return JoinSelects(parts);
}

/// What the lake says of each bucket beside what the stream says, up to the offset that the lake
/// has reached; of keys, those that did not change after it.
Result<std::string> Faces::Verify(const SharedTable& table, const ReadOptions& options) {
  STROM_TRY(RefuseOptions(options, "$lake$verify"));
  STROM_ASSIGN(const LakePart lake, ReadLake(*table));
  STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(*table, lake));
  const model::Schema& schema = table->info.descriptor.schema;
  const bool keyed = table->info.descriptor.has_primary_key();
  if (keyed) STROM_TRY(CheckKeysReadable(*table, lake));
  for (const lake::DataFile& file : lake.files) {
    if (DuckDbReads(file, schema)) continue;
    return Err(ErrorCode::kUnsupported, "table {}: {} cannot be verified here: its format is {}",
               table->info.path.ToString(), file.path, file.format);
  }
  VerifyQuery query(table->info.descriptor);
  for (const Progress& one : all) {
    VerifyQuery::Bucket bucket{
        table->PartitionName(one.bucket), one.bucket.bucket, one.earliest, {}, {}};
    if (keyed) {
      bucket.stream = scans_.Add({table, {}, {}, {one.bucket}});
      if (one.lake < one.end)
        bucket.later =
            scans_.Add({table, {{one.bucket, std::max(one.lake, one.earliest), one.end}}, {}, {}});
    } else if (one.earliest < one.lake) {
      bucket.stream = scans_.Add({table, {{one.bucket, one.earliest, one.lake}}, {}, {}});
    }
    query.Add(std::move(bucket));
  }
  return query.Text(lake.files);
}

Result<std::string> Faces::Changelog(const SharedTable& table, const ReadOptions& options) {
  Scan scan{table, {}, {}, {}, /*with_changes=*/true};
  STROM_ASSIGN(scan.ranges, LogRanges(*table, options));
  ScanReport& report = reports_.emplace_back();
  report.table = table->info.path.ToString();
  report.stream_rows = RowsIn(scan.ranges);
  return fmt::format("SELECT {}, {}, {}, {} FROM {}", kChangeType, kLogOffset, kCommitTimestamp,
                     ColumnList(table->info.descriptor.schema), scans_.Add(std::move(scan)));
}

/// Changes with the row before and after, of which the two halves of an update are neighbours in
/// the log.
Result<std::string> Faces::Binlog(const SharedTable& table, const ReadOptions& options) {
  const model::Schema& schema = table->info.descriptor.schema;
  if (!table->info.descriptor.has_primary_key()) {
    return Err(ErrorCode::kUnsupported, "{} has no primary key: its rows do not change; read {}",
               table->info.path.ToString(), table->info.path.table);
  }
  Scan scan{table, {}, {}, {}, /*with_changes=*/true};
  STROM_ASSIGN(scan.ranges, LogRanges(*table, options));
  ScanReport& report = reports_.emplace_back();
  report.table = table->info.path.ToString();
  report.stream_rows = RowsIn(scan.ranges);
  std::vector<std::string> fields;
  for (const model::Column& column : schema.columns)
    fields.push_back(QuoteName(column.name) + " := " + QuoteName(column.name));
  const std::string row = "struct_pack(" + Join(fields, ", ") + ")";
  return fmt::format(
      "SELECT CASE {0} WHEN 'update_after' THEN 'update' ELSE {0} END AS {0}, {1}, {2}, CASE {0} "
      "WHEN 'delete' THEN _row WHEN 'update_after' THEN CASE WHEN _kind_before = 'update_before' "
      "THEN _row_before END END AS before, CASE WHEN {0} <> 'delete' THEN _row END AS after FROM "
      "(SELECT {0}, {1}, {2}, {3} AS _row, lag({3}) OVER _bucket AS _row_before, lag({0}) OVER "
      "_bucket AS _kind_before FROM {4} WINDOW _bucket AS (PARTITION BY {5} ORDER BY {1})) WHERE "
      "{0} <> 'update_before'",
      kChangeType, kLogOffset, kCommitTimestamp, row, scans_.Add(std::move(scan)), kBucketName);
}

Result<std::optional<Faces::Answer>> Faces::Resolve(const model::TablePath& path) {
  // What a name may end with, the longest first.
  struct Face {
    std::string_view suffix;
    bool of_lake;
    Result<std::string> (Faces::*query)(const SharedTable& table, const ReadOptions& options);
  };
  static constexpr Face kFaces[] = {{"$lake$snapshots", true, &Faces::Snapshots},
                                    {"$lake$files", true, &Faces::Files},
                                    {"$lake$partitions", true, &Faces::Partitions},
                                    {"$lake$lag", true, &Faces::Lag},
                                    {"$lake$verify", true, &Faces::Verify},
                                    {"$lake", true, &Faces::LakeOnly},
                                    {"$offsets", false, &Faces::Offsets},
                                    {"$changelog", false, &Faces::Changelog},
                                    {"$binlog", false, &Faces::Binlog},
                                    {"", false, &Faces::Table}};
  STROM_ASSIGN(const auto split, SplitName(path.table));
  const auto& [name, options] = split;
  model::TablePath base{path.database, name};
  const Face& face = *std::ranges::find_if(
      kFaces, [&](const Face& one) { return base.table.ends_with(one.suffix); });
  base.table.resize(base.table.size() - face.suffix.size());
  const auto is_name = [](std::string_view text) {
    return model::CheckName(std::string(text), "table", ErrorCode::kInvalidTable).has_value();
  };
  if (!is_name(base.table) || !is_name(base.database)) {
    const size_t mark = name.find('$');
    if (mark == std::string::npos || !is_name(std::string_view(name).substr(0, mark)))
      return std::nullopt;  // a file, say
    std::vector<std::string> known;
    for (const Face& one : kFaces) {
      if (!one.suffix.empty()) known.emplace_back(one.suffix);
    }
    return Err(ErrorCode::kInvalidArgument, "a table has no {}; there are {}", name.substr(mark),
               Join(known, ", "));
  }
  const auto table = connection_.GetTable(base);
  if (!table) return std::unexpected(table.error());
  if (face.of_lake && !(*table)->info.options.lake_enabled) {
    return Err(
        ErrorCode::kUnsupported,
        "table {} is not datalake enabled; ALTER TABLE {} SET ('table.datalake.enabled' = 'true')",
        base.ToString(), base.ToString());
  }
  const bool is_source = stream_ && face.suffix.empty() && !options.lookup;
  STROM_ASSIGN(std::string query,
               is_source ? Stream(*table, options) : (this->*face.query)(*table, options));
  return Answer{std::move(query), name};
}

}  // namespace strom::sql
