#include "record/arrow_batch.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/table_builder.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>
#include <arrow/util/decimal.h>

#include "base/check.h"
#include "record/arrow_layout.h"
#include "record/row.h"
#include "record/zstd_codec_internal.h"

namespace strom::record {
namespace {

using model::DataType;
using model::TypeRoot;

arrow::TimeUnit::type UnitOf(int32_t precision) {
  if (precision == 0) return arrow::TimeUnit::SECOND;
  if (precision <= 3) return arrow::TimeUnit::MILLI;
  return precision <= 6 ? arrow::TimeUnit::MICRO : arrow::TimeUnit::NANO;
}

int64_t FromTimestamp(const Timestamp& time, arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return time.millis / 1000;
    case arrow::TimeUnit::MILLI: return time.millis;
    case arrow::TimeUnit::MICRO: return ToMicros(time);
    case arrow::TimeUnit::NANO: return ToNanos(time);
  }
  return 0;
}

Timestamp ToTimestamp(int64_t value, arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return {static_cast<int64_t>(static_cast<uint64_t>(value) * 1000), 0};
    case arrow::TimeUnit::MILLI: return {value, 0};
    case arrow::TimeUnit::MICRO: return FromMicros(value);
    case arrow::TimeUnit::NANO: return FromNanos(value);
  }
  return {};
}

/// Milliseconds of the day to and from the unit of a TIME column.
int64_t TimeFactor(int32_t precision) {
  return precision <= 3 ? 1 : precision <= 6 ? 1000 : 1000000;
}

template <class Builder>
Builder& As(arrow::ArrayBuilder& builder) {
  return static_cast<Builder&>(builder);
}

Status AppendNested(const DataType& type, const Nested& items, arrow::ArrayBuilder& builder) {
  if (type.root == TypeRoot::kArray) {
    auto& list = As<arrow::ListBuilder>(builder);
    STROM_TRY(FromArrow(list.Append(), "append"));
    for (const Value& item : items)
      STROM_TRY(AppendValue(type.element(), item, *list.value_builder()));
    return {};
  }
  if (type.root == TypeRoot::kMap) {
    auto& map = As<arrow::MapBuilder>(builder);
    STROM_TRY(FromArrow(map.Append(), "append"));
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      STROM_TRY(AppendValue(type.key(), items[i], *map.key_builder()));
      STROM_TRY(AppendValue(type.value(), items[i + 1], *map.item_builder()));
    }
    return {};
  }
  auto& row = As<arrow::StructBuilder>(builder);
  STROM_TRY(FromArrow(row.Append(), "append"));
  for (size_t i = 0; i < items.size(); ++i) {
    STROM_TRY(AppendValue(type.fields[i].type, items[i], *row.field_builder(static_cast<int>(i))));
  }
  return {};
}

arrow::Status AppendPlain(const DataType& type, const Value& value, arrow::ArrayBuilder& builder) {
  switch (type.root) {
    case TypeRoot::kBoolean: return As<arrow::BooleanBuilder>(builder).Append(value.As<bool>());
    case TypeRoot::kTinyInt:
      return As<arrow::Int8Builder>(builder).Append(static_cast<int8_t>(value.As<int64_t>()));
    case TypeRoot::kSmallInt:
      return As<arrow::Int16Builder>(builder).Append(static_cast<int16_t>(value.As<int64_t>()));
    case TypeRoot::kInt:
      return As<arrow::Int32Builder>(builder).Append(static_cast<int32_t>(value.As<int64_t>()));
    case TypeRoot::kBigInt: return As<arrow::Int64Builder>(builder).Append(value.As<int64_t>());
    case TypeRoot::kFloat: return As<arrow::FloatBuilder>(builder).Append(value.As<float>());
    case TypeRoot::kDouble: return As<arrow::DoubleBuilder>(builder).Append(value.As<double>());
    case TypeRoot::kChar:
    case TypeRoot::kString:
      return As<arrow::StringBuilder>(builder).Append(value.As<std::string>());
    case TypeRoot::kBytes: return As<arrow::BinaryBuilder>(builder).Append(value.As<std::string>());
    case TypeRoot::kBinary: {
      std::string padded = value.As<std::string>();
      padded.resize(static_cast<size_t>(type.length));
      return As<arrow::FixedSizeBinaryBuilder>(builder).Append(padded);
    }
    case TypeRoot::kDate:
      return As<arrow::Date32Builder>(builder).Append(static_cast<int32_t>(value.As<int64_t>()));
    case TypeRoot::kTime: {
      const int64_t millis = value.As<int64_t>();
      if (type.precision == 0)
        return As<arrow::Time32Builder>(builder).Append(static_cast<int32_t>(millis / 1000));
      if (type.precision <= 3)
        return As<arrow::Time32Builder>(builder).Append(static_cast<int32_t>(millis));
      return As<arrow::Time64Builder>(builder).Append(millis * TimeFactor(type.precision));
    }
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz:
      return As<arrow::TimestampBuilder>(builder).Append(
          FromTimestamp(value.As<Timestamp>(), UnitOf(type.precision)));
    case TypeRoot::kDecimal: {
      const __int128 unscaled = value.As<Decimal>().unscaled;
      return As<arrow::Decimal128Builder>(builder).Append(
          arrow::Decimal128(static_cast<int64_t>(unscaled >> 64), static_cast<uint64_t>(unscaled)));
    }
    default: return arrow::Status::Invalid("a nested type is no plain one");
  }
}

