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

  size_t expected = 0;
  record::Types column_types;
  std::vector<arrow::ArrayBuilder*> columns;

  Status Open() {
    if (rows) return {};
    auto made = arrow::RecordBatchBuilder::Make(record::ToArrowSchema(shape->latest()),
                                                arrow::default_memory_pool(),
                                                static_cast<int64_t>(expected));
    STROM_TRY(record::FromArrow(made.status(), "build a changelog"));
    rows = std::move(*made);
    column_types = shape->latest_types();
    for (int i = 0; i < rows->num_fields(); ++i) columns.push_back(rows->GetField(i));
    return {};
  }

  Status AppendArrow(const record::Row& row) {
    for (size_t i = 0; i < row.size(); ++i)
      STROM_TRY(record::AppendValue(column_types[i], row[i], *columns[i]));
    return {};
  }

  Status AppendArrow(const record::Fields& fields) {
    for (size_t i = 0; i < fields.size(); ++i) {
      const model::DataType& type = column_types[i];
      if (!fields[i]) {
        STROM_TRY(record::FromArrow(columns[i]->AppendNull(), "append"));
      } else if (type.root == model::TypeRoot::kString || type.root == model::TypeRoot::kBytes) {
        STROM_TRY(record::AppendText(type, *fields[i], *columns[i]));
      } else {
        STROM_ASSIGN(const record::Value value, shape->DecodeField(i, *fields[i]));
        STROM_TRY(record::AppendValue(type, value, *columns[i]));
      }
    }
    return {};
  }

  Status AppendRow(record::ChangeType type, const record::Row& row) {
    const record::Types all = shape->latest_types();
    STROM_ASSIGN(const Bytes bytes, shape->options().log_format == model::LogFormat::kCompacted
                                        ? record::EncodeCompactedRow(all, row)
                                        : record::EncodeIndexedRow(all, row));
    record::AppendRawRecord(records, type, bytes);
    return {};
  }

  Status AppendRow(record::ChangeType type, const record::Fields& fields) {
    record::Row row(fields.size());
    for (size_t i = 0; i < fields.size(); ++i) {
      if (!fields[i]) continue;
      STROM_ASSIGN(row[i], shape->DecodeField(i, *fields[i]));
    }
    return AppendRow(type, row);
  }

  template <class AnyRow>
  Status Append(record::ChangeType type, const AnyRow& row) {
    ++count;
    if (shape->options().log_format != model::LogFormat::kArrow) return AppendRow(type, row);
    STROM_TRY(Open());
    types.push_back(static_cast<char>(type));
    return AppendArrow(row);
  }
};

ChangelogBuilder::ChangelogBuilder(std::shared_ptr<const TableShape> shape, size_t rows)
    : body_(std::make_unique<Body>()) {
  body_->shape = std::move(shape);
  body_->expected = rows;
}

ChangelogBuilder::~ChangelogBuilder() = default;

Status ChangelogBuilder::Append(record::ChangeType type, const record::Row& row) {
  return body_->Append(type, row);
}

Status ChangelogBuilder::Append(record::ChangeType type, const record::Fields& fields) {
  return body_->Append(type, fields);
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
