#include "client/append_writer.h"

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>

#include "model/partition.h"
#include "record/arrow_batch.h"
#include "record/key.h"
#include "record/partition_value.h"

namespace strom::client {

Result<std::unique_ptr<AppendWriter>> AppendWriter::Open(Connection& connection,
                                                         std::shared_ptr<const Table> table) {
  if (table->info.descriptor.has_primary_key()) {
    return Err(ErrorCode::kUnsupported,
               "table {} has a primary key; this version appends to log tables only",
               table->info.path.ToString());
  }
  std::unique_ptr<AppendWriter> writer(new AppendWriter(connection, std::move(table)));
  writer->partitions_ = writer->table_->partitions;
  STROM_ASSIGN(const auto response,
               connection.Call(wire::InitWriterRequest{{ToWire(writer->table_->info.path)}}));
  writer->writer_id_ = response.writer_id;
  return writer;
}

Result<model::PartitionId> AppendWriter::PartitionFor(const std::string& name) {
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

Result<std::map<model::TableBucket, std::vector<int64_t>>> AppendWriter::Assign(
    const arrow::RecordBatch& rows) {
  const model::TableDescriptor& descriptor = table_->info.descriptor;
  std::map<model::TableBucket, std::vector<int64_t>> by_bucket;
  const auto columns_of = [&](const std::vector<std::string>& names) {
    return descriptor.schema.Positions(names);
  };
  const std::vector<int> key_columns = columns_of(descriptor.bucket_keys);
  const std::vector<int> partition_columns = columns_of(descriptor.partition_keys);
  std::vector<model::DataType> key_types;
  for (const int c : key_columns)
    key_types.push_back(descriptor.schema.columns[static_cast<size_t>(c)].type);
  const int32_t buckets = table_->info.bucket_count();
  // Rows without a key stay together: one bucket for the whole batch, another one for the next.
  const auto sticky = static_cast<int32_t>(round_robin_++ % static_cast<uint32_t>(buckets));
  const auto values_of = [&](const std::vector<int>& columns, int64_t row) -> Result<record::Row> {
    record::Row values;
    for (const int c : columns) {
      STROM_ASSIGN(record::Value value,
                   record::ValueAt(descriptor.schema.columns[static_cast<size_t>(c)].type,
                                   *rows.column(c), row));
      values.push_back(std::move(value));
    }
    return values;
  };
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    model::TableBucket bucket{table_->info.table_id, model::kNoPartition, sticky};
    if (!partition_columns.empty()) {
      STROM_ASSIGN(const record::Row values, values_of(partition_columns, row));
      std::vector<std::string> texts;
      for (size_t i = 0; i < values.size(); ++i) {
        const model::DataType& type =
            descriptor.schema.columns[static_cast<size_t>(partition_columns[i])].type;
        STROM_ASSIGN(std::string text, record::PartitionText(type, values[i]));
        texts.push_back(std::move(text));
      }
      STROM_ASSIGN(bucket.partition_id, PartitionFor(model::PartitionName(texts)));
    }
    if (!key_columns.empty()) {
      STROM_ASSIGN(const record::Row key, values_of(key_columns, row));
      STROM_ASSIGN(const Bytes encoded,
                   record::EncodeBucketKey(table_->info.options.lake_format, key_types, key));
      STROM_ASSIGN(bucket.bucket,
                   record::BucketOf(table_->info.options.lake_format, encoded, buckets));
    }
    by_bucket[bucket].push_back(row);
  }
  return by_bucket;
}

Status AppendWriter::Append(const arrow::RecordBatch& rows) {
  if (rows.num_rows() == 0) return {};
  for (int i = 0; i < rows.num_columns(); ++i) {
    const model::Column& column = table_->info.descriptor.schema.columns[static_cast<size_t>(i)];
    if (!column.type.nullable && rows.column(i)->null_count() > 0) {
      return Err(ErrorCode::kInvalidArgument,
                 "column '{}' of {} is NOT NULL and a row has no value for it", column.name,
                 table_->info.path.ToString());
    }
  }
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

Status AppendWriter::Send(const model::TableBucket& bucket, const arrow::RecordBatch& rows) {
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
  request.timeout_ms = 30'000;
  request.buckets_req.push_back({PartitionOf(bucket), bucket.bucket,
                                 SharedBytes::Own(record::BuildLogBatch(header, payload))});
  while (in_flight_.size() >= kMaxInFlight) STROM_TRY(AwaitOldest());
  STROM_ASSIGN(const int32_t id, connection_.Submit(request));
  in_flight_.push_back({id, rows.num_rows()});
  return {};
}

Status AppendWriter::AwaitOldest() {
  const InFlight oldest = in_flight_.front();
  in_flight_.pop_front();
  STROM_ASSIGN(const auto response, connection_.Await<wire::ProduceLogResponse>(oldest.request_id));
  for (const auto& answer : response.buckets_resp) STROM_TRY(ErrorIn(answer));
  rows_acknowledged_ += oldest.rows;
  return {};
}

Status AppendWriter::Flush() {
  while (!in_flight_.empty()) STROM_TRY(AwaitOldest());
  return {};
}

}  // namespace strom::client
