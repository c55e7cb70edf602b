#include "sql/scans.h"

#include <numeric>
#include <set>

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "base/text.h"
#include "client/key_reader.h"
#include "client/lake_snapshot.h"
#include "lake/file/data_file_reader.h"
#include "record/arrow_batch.h"
#include "sql/lake_queries.h"
#include "sql/lexer.h"

namespace strom::sql {
namespace {

using model::DataType;
using model::TypeRoot;
using record::FromArrow;

/// What scans give of the columns at `positions`.
std::shared_ptr<arrow::Schema> EngineSchema(const model::Schema& schema,
                                            const std::vector<int32_t>& positions) {
  arrow::FieldVector fields;
  for (const int32_t position : positions) {
    const model::Column& column = schema.columns[static_cast<size_t>(position)];
    fields.push_back(arrow::field(column.name, EngineType(column.type)));
  }
  return arrow::schema(std::move(fields));
}

/// The columns of `rows`, in order, with the types of `schema`.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> AsEngineRows(
    const arrow::RecordBatch& rows, const std::shared_ptr<arrow::Schema>& schema) {
  arrow::ArrayVector columns;
  for (int i = 0; i < schema->num_fields(); ++i) {
    auto column = CastTo(rows.column(i), schema->field(i)->type());
    if (!column) return arrow::Status::Invalid(column.error().message);
    columns.push_back(std::move(*column));
  }
  return arrow::RecordBatch::Make(schema, rows.num_rows(), std::move(columns));
}

/// Gives what is read of buckets, one after the other, to a consumer of Arrow.
class BucketBatchReader final : public arrow::RecordBatchReader {
 public:
  /// The next rows of one bucket; null at its end.
  using NextRows = std::function<Result<std::shared_ptr<arrow::RecordBatch>>()>;
  /// Begins with the i-th bucket.
  using OpenBucket = std::function<NextRows(size_t i)>;

  BucketBatchReader(size_t buckets, OpenBucket open, std::shared_ptr<arrow::Schema> schema)
      : buckets_(buckets), open_(std::move(open)), schema_(std::move(schema)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    while (true) {
      if (!next_rows_) {
        if (next_bucket_ == buckets_) return arrow::Status::OK();
        next_rows_ = open_(next_bucket_++);
      }
      const auto rows = next_rows_();
      if (!rows)
        return arrow::Status::IOError(NameOf(rows.error().code), ": ", rows.error().message);
      if (!*rows) {
        next_rows_ = nullptr;
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(*out, AsEngineRows(**rows, schema_));
      return arrow::Status::OK();
    }
  }

 private:
  const size_t buckets_;
  const OpenBucket open_;
  const std::shared_ptr<arrow::Schema> schema_;
  size_t next_bucket_ = 0;
  NextRows next_rows_;
};

using SharedConnection = std::shared_ptr<client::Connection>;
using SharedTable = std::shared_ptr<const client::Table>;

BucketBatchReader::OpenBucket LogsOf(SharedConnection connection, SharedTable table,
                                     std::vector<client::LogReader::Range> ranges,
                                     std::vector<int32_t> columns) {
  return [=](size_t i) -> BucketBatchReader::NextRows {
    client::LogReader::Options options;
    options.columns = columns;
    auto reader = std::make_shared<client::LogReader>(*connection, table, ranges[i], options);
    return [connection, reader]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
      STROM_ASSIGN(auto batch, reader->Next());
      return batch ? std::move(batch->rows) : nullptr;
    };
  };
}

BucketBatchReader::OpenBucket KeysOf(SharedConnection connection, SharedTable table,
                                     std::vector<model::TableBucket> buckets,
                                     std::vector<int32_t> columns) {
  struct Readers {
    SharedConnection connection;  // outlives those that use it
    std::vector<std::shared_ptr<client::KeyReader>> open;
    Status failed;
  };
  auto readers = std::make_shared<Readers>(Readers{connection, {}, {}});
  const auto reader_of = [=](const model::TableBucket& bucket) {
    return std::make_shared<client::KeyReader>(*connection, table, bucket, columns);
  };
  // All buckets are seen as they are now; only of very many, which the server would not keep open,
  // each is seen when the scan comes to it.
  constexpr size_t kMostOpen = 64;
  for (size_t i = 0; buckets.size() <= kMostOpen && i < buckets.size() && readers->failed; ++i) {
    readers->open.push_back(reader_of(buckets[i]));
    readers->failed = readers->open.back()->Open();
  }
  return [=](size_t i) -> BucketBatchReader::NextRows {
    const bool opened = i < readers->open.size();
    auto reader = opened ? std::move(readers->open[i]) : reader_of(buckets[i]);
    return [readers, reader]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
      if (!readers->failed) return std::unexpected(readers->failed.error());  // each gets a copy
      return reader->Next();
    };
  };
}

