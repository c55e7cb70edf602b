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

namespace {

/// Some columns of a table with the values that are looked for.
struct KeyPart {
  record::Row values;
  std::vector<model::DataType> types;
};

/// Nothing when a value is missing.
std::optional<KeyPart> PartOf(const model::Schema& schema, const std::vector<std::string>& names,
                              const KnownValues& known) {
  KeyPart part;
  for (const std::string& name : names) {
    const auto it = known.find(name);
    if (it == known.end()) return std::nullopt;
    part.values.push_back(it->second);
    part.types.push_back(schema.columns[static_cast<size_t>(schema.Find(name))].type);
  }
  return part;
}

/// The values that an answer to a lookup, or to one by prefix, has.
std::vector<ByteView> ValuesIn(const wire::PbLookupRespForBucket& answer) {
  std::vector<ByteView> values;
  for (const wire::PbValue& value : answer.values) {
    if (value.values) values.push_back(value.values->view());
  }
  return values;
}
std::vector<ByteView> ValuesIn(const wire::PbPrefixLookupRespForBucket& answer) {
  std::vector<ByteView> values;
  for (const wire::PbValueList& list : answer.value_lists) {
    for (const SharedBytes& value : list.values) values.push_back(value.view());
  }
  return values;
}

template <class Request>
Result<std::shared_ptr<arrow::RecordBatch>> Ask(Connection& connection, Request request,
                                                StoredRows& rows) {
  STROM_ASSIGN(const auto response, connection.Call(request));
  if (response.buckets_resp.size() != 1)
    return Err(ErrorCode::kCorruptMessage,
               "a lookup in one bucket was answered for another number");
  STROM_TRY(ErrorIn(response.buckets_resp[0]));
  return rows.Decode(ValuesIn(response.buckets_resp[0]));
}

}  // namespace

Result<std::optional<std::shared_ptr<arrow::RecordBatch>>> LookUp(
    Connection& connection, const std::shared_ptr<const Table>& table, const KnownValues& known,
    std::vector<int32_t> columns) {
  const model::TableInfo& info = table->info;
  const model::Schema& schema = info.descriptor.schema;
  const std::vector<std::string> physical = info.descriptor.PhysicalPrimaryKey();
  const std::vector<std::string>& bucket_names = info.descriptor.bucket_keys;
  const auto partition = PartOf(schema, info.descriptor.partition_keys, known);
  const auto bucket_key = PartOf(schema, bucket_names, known);
  auto key = PartOf(schema, physical, known);
  const bool by_prefix = !key && bucket_names.size() < physical.size() &&
                         std::equal(bucket_names.begin(), bucket_names.end(), physical.begin());
  if (by_prefix) key = bucket_key;
  if (!partition || !bucket_key || !key) return std::nullopt;

  StoredRows rows(connection, table, std::move(columns));
  model::TableBucket bucket{info.table_id, model::kNoPartition, 0};
  if (info.descriptor.partitioned()) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < partition->values.size(); ++i) {
      STROM_ASSIGN(std::string text,
                   record::PartitionText(partition->types[i], partition->values[i]));
      texts.push_back(std::move(text));
    }
    const auto it = table->partitions.find(model::PartitionName(texts));
    if (it == table->partitions.end()) return rows.Decode({});
    bucket.partition_id = it->second;
  }
  STROM_ASSIGN(
      const Bytes encoded_bucket,
      record::EncodeBucketKey(info.options.lake_format, bucket_key->types, bucket_key->values));
  STROM_ASSIGN(bucket.bucket,
               record::BucketOf(info.options.lake_format, encoded_bucket, info.bucket_count()));
  STROM_ASSIGN(Bytes encoded,
               record::EncodeKey(record::KvKeyEncoding(info.descriptor, info.options), key->types,
                                 key->values));
  const SharedBytes wanted = SharedBytes::Own(std::move(encoded));
  if (by_prefix) {
    wire::PrefixLookupRequest request;
    request.table_id = info.table_id;
    request.buckets_req.push_back({PartitionOf(bucket), bucket.bucket, {wanted}});
    return Ask(connection, std::move(request), rows);
  }
  wire::LookupRequest request;
  request.table_id = info.table_id;
  request.buckets_req.push_back({PartitionOf(bucket), bucket.bucket, {wanted}, std::nullopt});
  return Ask(connection, std::move(request), rows);
}

}  // namespace strom::client