template <class ArrayType>
auto Get(const arrow::Array& array, int64_t row) {
  return static_cast<const ArrayType&>(array).Value(row);
}

template <class ArrayType>
std::string GetText(const arrow::Array& array, int64_t row) {
  return std::string(static_cast<const ArrayType&>(array).GetView(row));
}

Result<Value> NestedAt(const DataType& type, const arrow::Array& array, int64_t row) {
  Nested items;
  if (type.root == TypeRoot::kRow) {
    const auto& rows = static_cast<const arrow::StructArray&>(array);
    for (size_t i = 0; i < type.fields.size(); ++i) {
      STROM_ASSIGN(Value item, ValueAt(type.fields[i].type, *rows.field(static_cast<int>(i)), row));
      items.push_back(std::move(item));
    }
    return Value{std::move(items)};
  }
  const auto& list = static_cast<const arrow::ListArray&>(array);  // a MapArray is one
  const int64_t end = list.value_offset(row) + list.value_length(row);
  for (int64_t i = list.value_offset(row); i < end; ++i) {
    if (type.root == TypeRoot::kArray) {
      STROM_ASSIGN(Value item, ValueAt(type.element(), *list.values(), i));
      items.push_back(std::move(item));
    } else {
      const auto& map = static_cast<const arrow::MapArray&>(array);
      STROM_ASSIGN(Value key, ValueAt(type.key(), *map.keys(), i));
      STROM_ASSIGN(Value value, ValueAt(type.value(), *map.items(), i));
      items.push_back(std::move(key));
      items.push_back(std::move(value));
    }
  }
  return Value{std::move(items)};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowsToArrow(const std::vector<RawRecord>& records,
                                                        model::LogFormat format,
                                                        const model::Schema& schema) {
  std::vector<DataType> types;
  for (const model::Column& column : schema.columns) types.push_back(column.type);
  const auto arrow_schema = ToArrowSchema(schema);
  auto builder = arrow::RecordBatchBuilder::Make(arrow_schema, arrow::default_memory_pool(),
                                                 static_cast<int64_t>(records.size()));
  STROM_TRY(FromArrow(builder.status(), "build rows"));
  for (const RawRecord& record : records) {
    STROM_ASSIGN(const Row row, format == model::LogFormat::kIndexed
                                    ? DecodeIndexedRow(types, record.row)
                                    : DecodeCompactedRow(types, record.row));
    for (size_t i = 0; i < types.size(); ++i) {
      STROM_TRY(AppendValue(types[i], row[i], *(*builder)->GetField(static_cast<int>(i))));
    }
  }
  auto batch = (*builder)->Flush();
  STROM_TRY(FromArrow(batch.status(), "build rows"));
  return *batch;
}

}  // namespace

Status FromArrow(const arrow::Status& status, const char* what) {
  if (status.ok()) return {};
  // The cause that the system gave, which the message may lack.
  const std::string detail = status.detail() == nullptr ? "" : " " + status.detail()->ToString();
  return Err(status.IsIOError() ? ErrorCode::kIo : ErrorCode::kCorruptRecord, "{}: {}{}", what,
             status.message(), detail);
}