/// Gives data files to a consumer of Arrow; a column that a file does not have is null.
class FileBatchReader final : public arrow::RecordBatchReader {
 public:
  FileBatchReader(std::vector<std::string> files, std::shared_ptr<arrow::Schema> schema)
      : schema_(std::move(schema)),
        files_(lake::ReadDataFiles(std::move(files), schema_->field_names())) {}
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    const auto batch = files_->Next();
    if (!batch)
      return arrow::Status::IOError(NameOf(batch.error().code), ": ", batch.error().message);
    if (!*batch) return arrow::Status::OK();
    arrow::ArrayVector columns;
    for (const auto& field : schema_->fields()) {
      const auto column = (*batch)->GetColumnByName(field->name());
      if (!column) {
        ARROW_ASSIGN_OR_RAISE(auto nulls,
                              arrow::MakeArrayOfNull(field->type(), (*batch)->num_rows()));
        columns.push_back(std::move(nulls));
        continue;
      }
      auto cast = CastTo(column, field->type());
      if (!cast) return arrow::Status::Invalid(cast.error().message);
      columns.push_back(std::move(*cast));
    }
    *out = arrow::RecordBatch::Make(schema_, (*batch)->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const std::unique_ptr<lake::DataFileReader> files_;
};

/// The primary key that a query's conditions give, if they give all of it.
std::optional<record::Row> KeyIn(
    const model::Schema& schema,
    const std::map<std::string, std::variant<int64_t, std::string>>& equal) {
  record::Row key;
  for (const std::string& name : schema.primary_key) {
    const auto it = equal.find(name);
    if (it == equal.end()) return std::nullopt;
    const TypeRoot root = schema.columns[static_cast<size_t>(schema.Find(name))].type.root;
    const auto* number = std::get_if<int64_t>(&it->second);
    const auto* text = std::get_if<std::string>(&it->second);
    if (number != nullptr && root >= TypeRoot::kTinyInt && root <= TypeRoot::kBigInt) {
      key.push_back({*number});
    } else if (text != nullptr && root == TypeRoot::kString) {
      key.push_back({*text});
    } else {
      return std::nullopt;
    }
  }
  return key;
}

}  // namespace

std::shared_ptr<arrow::DataType> EngineType(const DataType& type) {
  switch (type.root) {
    case TypeRoot::kTime: return arrow::time64(arrow::TimeUnit::MICRO);
    case TypeRoot::kTimestamp:
      return arrow::timestamp(type.precision > 6 ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO);
    case TypeRoot::kTimestampLtz: return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case TypeRoot::kBinary: return arrow::binary();
    default: return record::ToArrowType(type);
  }
}

std::string EngineTypeName(const DataType& type) {
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString: return "VARCHAR";
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return "BLOB";
    case TypeRoot::kDecimal: return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeRoot::kTime: return "TIME";
    case TypeRoot::kTimestamp: return type.precision > 6 ? "TIMESTAMP_NS" : "TIMESTAMP";
    case TypeRoot::kTimestampLtz: return "TIMESTAMPTZ";
    case TypeRoot::kInt: return "INTEGER";
    case TypeRoot::kArray: return EngineTypeName(type.element()) + "[]";
    case TypeRoot::kMap:
      return "MAP(" + EngineTypeName(type.key()) + ", " + EngineTypeName(type.value()) + ")";
    case TypeRoot::kRow: {
      std::vector<std::string> fields;
      for (const model::RowField& field : type.fields)
        fields.push_back(QuoteName(field.name) + " " + EngineTypeName(field.type));
      return "STRUCT(" + Join(fields, ", ") + ")";
    }
    default: {
      DataType bare = type;
      bare.nullable = true;
      return bare.ToString();
    }
  }
}

