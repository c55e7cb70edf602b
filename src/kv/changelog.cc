#include "kv/changelog.h"

#include <arrow/array/builder_base.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/table_builder.h>

#include "record/arrow_batch.h"

namespace strom::kv {

struct ChangelogBuilder::Body {
  std::shared_ptr<const TableShape> shape;
  Bytes types;                                      // ARROW: one code a row
  std::unique_ptr<arrow::RecordBatchBuilder> rows;  // ARROW, from the first row on
  Bytes records;                                    // the row formats
  int32_t count = 0;

  Status AppendArrow(record::ChangeType type, const record::Row& row) {
    if (!rows) {
      auto made = arrow::RecordBatchBuilder::Make(record::ToArrowSchema(shape->latest()),
                                                  arrow::default_memory_pool());
      STROM_TRY(record::FromArrow(made.status(), "build a changelog"));
      rows = std::move(*made);
    }
    const record::Types column_types = shape->latest_types();
    for (size_t i = 0; i < row.size(); ++i) {
      STROM_TRY(record::AppendValue(column_types[i], row[i], *rows->GetField(static_cast<int>(i))));
    }
    types.push_back(static_cast<char>(type));
    return {};
  }
};

ChangelogBuilder::ChangelogBuilder(std::shared_ptr<const TableShape> shape)
    : body_(std::make_unique<Body>()) {
  body_->shape = std::move(shape);
}

ChangelogBuilder::~ChangelogBuilder() = default;

Status ChangelogBuilder::Append(record::ChangeType type, const record::Row& row) {
  switch (body_->shape->options().log_format) {
    case model::LogFormat::kArrow: STROM_TRY(body_->AppendArrow(type, row)); break;
    case model::LogFormat::kCompacted: {
      STROM_ASSIGN(const Bytes bytes,
                   record::EncodeCompactedRow(body_->shape->latest_types(), row));
      record::AppendRawRecord(body_->records, type, bytes);
      break;
    }
    case model::LogFormat::kIndexed: {
      STROM_ASSIGN(const Bytes bytes, record::EncodeIndexedRow(body_->shape->latest_types(), row));
      record::AppendRawRecord(body_->records, type, bytes);
      break;
    }
  }
  ++body_->count;
  return {};
}

int32_t ChangelogBuilder::record_count() const {
  return body_->count;
}

Result<Bytes> ChangelogBuilder::Build(int64_t writer_id, int32_t sequence) {
  record::BatchHeader header;
  header.schema_id = body_->shape->latest_id();
  header.append_only = false;
  header.writer_id = writer_id;
  header.sequence = sequence;
  header.record_count = body_->count;
  Bytes payload = std::move(body_->records);
  if (body_->rows) {
    auto batch = body_->rows->Flush();
    STROM_TRY(record::FromArrow(batch.status(), "build a changelog"));
    const model::TableOptions& options = body_->shape->options();
    STROM_ASSIGN(
        const Bytes message,
        record::EncodeArrowMessage(**batch, {options.arrow_compression, options.zstd_level}));
    payload = std::move(body_->types);
    payload += message;
  }
  return record::BuildLogBatch(header, payload);
}

}  // namespace strom::kv