std::shared_ptr<arrow::DataType> ToArrowType(const DataType& type) {
  switch (type.root) {
    case TypeRoot::kBoolean: return arrow::boolean();
    case TypeRoot::kTinyInt: return arrow::int8();
    case TypeRoot::kSmallInt: return arrow::int16();
    case TypeRoot::kInt: return arrow::int32();
    case TypeRoot::kBigInt: return arrow::int64();
    case TypeRoot::kFloat: return arrow::float32();
    case TypeRoot::kDouble: return arrow::float64();
    case TypeRoot::kChar:
    case TypeRoot::kString: return arrow::utf8();
    case TypeRoot::kBinary: return arrow::fixed_size_binary(type.length);
    case TypeRoot::kBytes: return arrow::binary();
    case TypeRoot::kDecimal: return arrow::decimal128(type.precision, type.scale);
    case TypeRoot::kDate: return arrow::date32();
    case TypeRoot::kTime:
      return type.precision <= 3 ? arrow::time32(UnitOf(type.precision))
                                 : arrow::time64(UnitOf(type.precision));
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: return arrow::timestamp(UnitOf(type.precision));
    case TypeRoot::kArray: return arrow::list(ToArrowField("element", type.element()));
    case TypeRoot::kMap:
      return std::make_shared<arrow::MapType>(ToArrowField("key", type.key()),
                                              ToArrowField("value", type.value()));
    case TypeRoot::kRow: {
      arrow::FieldVector fields;
      for (const model::RowField& field : type.fields)
        fields.push_back(ToArrowField(field.name, field.type));
      return arrow::struct_(fields);
    }
  }
  return nullptr;
}

std::shared_ptr<arrow::Field> ToArrowField(const std::string& name, const DataType& type) {
  return arrow::field(name, ToArrowType(type), type.nullable);
}

std::shared_ptr<arrow::Schema> ToArrowSchema(const model::Schema& schema) {
  arrow::FieldVector fields;
  for (const model::Column& column : schema.columns)
    fields.push_back(ToArrowField(column.name, column.type));
  return arrow::schema(std::move(fields));
}

Result<Bytes> EncodeArrowMessage(const arrow::RecordBatch& batch,
                                 const ArrowCompression& compression) {
  arrow::ipc::IpcWriteOptions options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  // A batch of a few rows would only grow, at the price of a compressor for each buffer.
  constexpr int64_t kWorthwhileBytes = 512;
  const bool large = arrow::util::TotalBufferSize(batch) >= kWorthwhileBytes;
  if (compression.type == "ZSTD" && large) {
    options.codec = std::make_shared<ZstdOfThread>(compression.zstd_level);
  } else if (compression.type != "NONE" && large) {
    auto codec = arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME);
    STROM_TRY(FromArrow(codec.status(), "compression"));
    options.codec = std::move(*codec);
  }
  auto buffer = arrow::ipc::SerializeRecordBatch(batch, options);
  STROM_TRY(FromArrow(buffer.status(), "encode rows"));
  return Bytes(reinterpret_cast<const char*>((*buffer)->data()),
               static_cast<size_t>((*buffer)->size()));
}

Result<std::shared_ptr<arrow::RecordBatch>> DecodeArrowMessage(
    ByteView message, const std::shared_ptr<arrow::Schema>& schema) {
  STROM_ASSIGN(const ArrowLayout layout, ReadArrowLayout(message));
  const auto copy = [](ByteView bytes) -> arrow::Result<std::shared_ptr<arrow::Buffer>> {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                          arrow::AllocateBuffer(static_cast<int64_t>(bytes.size())));
    std::memcpy(buffer->mutable_data(), bytes.data(), bytes.size());
    return buffer;
  };
  const auto head = copy(message.substr(8, static_cast<size_t>(layout.body_at) - 8));
  STROM_TRY(FromArrow(head.status(), "read rows"));
  const auto body = copy(
      message.substr(static_cast<size_t>(layout.body_at), static_cast<size_t>(layout.body_bytes)));
  STROM_TRY(FromArrow(body.status(), "read rows"));
  const auto opened = arrow::ipc::Message::Open(*head, *body);
  STROM_TRY(FromArrow(opened.status(), "read rows"));
  arrow::ipc::IpcReadOptions options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  const arrow::ipc::DictionaryMemo memo;
  const auto batch = arrow::ipc::ReadRecordBatch(**opened, schema, &memo, options);
  STROM_TRY(FromArrow(batch.status(), "read rows"));
  STROM_TRY(FromArrow((*batch)->Validate(), "read rows"));
  return *batch;
}

Result<DecodedBatch> DecodeLogBatch(const LogBatchView& batch, model::LogFormat format,
                                    const model::Schema& schema) {
  DecodedBatch decoded;
  const auto rows = static_cast<size_t>(batch.record_count());
  if (rows == 0) {
    auto empty = arrow::RecordBatch::MakeEmpty(ToArrowSchema(schema));
    STROM_TRY(FromArrow(empty.status(), "empty batch"));
    decoded.rows = *empty;
    return decoded;
  }
  if (format != model::LogFormat::kArrow) {
    STROM_ASSIGN(const std::vector<RawRecord> records, RawRecords(batch));
    if (!batch.append_only()) {
      for (const RawRecord& record : records) decoded.changes.push_back(record.change_type);
    }
    STROM_ASSIGN(decoded.rows, RowsToArrow(records, format, schema));
    return decoded;
  }
  ByteView payload = batch.payload();
  if (!batch.append_only()) {
    if (payload.size() < rows)
      return Err(ErrorCode::kCorruptRecord, "the change types of a log batch are cut");
    for (const char code : payload.substr(0, rows)) {
      if (static_cast<uint8_t>(code) > 4)
        return Err(ErrorCode::kCorruptRecord, "a log batch has an unknown change type");
      decoded.changes.push_back(static_cast<ChangeType>(code));
    }
    payload.remove_prefix(rows);
  }
  STROM_ASSIGN(decoded.rows, DecodeArrowMessage(payload, ToArrowSchema(schema)));
  if (decoded.rows->num_rows() != batch.record_count()) {
    return Err(ErrorCode::kCorruptRecord, "a log batch of {} records holds {} rows",
               batch.record_count(), decoded.rows->num_rows());
  }
  return decoded;
}

