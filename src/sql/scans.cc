#include "sql/scans.h"

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "client/key_reader.h"
#include "lake/file/data_file_reader.h"
#include "record/arrow_batch.h"
#include "sql/arrow_file.h"
#include "sql/engine_types.h"
#include "sql/lexer.h"
#include "sql/stream_plan.h"

namespace strom::sql {
namespace {

using model::TypeRoot;
using record::FromArrow;

std::shared_ptr<arrow::DataType> TypeOfChangeColumn(const std::string& name) {
  if (name == kLogOffset) return arrow::int64();
  if (name == kCommitTimestamp) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  return arrow::utf8();
}

/// What scans give of the columns called `names`.
std::shared_ptr<arrow::Schema> EngineSchema(const model::Schema& schema,
                                            const std::vector<std::string>& names) {
  arrow::FieldVector fields;
  for (const std::string& name : names) {
    const int position = schema.Find(name);
    fields.push_back(arrow::field(
        name, position < 0 ? TypeOfChangeColumn(name)
                           : EngineType(schema.columns[static_cast<size_t>(position)].type)));
  }
  return arrow::schema(std::move(fields));
}

/// The positions of those that are the table's own.
std::vector<int32_t> PositionsOf(const model::Schema& schema,
                                 const std::vector<std::string>& names) {
  std::vector<int32_t> positions;
  for (const std::string& name : names) {
    if (const int position = schema.Find(name); position >= 0) positions.push_back(position);
  }
  return positions;
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

const char* NameOf(record::ChangeType type) {
  switch (type) {
    case record::ChangeType::kUpdateBefore: return "update_before";
    case record::ChangeType::kUpdateAfter: return "update_after";
    case record::ChangeType::kDelete: return "delete";
    default: return "insert";
  }
}

/// A column of a scan of changes for the rows of `batch`.
arrow::Result<std::shared_ptr<arrow::Array>> ChangeColumn(const std::string& name,
                                                          const client::ScannedBatch& batch,
                                                          const std::string& bucket) {
  const int64_t rows = batch.rows->num_rows();
  if (name == kLogOffset) {
    arrow::Int64Builder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(rows));
    for (int64_t i = 0; i < rows; ++i) builder.UnsafeAppend(batch.base_offset + i);
    return builder.Finish();
  }
  if (name == kCommitTimestamp) {
    return arrow::MakeArrayFromScalar(
        arrow::TimestampScalar(batch.timestamp * 1000, TypeOfChangeColumn(name)), rows);
  }
  arrow::StringBuilder builder;
  for (int64_t i = 0; i < rows; ++i) {
    const auto type = batch.changes.empty() ? record::ChangeType::kAppendOnly
                                            : batch.changes[static_cast<size_t>(i)];
    ARROW_RETURN_NOT_OK(builder.Append(name == kChangeType ? NameOf(type) : bucket));
  }
  return builder.Finish();
}

/// The columns called `names` of a batch whose rows have the table's own among them.
Result<std::shared_ptr<arrow::RecordBatch>> WithChangeColumns(const client::ScannedBatch& batch,
                                                              const model::Schema& schema,
                                                              const std::vector<std::string>& names,
                                                              const model::TableBucket& bucket) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  int next = 0;
  for (const std::string& name : names) {
    if (schema.Find(name) >= 0) {
      fields.push_back(batch.rows->schema()->field(next));
      columns.push_back(batch.rows->column(next++));
      continue;
    }
    auto column =
        ChangeColumn(name, batch, fmt::format("{}/{}", bucket.partition_id, bucket.bucket));
    STROM_TRY(FromArrow(column.status(), "changes"));
    fields.push_back(arrow::field(name, (*column)->type()));
    columns.push_back(std::move(*column));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), batch.rows->num_rows(),
                                  std::move(columns));
}

/// The rows of some kinds; nothing when all are of them.
Result<std::shared_ptr<arrow::BooleanArray>> KindMask(const client::ScannedBatch& batch,
                                                      Scan::Kinds kinds) {
  const auto is_wanted = [kinds](record::ChangeType type) {
    const bool goes =
        type == record::ChangeType::kUpdateBefore || type == record::ChangeType::kDelete;
    return goes == (kinds == Scan::Kinds::kGoing);
  };
  if (kinds == Scan::Kinds::kAll || std::ranges::all_of(batch.changes, is_wanted)) return nullptr;
  arrow::BooleanBuilder mask;
  for (const record::ChangeType type : batch.changes)
    STROM_TRY(FromArrow(mask.Append(is_wanted(type)), "changes"));
  const auto built = mask.Finish();
  STROM_TRY(FromArrow(built.status(), "changes"));
  return std::static_pointer_cast<arrow::BooleanArray>(*built);
}

using SharedConnection = std::shared_ptr<client::Connection>;
using SharedTable = std::shared_ptr<const client::Table>;

