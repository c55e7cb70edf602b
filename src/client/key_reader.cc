#include "client/key_reader.h"

#include <arrow/array/builder_base.h>
#include <arrow/record_batch.h>
#include <arrow/table_builder.h>

#include "model/partition.h"
#include "record/arrow_batch.h"
#include "record/key.h"
#include "record/kv_batch.h"
#include "record/partition_value.h"
#include "record/row.h"

namespace strom::client {
namespace {

constexpr int32_t kBatchBytes = 4 << 20;

}  // namespace

StoredRows::StoredRows(Connection& connection, std::shared_ptr<const Table> table,
                       std::vector<int32_t> columns)
    : connection_(connection), table_(std::move(table)), columns_(std::move(columns)) {
  arrow::FieldVector fields;
  for (const int32_t position : columns_) {
    const model::Column& column =
        table_->info.descriptor.schema.columns[static_cast<size_t>(position)];
    fields.push_back(record::ToArrowField(column.name, column.type));
  }
  arrow_schema_ = arrow::schema(std::move(fields));
}

KeyReader::~KeyReader() {
  if (!scanner_id_) return;
  wire::ScanKvRequest close;
  close.scanner_id = scanner_id_;
  close.close_scanner = true;
  (void)connection_.Call(close);  // else the server ends it by itself after a while
}

/// One call; no rows when it brought none.
Result<std::shared_ptr<arrow::RecordBatch>> KeyReader::Ask(int32_t batch_bytes) {
  wire::ScanKvRequest request;
  if (next_call_ == 0) {
    request.bucket_scan_req.emplace();
    request.bucket_scan_req->table_id = bucket_.table_id;
    request.bucket_scan_req->partition_id = PartitionOf(bucket_);
    request.bucket_scan_req->bucket_id = bucket_.bucket;
  } else {
    request.scanner_id = scanner_id_;
  }
  request.call_seq_id = next_call_++;
  request.batch_size_bytes = batch_bytes;
  done_ = true;  // also after an error: there is nothing to go on with
  STROM_ASSIGN(const wire::ScanKvResponse response, connection_.Call(request));
  STROM_TRY(ErrorIn(response));
  log_offset_ = response.log_offset.value_or(log_offset_);
  done_ = !response.has_more_results.value_or(false);
  scanner_id_ = done_ ? std::nullopt : response.scanner_id;
  if (!response.records) return nullptr;
  STROM_ASSIGN(const auto values, record::ReadValueBatch(response.records->view()));
  return rows_.Decode(values);
}

Status KeyReader::Open() {
  constexpr int32_t kOneRow = 1;
  STROM_ASSIGN(first_rows_, Ask(kOneRow));
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> KeyReader::Next() {
  if (auto first = std::exchange(first_rows_, nullptr); first && first->num_rows() > 0)
    return first;
  while (!done_) {
    STROM_ASSIGN(auto rows, Ask(kBatchBytes));
    if (rows && rows->num_rows() > 0) return rows;
  }
  return nullptr;
}

Result<const StoredRows::Layout*> StoredRows::LayoutOf(int32_t schema_id) {
  const auto [it, is_new] = layouts_.try_emplace(schema_id);
  if (!is_new) return &it->second;
  STROM_ASSIGN(const auto schema, connection_.GetSchema(*table_, schema_id));
  for (const model::Column& column : schema->columns) it->second.types.push_back(column.type);
  for (const int32_t position : columns_) {
    const int32_t id = table_->info.descriptor.schema.columns[static_cast<size_t>(position)].id;
    it->second.sources.push_back(schema->FindById(id));
  }
  return &it->second;
}

Result<std::shared_ptr<arrow::RecordBatch>> StoredRows::Decode(std::span<const ByteView> values) {
  const bool indexed = table_->info.options.kv_format == model::KvFormat::kIndexed;
  auto builder = arrow::RecordBatchBuilder::Make(arrow_schema_, arrow::default_memory_pool(),
                                                 static_cast<int64_t>(values.size()));
  STROM_TRY(record::FromArrow(builder.status(), "build rows"));
  for (const ByteView value : values) {
    STROM_ASSIGN(const record::StoredValue stored, record::DecodeStoredValue(value));
    STROM_ASSIGN(const Layout* const layout, LayoutOf(stored.schema_id));
    STROM_ASSIGN(const record::Row row,
                 indexed ? record::DecodeIndexedRow(layout->types, stored.row)
                         : record::DecodeCompactedRow(layout->types, stored.row));
    for (size_t i = 0; i < columns_.size(); ++i) {
      const int source = layout->sources[i];
      arrow::ArrayBuilder& column = *(*builder)->GetField(static_cast<int>(i));
      STROM_TRY(source < 0 ? record::FromArrow(column.AppendNull(), "build rows")
                           : record::AppendValue(layout->types[static_cast<size_t>(source)],
                                                 row[static_cast<size_t>(source)], column));
    }
  }
  if (columns_.empty()) {
    return arrow::RecordBatch::Make(arrow_schema_, static_cast<int64_t>(values.size()),
                                    arrow::ArrayVector());
  }
  auto batch = (*builder)->Flush();
  STROM_TRY(record::FromArrow(batch.status(), "build rows"));
  return *batch;
}

Result<std::shared_ptr<arrow::RecordBatch>> LookUp(Connection& connection,
                                                   const std::shared_ptr<const Table>& table,
                                                   const record::Row& key,
                                                   std::vector<int32_t> columns) {
  const model::TableInfo& info = table->info;
  const model::Schema& schema = info.descriptor.schema;
  struct Part {
    record::Row values;
    std::vector<model::DataType> types;
  };
  const auto part_of = [&](const std::vector<std::string>& names) {
    Part part;
    for (const std::string& name : names) {
      const auto at = std::ranges::find(schema.primary_key, name) - schema.primary_key.begin();
      part.values.push_back(key[static_cast<size_t>(at)]);
      part.types.push_back(schema.columns[static_cast<size_t>(schema.Find(name))].type);
    }
    return part;
  };
  StoredRows rows(connection, table, std::move(columns));
  model::TableBucket bucket{info.table_id, model::kNoPartition, 0};
  if (info.descriptor.partitioned()) {
    const Part partition = part_of(info.descriptor.partition_keys);
    std::vector<std::string> texts;
    for (size_t i = 0; i < partition.values.size(); ++i) {
      STROM_ASSIGN(std::string text,
                   record::PartitionText(partition.types[i], partition.values[i]));
      texts.push_back(std::move(text));
    }
    const auto it = table->partitions.find(model::PartitionName(texts));
    if (it == table->partitions.end()) return rows.Decode({});
    bucket.partition_id = it->second;
  }
  const Part bucket_key = part_of(info.descriptor.bucket_keys);
  STROM_ASSIGN(
      const Bytes encoded_bucket,
      record::EncodeBucketKey(info.options.lake_format, bucket_key.types, bucket_key.values));
  STROM_ASSIGN(bucket.bucket,
               record::BucketOf(info.options.lake_format, encoded_bucket, info.bucket_count()));
  const Part physical = part_of(info.descriptor.PhysicalPrimaryKey());
  STROM_ASSIGN(Bytes encoded,
               record::EncodeKey(record::KvKeyEncoding(info.descriptor, info.options),
                                 physical.types, physical.values));
  wire::LookupRequest request;
  request.table_id = info.table_id;
  request.buckets_req.push_back(
      {PartitionOf(bucket), bucket.bucket, {SharedBytes::Own(std::move(encoded))}, std::nullopt});
  STROM_ASSIGN(const wire::LookupResponse response, connection.Call(request));
  if (response.buckets_resp.size() != 1)
    return Err(ErrorCode::kCorruptMessage,
               "a lookup in one bucket was answered for another number");
  STROM_TRY(ErrorIn(response.buckets_resp[0]));
  std::vector<ByteView> values;
  for (const wire::PbValue& value : response.buckets_resp[0].values) {
    if (value.values) values.push_back(value.values->view());
  }
  return rows.Decode(values);
}

}  // namespace strom::client
