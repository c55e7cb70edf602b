#pragma once
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/bytes.h"
#include "base/result.h"
#include "model/schema.h"
#include "model/table.h"
#include "record/log_batch.h"
#include "record/value.h"

namespace strom::record {

/// The Arrow type of a column as the published log format maps it; TIMESTAMP_LTZ has no zone there.
std::shared_ptr<arrow::DataType> ToArrowType(const model::DataType& type);
std::shared_ptr<arrow::Field> ToArrowField(const std::string& name, const model::DataType& type);
std::shared_ptr<arrow::Schema> ToArrowSchema(const model::Schema& schema);

/// Body compression of an ARROW log batch.
struct ArrowCompression {
  std::string type = "ZSTD";  // NONE, LZ4_FRAME, ZSTD
  int32_t zstd_level = 3;
};

/// One encapsulated record batch message without schema. `batch`: the table's columns in schema
/// order.
Result<Bytes> EncodeArrowMessage(const arrow::RecordBatch& batch,
                                 const ArrowCompression& compression);

/// Reads an encapsulated record batch message; `schema` as ToArrowSchema makes it. Copies the
/// message once to align it. Errors: kCorruptRecord.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeArrowMessage(
    ByteView message, const std::shared_ptr<arrow::Schema>& schema);

/// The rows of a log batch of any log format, decoded with the schema it was written with.
struct DecodedBatch {
  std::shared_ptr<arrow::RecordBatch> rows;
  std::vector<ChangeType> changes;  // empty when every row is kAppendOnly
};
Result<DecodedBatch> DecodeLogBatch(const LogBatchView& batch, model::LogFormat format,
                                    const model::Schema& schema);

/// The payload of an append-only log batch in `format`. `rows`: the table's columns in schema
/// order.
Result<Bytes> EncodeLogPayload(const arrow::RecordBatch& rows, model::LogFormat format,
                               const model::Schema& schema, const ArrowCompression& compression);

/// Appends one value to a builder made for `type`. Errors: kInvalidArgument.
Status AppendValue(const model::DataType& type, const Value& value, arrow::ArrayBuilder& builder);
/// The same for a STRING or BYTES that is at hand as its bytes.
Status AppendText(const model::DataType& type, ByteView text, arrow::ArrayBuilder& builder);
/// The value at `row` of an array that has the Arrow type of `type`.
Result<Value> ValueAt(const model::DataType& type, const arrow::Array& array, int64_t row);

/// Translates an Arrow status; `what` goes in front of its text.
Status FromArrow(const arrow::Status& status, const char* what);

}  // namespace strom::record