BucketBatchReader::OpenBucket LogsOf(SharedConnection connection, const Scan& scan,
                                     std::vector<std::string> names,
                                     std::atomic<int64_t>& bytes_read) {
  return [connection, scan, names, &bytes_read](size_t i) -> BucketBatchReader::NextRows {
    const SharedTable& table = scan.table;
    client::LogReader::Options options;
    options.columns = PositionsOf(table->info.descriptor.schema, names);
    options.bytes_read = &bytes_read;
    auto reader = std::make_shared<client::LogReader>(*connection, table, scan.ranges[i], options);
    return [connection, reader, table, names, kinds = scan.kinds,
            bucket = scan.ranges[i].bucket]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
      STROM_ASSIGN(auto batch, reader->Next());
      if (!batch) return nullptr;
      STROM_ASSIGN(const auto mask, KindMask(*batch, kinds));
      const model::Schema& columns = table->info.descriptor.schema;
      const bool plain = std::ranges::all_of(
          names, [&](const std::string& name) { return columns.Find(name) >= 0; });
      const bool none = mask && mask->true_count() == 0;
      if (none) *batch = {batch->base_offset, batch->timestamp, batch->rows->Slice(0, 0), {}};
      std::shared_ptr<arrow::RecordBatch> rows = batch->rows;
      if (!plain) {
        STROM_ASSIGN(rows, WithChangeColumns(*batch, columns, names, bucket));
      }
      if (!mask || none) return rows;
      const auto kept = arrow::compute::Filter(rows, mask);
      STROM_TRY(FromArrow(kept.status(), "changes"));
      return kept->record_batch();
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

/// Of a query's conditions the values that columns must have.
client::KnownValues KnownIn(
    const model::Schema& schema,
    const std::map<std::string, std::variant<int64_t, std::string>>& equal) {
  client::KnownValues known;
  for (const auto& [name, value] : equal) {
    const int position = schema.Find(name);
    if (position < 0) continue;
    const TypeRoot root = schema.columns[static_cast<size_t>(position)].type.root;
    const auto* number = std::get_if<int64_t>(&value);
    const auto* text = std::get_if<std::string>(&value);
    if (number != nullptr && root >= TypeRoot::kTinyInt && root <= TypeRoot::kBigInt) {
      known[name] = {*number};
    } else if (text != nullptr && root == TypeRoot::kString) {
      known[name] = {*text};
    }
  }
  return known;
}

std::string RelationOf(const std::string& id) {
  return "strom_scan(" + QuoteText(id) + ")";
}

/// Of rows that are at hand the columns of `schema`.
Result<std::shared_ptr<arrow::RecordBatchReader>> ReadRows(
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
    const std::shared_ptr<arrow::Schema>& schema) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> projected;
  for (const auto& batch : rows) {
    arrow::ArrayVector columns;
    for (const auto& field : schema->fields())
      columns.push_back(batch->GetColumnByName(field->name()));
    projected.push_back(arrow::RecordBatch::Make(schema, batch->num_rows(), std::move(columns)));
  }
  auto reader = arrow::RecordBatchReader::Make(std::move(projected), schema);
  STROM_TRY(FromArrow(reader.status(), "rows at hand"));
  return *reader;
}

}  // namespace

std::string Scans::Add(Scan scan) {
  const std::lock_guard lock(mutex_);
  const std::string id = std::to_string(next_id_++);
  scans_[id] = std::move(scan);
  return RelationOf(id);
}

void Scans::SetRows(const std::string& relation,
                    std::vector<std::shared_ptr<arrow::RecordBatch>> rows) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, scan] : scans_) {
    if (RelationOf(id) == relation) scan.rows = std::move(rows);
  }
}

void Scans::Clear() {
  const std::lock_guard lock(mutex_);
  scans_.clear();
  log_bytes_ = 0;
}

Result<Scan> Scans::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = scans_.find(id);
  if (it == scans_.end())
    return Err(ErrorCode::kNotFound, "strom_scan is for the engine's own use");
  return it->second;
}

Result<std::shared_ptr<arrow::Schema>> Scans::SchemaOf(const std::string& id) const {
  STROM_ASSIGN(const Scan scan, Find(id));
  if (!scan.arrow_file.empty()) return ArrowFileSchema(scan.arrow_file);
  const model::Schema& schema = scan.table->info.descriptor.schema;
  std::vector<std::string> names;
  if (scan.with_changes) names = {kChangeType, kLogOffset, kCommitTimestamp, kBucketName};
  if (scan.rows) names = {kOpColumn};
  for (const model::Column& column : schema.columns) names.push_back(column.name);
  return EngineSchema(schema, names);
}

Result<std::shared_ptr<arrow::RecordBatchReader>> Scans::Open(
    const Engine::ScanRequest& request) const {
  STROM_ASSIGN(const Scan scan, Find(request.id));
  if (!scan.arrow_file.empty()) return ReadArrowFile(scan.arrow_file, request.columns);
  const model::Schema& schema = scan.table->info.descriptor.schema;
  auto rows = EngineSchema(schema, request.columns);
  if (scan.rows) return ReadRows(*scan.rows, rows);
  if (!scan.files.empty()) return std::make_shared<FileBatchReader>(scan.files, std::move(rows));
  STROM_ASSIGN(auto connection, client::Connection::Open(cluster_));
  if (!scan.buckets.empty()) {
    STROM_ASSIGN(const auto found,
                 client::LookUp(*connection, scan.table, KnownIn(schema, request.equal),
                                PositionsOf(schema, request.columns)));
    if (found) {
      auto typed = AsEngineRows(**found, rows);
      STROM_TRY(FromArrow(typed.status(), "lookup"));
      auto reader = arrow::RecordBatchReader::Make({*typed}, rows);
      STROM_TRY(FromArrow(reader.status(), "lookup"));
      return *reader;
    }
  }
  const SharedConnection shared = std::move(connection);
  const bool keys = !scan.buckets.empty();
  return std::make_shared<BucketBatchReader>(
      keys ? scan.buckets.size() : scan.ranges.size(),
      keys ? KeysOf(shared, scan.table, scan.buckets, PositionsOf(schema, request.columns))
           : LogsOf(shared, scan, request.columns, log_bytes_),
      std::move(rows));
}

}  // namespace strom::sql