Result<std::shared_ptr<arrow::Array>> CastTo(const std::shared_ptr<arrow::Array>& array,
                                             const std::shared_ptr<arrow::DataType>& type) {
  if (array->type()->Equals(*type)) return array;
  if (array->type_id() == arrow::Type::INT32 && type->id() == arrow::Type::TIME64) {
    // Milliseconds of the day, as ORC files keep them.
    auto data = array->data()->Copy();
    data->type = arrow::time32(arrow::TimeUnit::MILLI);
    return CastTo(arrow::MakeArray(data), type);
  }
  const bool from_time = array->type_id() == arrow::Type::TIMESTAMP;
  if (from_time && type->id() == arrow::Type::TIMESTAMP) {
    // A zone is a label here, never a shift: rows keep UTC.
    const auto unit = static_cast<const arrow::TimestampType&>(*type).unit();
    std::shared_ptr<arrow::ArrayData> data = array->data()->Copy();
    data->type = arrow::timestamp(static_cast<const arrow::TimestampType&>(*array->type()).unit());
    const auto cast = arrow::compute::Cast(arrow::Datum(data), arrow::timestamp(unit),
                                           arrow::compute::CastOptions::Unsafe());
    if (!cast.ok()) return Err(ErrorCode::kInvalidArgument, "{}", cast.status().message());
    auto relabelled = cast->array()->Copy();
    relabelled->type = type;
    return arrow::MakeArray(relabelled);
  }
  if (type->num_fields() > 0 && array->type_id() == type->id()) {
    auto data = array->data()->Copy();
    for (size_t i = 0; i < data->child_data.size(); ++i) {
      STROM_ASSIGN(const auto child, CastTo(arrow::MakeArray(data->child_data[i]),
                                            type->field(static_cast<int>(i))->type()));
      data->child_data[i] = child->data();
    }
    data->type = type;
    return arrow::MakeArray(data);
  }
  arrow::compute::CastOptions options = arrow::compute::CastOptions::Safe();
  options.allow_time_truncate = true;  // TIME keeps milliseconds, whatever its precision
  const auto cast = arrow::compute::Cast(arrow::Datum(array), type, options);
  if (!cast.ok()) return Err(ErrorCode::kInvalidArgument, "{}", cast.status().message());
  return cast->make_array();
}

Result<std::unique_ptr<lake::LakeTable>> Scans::OpenLake(const client::Table& table) const {
  const model::LakeFormat format = table.info.options.lake_format;
  STROM_ASSIGN(const auto catalog,
               lake::OpenCatalog(
                   format, lake::CatalogOptionsIn(table.properties, "table.datalake.", format)));
  return catalog->OpenTable(table.info.path);
}

Result<Scans::LakePart> Scans::Registered(const client::Table& table) const {
  LakePart part;
  if (!table.info.options.lake_enabled) return part;
  STROM_ASSIGN(auto registered,
               client::GetLakeSnapshot(connection_, table.info, /*readable=*/true));
  if (!registered) return part;
  part.snapshot_id = registered->id;
  part.offsets = std::move(registered->offsets);
  return part;
}

Result<Scans::LakePart> Scans::ReadLake(const client::Table& table) const {
  STROM_ASSIGN(LakePart part, Registered(table));
  if (!part.snapshot_id) return part;
  STROM_ASSIGN(const auto lake, OpenLake(table));
  STROM_ASSIGN(part.files, lake->Plan(*part.snapshot_id));
  return part;
}

std::string Scans::AddScan(Scan scan) {
  const std::lock_guard lock(mutex_);
  std::string id = std::to_string(next_id_++);
  scans_[id] = std::move(scan);
  return id;
}

void Scans::Clear() {
  reports_.clear();
  const std::lock_guard lock(mutex_);
  scans_.clear();
}

void Scans::AppendLakeQueries(const std::shared_ptr<const client::Table>& table,
                              const LakePart& lake, std::vector<std::string>& parts) {
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
    parts.push_back("SELECT " + ColumnList(schema) + " FROM strom_scan(" +
                    QuoteText(AddScan({table, {}, others, {}})) + ")");
}

