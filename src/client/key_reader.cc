#include "client/key_reader.h"

#include <arrow/array/builder_base.h>
#include <arrow/record_batch.h>
#include <arrow/table_builder.h>

#include "record/arrow_batch.h"
#include "record/kv_batch.h"
#include "record/row.h"

namespace strom::client {
namespace {

constexpr int32_t kBatchBytes = 4 << 20;

}  // namespace

KeyReader::KeyReader(Connection& connection, std::shared_ptr<const Table> table,
                     model::TableBucket bucket, std::vector<int32_t> columns)
    : connection_(connection),
      table_(std::move(table)),
      bucket_(bucket),
      columns_(std::move(columns)) {
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

Result<std::shared_ptr<arrow::RecordBatch>> KeyReader::Next() {
  while (!done_) {
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
    request.batch_size_bytes = kBatchBytes;
    STROM_ASSIGN(const wire::ScanKvResponse response, connection_.Call(request));
    STROM_TRY(ErrorIn(response));
    done_ = !response.has_more_results.value_or(false);
    scanner_id_ = done_ ? std::nullopt : response.scanner_id;
    if (!response.records) continue;
    STROM_ASSIGN(auto rows, Decode(response.records->view()));
    if (rows->num_rows() > 0) return rows;
  }
  return nullptr;
}

Result<const KeyReader::Layout*> KeyReader::LayoutOf(int32_t schema_id) {
  const auto [it, is_new] = layouts_.try_emplace(schema_id);
  if (!is_new) return &it->second;
  STROM_ASSIGN(const auto schema, connection_.GetSchema(*table_, schema_id));
  for (const model::Column& column : schema->columns) it->second.types.push_back(column.type);
  for (const int32_t position : columns_) {
    const int32_t id = table_->info.descriptor.schema.columns[static_cast<size_t>(position)].id;
    const auto found = std::ranges::find(schema->columns, id, &model::Column::id);
    it->second.sources.push_back(
        found == schema->columns.end() ? -1 : static_cast<int>(found - schema->columns.begin()));
  }
  return &it->second;
}

Result<std::shared_ptr<arrow::RecordBatch>> KeyReader::Decode(ByteView values) {
  STROM_ASSIGN(const std::vector<ByteView> all, record::ReadValueBatch(values));
  const bool indexed = table_->info.options.kv_format == model::KvFormat::kIndexed;
  auto builder = arrow::RecordBatchBuilder::Make(arrow_schema_, arrow::default_memory_pool(),
                                                 static_cast<int64_t>(all.size()));
  STROM_TRY(record::FromArrow(builder.status(), "build rows"));
  for (const ByteView value : all) {
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
    return arrow::RecordBatch::Make(arrow_schema_, static_cast<int64_t>(all.size()),
                                    arrow::ArrayVector());
  }
  auto batch = (*builder)->Flush();
  STROM_TRY(record::FromArrow(batch.status(), "build rows"));
  return *batch;
}

}  // namespace strom::client
