#include "client/table_writer.h"

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>

#include "model/partition.h"
#include "record/arrow_batch.h"
#include "record/kv_batch.h"
#include "record/partition_value.h"

namespace strom::client {
namespace {

constexpr int32_t kTimeoutMs = 30'000;

}  // namespace

TableWriter::TableWriter(Connection& connection, std::shared_ptr<const Table> table,
                         Options options)
    : connection_(connection),
      table_(std::move(table)),
      options_(std::move(options)),
      key_encoding_(record::KvKeyEncoding(table_->info.descriptor, table_->info.options)),
      partitions_(table_->partitions) {
  const model::TableDescriptor& descriptor = table_->info.descriptor;
  const model::Schema& schema = descriptor.schema;
  key_columns_ = schema.Positions(descriptor.PhysicalPrimaryKey());
  for (const int c : key_columns_)
    key_types_.push_back(schema.columns[static_cast<size_t>(c)].type);
  for (const model::Column& column : schema.columns) {
    all_columns_.push_back(static_cast<int>(all_columns_.size()));
    all_types_.push_back(column.type);
  }
}

Result<std::unique_ptr<TableWriter>> TableWriter::Open(Connection& connection,
                                                       std::shared_ptr<const Table> table,
                                                       Options options) {
  const model::TableInfo& info = table->info;
  if (!info.descriptor.has_primary_key() && (options.deletes || !options.target_columns.empty())) {
    return Err(ErrorCode::kNonPrimaryKeyTable,
               "table {} has no primary key: its rows cannot be changed", info.path.ToString());
  }
  std::unique_ptr<TableWriter> writer(
      new TableWriter(connection, std::move(table), std::move(options)));
  STROM_ASSIGN(const auto response,
               connection.Call(wire::InitWriterRequest{{ToWire(writer->table_->info.path)}}));
  writer->writer_id_ = response.writer_id;
  return writer;
}

Result<record::Row> TableWriter::ValuesOf(const arrow::RecordBatch& rows,
                                          const std::vector<int>& columns, int64_t row) const {
  record::Row values;
  values.reserve(columns.size());
  for (const int c : columns) {
    STROM_ASSIGN(record::Value value,
                 record::ValueAt(all_types_[static_cast<size_t>(c)], *rows.column(c), row));
    values.push_back(std::move(value));
  }
  return values;
}

Result<model::PartitionId> TableWriter::PartitionFor(const std::string& name) {
  if (const auto it = partitions_.find(name); it != partitions_.end()) return it->second;
  const std::vector<std::string>& keys = table_->info.descriptor.partition_keys;
  STROM_ASSIGN(const std::vector<std::string> values, model::PartitionValues(name, keys.size()));
  wire::CreatePartitionRequest create;
  create.table_path = ToWire(table_->info.path);
  create.ignore_if_not_exists = true;  // which says: fine when it exists
  for (size_t i = 0; i < keys.size(); ++i)
    create.partition_spec.partition_key_values.push_back({keys[i], values[i]});
  STROM_TRY(connection_.Call(create));
  STROM_ASSIGN(const auto fresh, connection_.GetTable(table_->info.path));
  partitions_ = fresh->partitions;
  const auto it = partitions_.find(name);
  if (it == partitions_.end())
    return Err(ErrorCode::kPartitionNotExists, "partition {} was dropped at once", name);
  return it->second;
}

Result<std::map<model::TableBucket, std::vector<int64_t>>> TableWriter::Assign(
    const arrow::RecordBatch& rows) {
  const model::TableDescriptor& descriptor = table_->info.descriptor;
  std::map<model::TableBucket, std::vector<int64_t>> by_bucket;
  const auto columns_of = [&](const std::vector<std::string>& names) {
    return descriptor.schema.Positions(names);
  };
  const std::vector<int> bucket_columns = columns_of(descriptor.bucket_keys);
  const std::vector<int> partition_columns = columns_of(descriptor.partition_keys);
  std::vector<model::DataType> bucket_types;
  for (const int c : bucket_columns) bucket_types.push_back(all_types_[static_cast<size_t>(c)]);
  const int32_t buckets = table_->info.bucket_count();
  // Rows without a key stay together: one bucket for the whole batch, another one for the next.
  const auto sticky = static_cast<int32_t>(round_robin_++ % static_cast<uint32_t>(buckets));
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    model::TableBucket bucket{table_->info.table_id, model::kNoPartition, sticky};
    if (!partition_columns.empty()) {
      STROM_ASSIGN(const record::Row values, ValuesOf(rows, partition_columns, row));
      std::vector<std::string> texts;
      for (size_t i = 0; i < values.size(); ++i) {
        const model::DataType& type =
            descriptor.schema.columns[static_cast<size_t>(partition_columns[i])].type;
        STROM_ASSIGN(std::string text, record::PartitionText(type, values[i]));
        texts.push_back(std::move(text));
      }
      STROM_ASSIGN(bucket.partition_id, PartitionFor(model::PartitionName(texts)));
    }
    if (!bucket_columns.empty()) {
      STROM_ASSIGN(const record::Row key, ValuesOf(rows, bucket_columns, row));
      STROM_ASSIGN(const Bytes encoded,
                   record::EncodeBucketKey(table_->info.options.lake_format, bucket_types, key));
      STROM_ASSIGN(bucket.bucket,
                   record::BucketOf(table_->info.options.lake_format, encoded, buckets));
    }
    by_bucket[bucket].push_back(row);
  }
  return by_bucket;
}