ScanReport& Scans::NoteLake(const client::Table& table, const LakePart& lake) {
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

Result<std::string> Scans::Union(const std::shared_ptr<const client::Table>& table, bool with_log) {
  STROM_ASSIGN(const LakePart lake, ReadLake(*table));
  ScanReport& report = NoteLake(*table, lake);
  std::vector<std::string> parts;
  AppendLakeQueries(table, lake, parts);
  if (with_log) {
    report.lake_only = false;
    report.note.reset();
    STROM_ASSIGN(const std::vector<Progress> all, ProgressOf(*table, lake));
    std::vector<client::LogReader::Range> ranges;
    for (const Progress& one : all) {
      const int64_t start = std::max(one.lake, one.earliest);
      if (start >= one.end) continue;
      ranges.push_back({one.bucket, start, one.end});
      report.stream_rows += one.end - start;
    }
    if (!ranges.empty()) {
      parts.push_back("SELECT " + ColumnList(table->info.descriptor.schema) + " FROM strom_scan(" +
                      QuoteText(AddScan({table, std::move(ranges), {}, {}})) + ")");
    }
  }
  return parts.empty() ? EmptySelect(table->info.descriptor.schema) : JoinSelects(parts);
}

/// The server has every row of a key table, so the lake need not be asked.
Result<std::string> Scans::Keys(const std::shared_ptr<const client::Table>& table) {
  ScanReport report;
  report.table = table->info.path.ToString();
  Scan scan{table, {}, {}, table->info.Buckets(table->partitions)};
  if (scan.buckets.empty()) return EmptySelect(table->info.descriptor.schema);
  reports_.push_back(std::move(report));
  return "SELECT " + ColumnList(table->info.descriptor.schema) + " FROM strom_scan(" +
         QuoteText(AddScan(std::move(scan))) + ")";
}

Result<std::string> Scans::LakeOnly(const SharedTable& table) {
  if (!table->info.descriptor.has_primary_key()) return Union(table, /*with_log=*/false);
  STROM_ASSIGN(const LakePart lake, ReadLake(*table));
  NoteLake(*table, lake);
  STROM_TRY(CheckKeysReadable(*table, lake));
  return RowsOfKeys(table->info.descriptor.schema, lake.files);
}

Status Scans::CheckKeysReadable(const client::Table& table, const LakePart& lake) {
  for (const lake::DataFile& file : lake.files) {
    if (DuckDbReads(file, table.info.descriptor.schema)) continue;
    return Err(ErrorCode::kUnsupported,
               "table {}: a key table with timestamps finer than microseconds cannot be read from "
               "the lake here",
               table.info.path.ToString());
  }
  return {};
}

Result<std::string> Scans::Snapshots(const SharedTable& table) {
  STROM_ASSIGN(const auto lake, OpenLake(*table));
  STROM_ASSIGN(const auto snapshots, lake->Snapshots());
  return SnapshotRows(table->info.options.lake_format, snapshots);
}

Result<std::string> Scans::Files(const SharedTable& table) {
  STROM_ASSIGN(const LakePart lake, ReadLake(*table));
  NoteLake(*table, lake);
  return FileRowsOf(lake.files);
}

Result<std::vector<Scans::Progress>> Scans::ProgressOf(const client::Table& table,
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

Result<std::string> Scans::Lag(const SharedTable& table) {
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

/// What the lake says of each bucket beside what the stream says, up to the offset that the lake
/// has reached; of keys, those that did not change after it.
Result<std::string> Scans::Verify(const SharedTable& table) {
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
    const auto scan = [&](Scan of) {
      return "strom_scan(" + QuoteText(AddScan(std::move(of))) + ")";
    };
    VerifyQuery::Bucket bucket{
        table->PartitionName(one.bucket), one.bucket.bucket, one.earliest, {}, {}};
    if (keyed) {
      bucket.stream = scan({table, {}, {}, {one.bucket}});
      if (one.lake < one.end)
        bucket.later =
            scan({table, {{one.bucket, std::max(one.lake, one.earliest), one.end}}, {}, {}});
    } else if (one.earliest < one.lake) {
      bucket.stream = scan({table, {{one.bucket, one.earliest, one.lake}}, {}, {}});
    }
    query.Add(std::move(bucket));
  }
  return query.Text(lake.files);
}

Result<std::optional<std::string>> Scans::Resolve(const model::TablePath& path) {
  // What a name may end with, the longest first.
  struct Face {
    std::string_view suffix;
    Result<std::string> (Scans::*query)(const SharedTable& table);
  };
  static constexpr Face kFaces[] = {{"$lake$snapshots", &Scans::Snapshots},
                                    {"$lake$files", &Scans::Files},
                                    {"$lake$lag", &Scans::Lag},
                                    {"$lake$verify", &Scans::Verify},
                                    {"$lake", &Scans::LakeOnly}};
  model::TablePath base = path;
  const auto* const face = std::ranges::find_if(
      kFaces, [&](const Face& one) { return path.table.ends_with(one.suffix); });
  const bool of_lake = face != std::end(kFaces);
  if (of_lake) base.table.resize(base.table.size() - face->suffix.size());
  if (!model::CheckName(base.table, "table", ErrorCode::kInvalidTable) ||
      !model::CheckName(base.database, "db", ErrorCode::kInvalidTable)) {
    return std::nullopt;  // a file, say
  }
  const auto table = connection_.GetTable(base);
  if (!table && (table.error().code == ErrorCode::kTableNotExist ||
                 table.error().code == ErrorCode::kDatabaseNotExist))
    return std::nullopt;
  if (!table) return std::unexpected(table.error());
  if (of_lake && !(*table)->info.options.lake_enabled) {
    return Err(
        ErrorCode::kUnsupported,
        "table {} is not datalake enabled; ALTER TABLE {} SET ('table.datalake.enabled' = 'true')",
        base.ToString(), base.ToString());
  }
  const bool keyed = (*table)->info.descriptor.has_primary_key();
  Result<std::string> query = of_lake ? (this->*face->query)(*table)
                              : keyed ? Keys(*table)
                                      : Union(*table, /*with_log=*/true);
  if (!query) return std::unexpected(query.error());
  return std::move(*query);
}

Result<Scans::Scan> Scans::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = scans_.find(id);
  if (it == scans_.end())
    return Err(ErrorCode::kNotFound, "strom_scan is for the engine's own use");
  return it->second;
}

Result<std::shared_ptr<arrow::Schema>> Scans::SchemaOf(const std::string& id) const {
  STROM_ASSIGN(const Scan scan, Find(id));
  const model::Schema& schema = scan.table->info.descriptor.schema;
  std::vector<int32_t> all(schema.columns.size());
  std::iota(all.begin(), all.end(), 0);
  return EngineSchema(schema, all);
}

Result<std::shared_ptr<arrow::RecordBatchReader>> Scans::Open(
    const Engine::ScanRequest& request) const {
  STROM_ASSIGN(const Scan scan, Find(request.id));
  const model::Schema& schema = scan.table->info.descriptor.schema;
  std::vector<int32_t> positions;
  for (const std::string& column : request.columns) positions.push_back(schema.Find(column));
  auto rows = EngineSchema(schema, positions);
  if (!scan.files.empty()) return std::make_shared<FileBatchReader>(scan.files, std::move(rows));
  STROM_ASSIGN(auto connection, client::Connection::Open(connection_.bootstrap()));
  if (const auto key = scan.buckets.empty() ? std::nullopt : KeyIn(schema, request.equal)) {
    STROM_ASSIGN(const auto found, client::LookUp(*connection, scan.table, *key, positions));
    auto typed = AsEngineRows(*found, rows);
    STROM_TRY(FromArrow(typed.status(), "lookup"));
    auto reader = arrow::RecordBatchReader::Make({*typed}, rows);
    STROM_TRY(FromArrow(reader.status(), "lookup"));
    return *reader;
  }
  const SharedConnection shared = std::move(connection);
  const bool keys = !scan.buckets.empty();
  return std::make_shared<BucketBatchReader>(
      keys ? scan.buckets.size() : scan.ranges.size(),
      keys ? KeysOf(shared, scan.table, scan.buckets, std::move(positions))
           : LogsOf(shared, scan.table, scan.ranges, std::move(positions)),
      std::move(rows));
}

}  // namespace strom::sql