Result<Bytes> EncodeLogPayload(const arrow::RecordBatch& rows, model::LogFormat format,
                               const model::Schema& schema, const ArrowCompression& compression) {
  if (rows.num_rows() == 0) return Bytes();
  if (format == model::LogFormat::kArrow) return EncodeArrowMessage(rows, compression);
  std::vector<DataType> types;
  for (const model::Column& column : schema.columns) types.push_back(column.type);
  Bytes payload;
  for (int64_t r = 0; r < rows.num_rows(); ++r) {
    Row row;
    for (size_t i = 0; i < types.size(); ++i) {
      STROM_ASSIGN(Value value, ValueAt(types[i], *rows.column(static_cast<int>(i)), r));
      row.push_back(std::move(value));
    }
    STROM_ASSIGN(const Bytes encoded, format == model::LogFormat::kIndexed
                                          ? EncodeIndexedRow(types, row)
                                          : EncodeCompactedRow(types, row));
    AppendRawRecord(payload, ChangeType::kAppendOnly, encoded);
  }
  return payload;
}

Status AppendValue(const DataType& type, const Value& value, arrow::ArrayBuilder& builder) {
  if (value.is_null()) return FromArrow(builder.AppendNull(), "append");
  if (IsNested(type.root)) return AppendNested(type, value.As<Nested>(), builder);
  return FromArrow(AppendPlain(type, value, builder), "append");
}

Status AppendText(const DataType& type, ByteView text, arrow::ArrayBuilder& builder) {
  return FromArrow(type.root == TypeRoot::kBytes ? As<arrow::BinaryBuilder>(builder).Append(text)
                                                 : As<arrow::StringBuilder>(builder).Append(text),
                   "append");
}

Result<Value> ValueAt(const DataType& type, const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return Value{};
  switch (type.root) {
    case TypeRoot::kBoolean: return Value{Get<arrow::BooleanArray>(array, row)};
    case TypeRoot::kTinyInt: return Value{int64_t{Get<arrow::Int8Array>(array, row)}};
    case TypeRoot::kSmallInt: return Value{int64_t{Get<arrow::Int16Array>(array, row)}};
    case TypeRoot::kInt: return Value{int64_t{Get<arrow::Int32Array>(array, row)}};
    case TypeRoot::kBigInt: return Value{Get<arrow::Int64Array>(array, row)};
    case TypeRoot::kFloat: return Value{Get<arrow::FloatArray>(array, row)};
    case TypeRoot::kDouble: return Value{Get<arrow::DoubleArray>(array, row)};
    case TypeRoot::kChar:
    case TypeRoot::kString: return Value{GetText<arrow::StringArray>(array, row)};
    case TypeRoot::kBytes: return Value{GetText<arrow::BinaryArray>(array, row)};
    case TypeRoot::kBinary: return Value{GetText<arrow::FixedSizeBinaryArray>(array, row)};
    case TypeRoot::kDate: return Value{int64_t{Get<arrow::Date32Array>(array, row)}};
    case TypeRoot::kTime:
      if (type.precision == 0) return Value{int64_t{Get<arrow::Time32Array>(array, row)} * 1000};
      if (type.precision <= 3) return Value{int64_t{Get<arrow::Time32Array>(array, row)}};
      return Value{Get<arrow::Time64Array>(array, row) / TimeFactor(type.precision)};
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz:
      return Value{ToTimestamp(Get<arrow::TimestampArray>(array, row), UnitOf(type.precision))};
    case TypeRoot::kDecimal: {
      const arrow::Decimal128 decimal(
          static_cast<const arrow::Decimal128Array&>(array).GetValue(row));
      const auto high = static_cast<unsigned __int128>(static_cast<uint64_t>(decimal.high_bits()));
      return Value{Decimal{static_cast<__int128>(high << 64 | decimal.low_bits())}};
    }
    default: return NestedAt(type, array, row);
  }
}

}  // namespace strom::record