Status TableWriter::CheckNotNull(const arrow::RecordBatch& rows) const {
  const model::Schema& schema = table_->info.descriptor.schema;
  for (int i = 0; i < rows.num_columns(); ++i) {
    const model::Column& column = schema.columns[static_cast<size_t>(i)];
    const bool counts =
        schema.IsKey(column.name) || (!options_.deletes && options_.target_columns.empty());
    if (counts && !column.type.nullable && rows.column(i)->null_count() > 0) {
      return Err(ErrorCode::kInvalidArgument,
                 "column '{}' of {} is NOT NULL and a row has no value for it", column.name,
                 table_->info.path.ToString());
    }
  }
  return {};
}

Status TableWriter::Write(const arrow::RecordBatch& rows) {
  if (rows.num_rows() == 0) return {};
  STROM_TRY(CheckNotNull(rows));
  STROM_ASSIGN(const auto by_bucket, Assign(rows));
  for (const auto& [bucket, picked] : by_bucket) {
    if (by_bucket.size() == 1) {
      STROM_TRY(Send(bucket, rows));
      continue;
    }
    arrow::Int64Builder builder;
    STROM_TRY(record::FromArrow(builder.AppendValues(picked), "pick rows"));
    const auto indices = builder.Finish();
    STROM_TRY(record::FromArrow(indices.status(), "pick rows"));
    const auto taken = arrow::compute::Take(arrow::Datum(rows.Slice(0)), arrow::Datum(*indices));
    STROM_TRY(record::FromArrow(taken.status(), "pick rows"));
    STROM_TRY(Send(bucket, *taken->record_batch()));
  }
  return {};
}

Status TableWriter::Send(const model::TableBucket& bucket, const arrow::RecordBatch& rows) {
  while (in_flight_.size() >= kMaxInFlight) STROM_TRY(AwaitOldest());
  STROM_ASSIGN(const int32_t id, has_keys() ? SendKeys(bucket, rows) : SendLog(bucket, rows));
  in_flight_.push_back({id, rows.num_rows()});
  return {};
}

Result<int32_t> TableWriter::SendLog(const model::TableBucket& bucket,
                                     const arrow::RecordBatch& rows) {
  const model::TableInfo& info = table_->info;
  const record::ArrowCompression compression{info.options.arrow_compression,
                                             info.options.zstd_level};
  STROM_ASSIGN(const Bytes payload, record::EncodeLogPayload(rows, info.options.log_format,
                                                             info.descriptor.schema, compression));
  record::BatchHeader header;
  header.schema_id = static_cast<int16_t>(info.schema_id);
  header.writer_id = writer_id_;
  header.sequence = sequences_[bucket]++;
  header.record_count = static_cast<int32_t>(rows.num_rows());
  wire::ProduceLogRequest request;
  request.acks = -1;
  request.table_id = info.table_id;
  request.timeout_ms = kTimeoutMs;
  request.buckets_req.push_back({PartitionOf(bucket), bucket.bucket,
                                 SharedBytes::Own(record::BuildLogBatch(header, payload))});
  return connection_.Submit(request);
}

Result<int32_t> TableWriter::SendKeys(const model::TableBucket& bucket,
                                      const arrow::RecordBatch& rows) {
  const model::TableInfo& info = table_->info;
  record::KvBatchBuilder batch;
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    STROM_ASSIGN(const record::Row key, ValuesOf(rows, key_columns_, i));
    STROM_ASSIGN(const Bytes encoded_key, record::EncodeKey(key_encoding_, key_types_, key));
    if (options_.deletes) {
      batch.Append({encoded_key, std::nullopt});
      continue;
    }
    STROM_ASSIGN(const record::Row row, ValuesOf(rows, all_columns_, i));
    STROM_ASSIGN(const Bytes encoded, info.options.kv_format == model::KvFormat::kIndexed
                                          ? record::EncodeIndexedRow(all_types_, row)
                                          : record::EncodeCompactedRow(all_types_, row));
    batch.Append({encoded_key, ByteView(encoded)});
  }
  wire::PutKvRequest request;
  request.acks = -1;
  request.table_id = info.table_id;
  request.timeout_ms = kTimeoutMs;
  request.target_columns = options_.target_columns;
  const record::KvBatchHeader header{static_cast<int16_t>(info.schema_id), writer_id_,
                                     sequences_[bucket]++};
  request.buckets_req.push_back(
      {PartitionOf(bucket), bucket.bucket, SharedBytes::Own(batch.Build(header))});
  return connection_.Submit(request);
}

Status TableWriter::AwaitOldest() {
  const InFlight oldest = in_flight_.front();
  in_flight_.pop_front();
  const auto await = [&]<class Response>(Response) -> Status {
    STROM_ASSIGN(const Response response, connection_.Await<Response>(oldest.request_id));
    for (const auto& answer : response.buckets_resp) STROM_TRY(ErrorIn(answer));
    return {};
  };
  STROM_TRY(has_keys() ? await(wire::PutKvResponse()) : await(wire::ProduceLogResponse()));
  rows_acknowledged_ += oldest.rows;
  return {};
}

Status TableWriter::Flush() {
  while (!in_flight_.empty()) STROM_TRY(AwaitOldest());
  return {};
}

}  // namespace strom::client
