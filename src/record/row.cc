#include "record/row.h"

#include <bit>

#include "base/coding.h"
#include "record/fixed_value_internal.h"

namespace strom::record {
namespace {

using model::DataType;
using model::RowField;
using model::TypeRoot;

constexpr int kMaxDepth = 32;

std::unexpected<Error> Mismatch(const DataType& type) {
  return Err(ErrorCode::kInvalidArgument, "a value does not fit its type {}", type.ToString());
}
std::unexpected<Error> Damaged(const char* what) {
  return Err(ErrorCode::kCorrupt, "row: {}", what);
}

template <class T>
bool Fits(const Value& value) {
  return std::holds_alternative<T>(value.data);
}

/// The C++ alternative that a type's values must have.
bool HasShape(const DataType& type, const Value& value) {
  switch (type.root) {
    case TypeRoot::kBoolean: return Fits<bool>(value);
    case TypeRoot::kTinyInt:
    case TypeRoot::kSmallInt:
    case TypeRoot::kInt:
    case TypeRoot::kBigInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime: return Fits<int64_t>(value);
    case TypeRoot::kFloat: return Fits<float>(value);
    case TypeRoot::kDouble: return Fits<double>(value);
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return Fits<std::string>(value);
    case TypeRoot::kDecimal: return Fits<Decimal>(value);
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: return Fits<Timestamp>(value);
    case TypeRoot::kArray:
    case TypeRoot::kRow: return Fits<Nested>(value);
    case TypeRoot::kMap: return Fits<Nested>(value) && value.As<Nested>().size() % 2 == 0;
  }
  return false;
}

Status CheckShapes(Types types, const Row& row) {
  if (types.size() != row.size()) {
    return Err(ErrorCode::kInvalidArgument, "a row of {} values has {} types", row.size(),
               types.size());
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (!row[i].is_null() && !HasShape(types[i], row[i])) return Mismatch(types[i]);
  }
  return {};
}

std::vector<DataType> FieldTypes(const DataType& type) {
  std::vector<DataType> types;
  for (const RowField& field : type.fields) types.push_back(field.type);
  return types;
}

size_t NullBytes(size_t fields) {
  return (fields + 7) / 8;
}
bool BitAt(ByteView bits, size_t i) {
  return (static_cast<uint8_t>(bits[i / 8]) >> (i % 8) & 1) != 0;
}
void SetBit(char* bits, size_t i) {
  bits[i / 8] = static_cast<char>(static_cast<uint8_t>(bits[i / 8]) | 1U << (i % 8));
}

Bytes NullBits(const Row& row) {
  Bytes bits(NullBytes(row.size()), '\0');
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null()) SetBit(bits.data(), i);
  }
  return bits;
}

// ---- nested values
// --------------------------------------------------------------------------------------------------

using RowEncoder = Result<Bytes> (*)(Types, const Row&);
using RowDecoder = Result<Row> (*)(Types, ByteView, int depth);

size_t RoundTo8(size_t size) {
  return (size + 7) & ~size_t{7};
}
void PadTo8(Bytes& out) {
  out.resize(RoundTo8(out.size()));
}

/// Where a slot that holds an offset points: a part appended to `out` and padded to eight bytes.
void AppendPart(Bytes& out, size_t slot, ByteView part, uint32_t low) {
  const auto offset = static_cast<uint32_t>(out.size());
  StoreLe<uint32_t>(out.data() + slot, low);
  StoreLe<uint32_t>(out.data() + slot + 4, offset);
  out.append(part);
  PadTo8(out);
}

Result<Bytes> EncodeNested(const DataType& type, const Value& value, RowEncoder encode_row);

/// Writes `value` into the eight-byte slot at `slot` of `out`, appending a variable part where
/// needed.
Status FillSlot(const DataType& type, const Value& value, Bytes& out, size_t slot,
                RowEncoder encode_row) {
  if (const auto fixed = FixedBytes(type, value)) {
    std::memcpy(out.data() + slot, fixed->data(), fixed->size());
    return {};
  }
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: {
      const std::string& text = value.As<std::string>();
      if (text.size() > 7) {
        AppendPart(out, slot, text, static_cast<uint32_t>(text.size()));
      } else {
        std::memcpy(out.data() + slot, text.data(), text.size());
        out[slot + 7] = static_cast<char>(0x80 | text.size());
      }
      return {};
    }
    case TypeRoot::kDecimal: {
      Bytes raw = UnscaledBytes(value.As<Decimal>().unscaled);
      const auto length = static_cast<uint32_t>(raw.size());
      raw.resize(16);
      AppendPart(out, slot, raw, length);
      return {};
    }
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      Bytes raw;
      AppendLe(raw, value.As<Timestamp>().millis);
      AppendPart(out, slot, raw, static_cast<uint32_t>(value.As<Timestamp>().nanos));
      return {};
    }
    default: {
      STROM_ASSIGN(const Bytes nested, EncodeNested(type, value, encode_row));
      AppendPart(out, slot, nested, static_cast<uint32_t>(nested.size()));
      return {};
    }
  }
}

/// What AlignedNulls::kReserveSpace keeps for a null.
size_t ReservedBytes(const DataType& type) {
  if (type.root == TypeRoot::kDecimal && !IsCompactDecimal(type)) return 16;
  const bool is_time = type.root == TypeRoot::kTimestamp || type.root == TypeRoot::kTimestampLtz;
  return is_time && !IsCompactTimestamp(type) ? 8 : 0;
}

Result<Bytes> EncodeArray(const DataType& element, const Nested& items, RowEncoder encode_row) {
  const size_t width = FixedWidth(element) == 0 ? 8 : FixedWidth(element);
  const size_t header = 4 + (items.size() + 31) / 32 * 4;
  Bytes out(RoundTo8(header + width * items.size()), '\0');
  StoreLe<int32_t>(out.data(), static_cast<int32_t>(items.size()));
  for (size_t i = 0; i < items.size(); ++i) {
    const size_t slot = header + i * width;
    if (items[i].is_null()) {
      SetBit(out.data() + 4, i);
    } else if (!HasShape(element, items[i])) {
      return Mismatch(element);
    } else {
      STROM_TRY(FillSlot(element, items[i], out, slot, encode_row));
    }
  }
  return out;
}

Result<Bytes> EncodeNested(const DataType& type, const Value& value, RowEncoder encode_row) {
  const Nested& items = value.As<Nested>();
  if (type.root == TypeRoot::kArray) return EncodeArray(type.element(), items, encode_row);
  if (type.root == TypeRoot::kRow) return encode_row(FieldTypes(type), items);
  Nested keys;
  Nested values;
  for (size_t i = 0; i < items.size(); ++i) (i % 2 == 0 ? keys : values).push_back(items[i]);
  STROM_ASSIGN(const Bytes key_array, EncodeArray(type.key(), keys, encode_row));
  STROM_ASSIGN(const Bytes value_array, EncodeArray(type.value(), values, encode_row));
  Bytes out;
  AppendLe(out, static_cast<int32_t>(key_array.size()));
  return out + key_array + value_array;
}

Result<Value> DecodeNested(const DataType& type, ByteView bytes, RowDecoder decode_row, int depth);

Result<ByteView> PartAt(ByteView whole, uint32_t offset, uint32_t length) {
  if (offset > whole.size() || length > whole.size() - offset)
    return Damaged("a field points outside the row");
  return whole.substr(offset, length);
}

/// Reads the slot at `slot` of `whole`, following its offset.
Result<Value> ReadSlot(const DataType& type, ByteView whole, size_t slot, RowDecoder decode_row,
                       int depth) {
  if (const size_t width = FixedWidth(type); width != 0) {
    if (slot + width > whole.size()) return Damaged("a fixed field is cut");
    Reader in(whole.substr(slot, width));
    return ReadFixed(type, in);
  }
  if (slot + 8 > whole.size()) return Damaged("a slot is cut");
  const auto low = LoadLe<uint32_t>(whole.data() + slot);
  const auto high = LoadLe<uint32_t>(whole.data() + slot + 4);
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: {
      if (high & 0x80000000U)
        return Value{std::string(whole.substr(slot, std::min<size_t>((high >> 24) & 0x7f, 7)))};
      STROM_ASSIGN(const ByteView text, PartAt(whole, high, low));
      return Value{std::string(text)};
    }
    case TypeRoot::kDecimal: {
      if (low == 0 || low > 16) return Damaged("a decimal has no valid length");
      STROM_ASSIGN(const ByteView raw, PartAt(whole, high, low));
      return Value{Decimal{FromUnscaledBytes(raw)}};
    }
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      STROM_ASSIGN(const ByteView raw, PartAt(whole, high, 8));
      return Value{Timestamp{LoadLe<int64_t>(raw.data()), static_cast<int32_t>(low)}};
    }
    default: {
      STROM_ASSIGN(const ByteView raw, PartAt(whole, high, low));
      return DecodeNested(type, raw, decode_row, depth + 1);
    }
  }
}

Result<Nested> DecodeArray(const DataType& element, ByteView bytes, RowDecoder decode_row,
                           int depth) {
  if (bytes.size() < 4) return Damaged("an array is cut");
  const auto count = LoadLe<uint32_t>(bytes.data());
  const size_t width = FixedWidth(element) == 0 ? 8 : FixedWidth(element);
  const size_t header = 4 + (size_t{count} + 31) / 32 * 4;
  if (count > bytes.size() || header + width * count > bytes.size())
    return Damaged("an array is cut");
  Nested items;
  items.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (BitAt(bytes.substr(4), i)) {
      items.emplace_back();
      continue;
    }
    STROM_ASSIGN(Value item, ReadSlot(element, bytes, header + i * width, decode_row, depth));
    items.push_back(std::move(item));
  }
  return items;
}

Result<Value> DecodeNested(const DataType& type, ByteView bytes, RowDecoder decode_row, int depth) {
  if (depth > kMaxDepth) return Damaged("values are nested too deeply");
  if (type.root == TypeRoot::kArray) {
    STROM_ASSIGN(Nested items, DecodeArray(type.element(), bytes, decode_row, depth));
    return Value{std::move(items)};
  }
  if (type.root == TypeRoot::kRow) {
    STROM_ASSIGN(Row row, decode_row(FieldTypes(type), bytes, depth));
    return Value{std::move(row)};
  }
  if (bytes.size() < 4) return Damaged("a map is cut");
  const auto key_size = LoadLe<uint32_t>(bytes.data());
  if (key_size > bytes.size() - 4) return Damaged("a map is cut");
  STROM_ASSIGN(Nested keys, DecodeArray(type.key(), bytes.substr(4, key_size), decode_row, depth));
  STROM_ASSIGN(Nested values,
               DecodeArray(type.value(), bytes.substr(4 + key_size), decode_row, depth));
  if (keys.size() != values.size()) return Damaged("a map has unequal numbers of keys and values");
  Nested items;
  for (size_t i = 0; i < keys.size(); ++i) {
    items.push_back(std::move(keys[i]));
    items.push_back(std::move(values[i]));
  }
  return Value{std::move(items)};
}

// ---- compacted
// ------------------------------------------------------------------------------------------------------

uint64_t AsUint32(int64_t value) {
  return static_cast<uint32_t>(static_cast<int32_t>(value));
}

void AppendSized(Bytes& out, ByteView bytes) {
  AppendVarint(out, bytes.size());
  out.append(bytes);
}

Status AppendCompacted(const DataType& type, const Value& value, Bytes& out) {
  switch (type.root) {
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime: AppendVarint(out, AsUint32(value.As<int64_t>())); return {};
    case TypeRoot::kBigInt:
      AppendVarint(out, static_cast<uint64_t>(value.As<int64_t>()));
      return {};
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: AppendSized(out, value.As<std::string>()); return {};
    case TypeRoot::kDecimal:
      if (IsCompactDecimal(type)) {
        AppendVarint(out,
                     static_cast<uint64_t>(static_cast<int64_t>(value.As<Decimal>().unscaled)));
      } else {
        AppendSized(out, UnscaledBytes(value.As<Decimal>().unscaled));
      }
      return {};
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz:
      AppendVarint(out, static_cast<uint64_t>(value.As<Timestamp>().millis));
      if (!IsCompactTimestamp(type)) AppendVarint(out, AsUint32(value.As<Timestamp>().nanos));
      return {};
    case TypeRoot::kArray:
    case TypeRoot::kMap:
    case TypeRoot::kRow: {
      STROM_ASSIGN(const Bytes nested, EncodeNested(type, value, EncodeCompactedRow));
      AppendSized(out, nested);
      return {};
    }
    default: out += *FixedBytes(type, value); return {};
  }
}

/// The bytes of the field at the front of `in`, without the length that some have in front.
ByteView TakeCompacted(const DataType& type, ByteView whole, Reader& in) {
  const size_t from = in.position();
  switch (type.root) {
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime:
    case TypeRoot::kBigInt: in.Varint(); break;
    case TypeRoot::kDecimal:
      if (!IsCompactDecimal(type)) return in.Take(in.Varint());
      in.Varint();
      break;
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz:
      in.Varint();
      if (!IsCompactTimestamp(type)) in.Varint();
      break;
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes:
    case TypeRoot::kArray:
    case TypeRoot::kMap:
    case TypeRoot::kRow: return in.Take(in.Varint());
    default: return in.Take(FixedWidth(type));
  }
  return whole.substr(from, in.position() - from);
}

Result<Row> DecodeCompacted(Types types, ByteView bytes, int depth);

/// The value of what TakeCompacted took.
Result<Value> FromCompacted(const DataType& type, ByteView field, int depth) {
  Reader in(field);
  switch (type.root) {
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime:
      return Value{int64_t{static_cast<int32_t>(static_cast<uint32_t>(in.Varint()))}};
    case TypeRoot::kBigInt: return Value{static_cast<int64_t>(in.Varint())};
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return Value{std::string(field)};
    case TypeRoot::kDecimal:
      if (IsCompactDecimal(type)) return Value{Decimal{static_cast<int64_t>(in.Varint())}};
      return Value{Decimal{FromUnscaledBytes(field)}};
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      Timestamp time{static_cast<int64_t>(in.Varint()), 0};
      if (!IsCompactTimestamp(type)) time.nanos = static_cast<int32_t>(in.Varint());
      return Value{time};
    }
    case TypeRoot::kArray:
    case TypeRoot::kMap:
    case TypeRoot::kRow: return DecodeNested(type, field, DecodeCompacted, depth + 1);
    default: return ReadFixed(type, in);
  }
}

/// Decodes the fields that `split` finds with `decode`.
template <class Split, class Decode>
Result<Row> DecodeFields(Types types, ByteView bytes, int depth, Split split, Decode decode) {
  Fields fields;
  STROM_TRY(split(types, bytes, fields));
  Row row(types.size());
  for (size_t i = 0; i < types.size(); ++i) {
    if (!fields[i]) continue;
    STROM_ASSIGN(row[i], decode(types[i], *fields[i], depth));
  }
  return row;
}

Result<Row> DecodeCompacted(Types types, ByteView bytes, int depth) {
  return DecodeFields(types, bytes, depth, SplitCompactedRow, FromCompacted);
}

// ---- indexed
// --------------------------------------------------------------------------------------------------------

bool IsVariableInIndexed(const DataType& type) {
  return type.root == TypeRoot::kString || type.root == TypeRoot::kBytes || IsNested(type.root) ||
         (type.root == TypeRoot::kDecimal && !IsCompactDecimal(type));
}

Result<Bytes> IndexedBytes(const DataType& type, const Value& value) {
  if (auto fixed = FixedBytes(type, value)) return std::move(*fixed);
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kBinary: {
      Bytes padded = value.As<std::string>();
      const auto length = static_cast<size_t>(type.length);
      if (padded.size() > length) {
        return Err(ErrorCode::kInvalidArgument, "a value of {} bytes is longer than {}",
                   padded.size(), type.ToString());
      }
      padded.resize(length);
      return padded;
    }
    case TypeRoot::kString:
    case TypeRoot::kBytes: return value.As<std::string>();
    case TypeRoot::kDecimal: return UnscaledBytes(value.As<Decimal>().unscaled);
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      Bytes out;
      AppendLe(out, value.As<Timestamp>().millis);
      AppendLe(out, value.As<Timestamp>().nanos);
      return out;
    }
    default: return EncodeNested(type, value, EncodeIndexedRow);
  }
}

std::string WithoutTrailingZeros(ByteView bytes) {
  const size_t end = bytes.find_last_not_of('\0');
  return std::string(bytes.substr(0, end == ByteView::npos ? 0 : end + 1));
}

Result<Row> DecodeIndexed(Types types, ByteView bytes, int depth);

Result<Value> FromIndexed(const DataType& type, ByteView field, int depth) {
  Reader in(field);
  switch (type.root) {
    case TypeRoot::kString:
    case TypeRoot::kBytes: return Value{std::string(field)};
    case TypeRoot::kChar:
    case TypeRoot::kBinary: return Value{WithoutTrailingZeros(field)};
    case TypeRoot::kDecimal:
      if (!IsCompactDecimal(type)) return Value{Decimal{FromUnscaledBytes(field)}};
      return ReadFixed(type, in);
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      if (FixedWidth(type) != 0) return ReadFixed(type, in);
      const auto millis = in.Le<int64_t>();
      return Value{Timestamp{millis, in.Le<int32_t>()}};
    }
    case TypeRoot::kArray:
    case TypeRoot::kMap:
    case TypeRoot::kRow: return DecodeNested(type, field, DecodeIndexed, depth + 1);
    default: return ReadFixed(type, in);
  }
}

Result<Row> DecodeIndexed(Types types, ByteView bytes, int depth) {
  return DecodeFields(types, bytes, depth, SplitIndexedRow, FromIndexed);
}

// ---- aligned
// --------------------------------------------------------------------------------------------------------

Result<Bytes> EncodeNestedAlignedRow(Types types, const Row& row) {
  return EncodeAlignedRow(types, row);
}

size_t AlignedNullBytes(size_t fields) {
  return (fields + 63 + 8) / 64 * 8;
}

Result<Row> DecodeAligned(Types types, ByteView bytes, int depth) {
  const size_t header = AlignedNullBytes(types.size());
  if (bytes.size() < header + types.size() * 8) return Damaged("the fixed part is cut");
  Row row;
  for (size_t i = 0; i < types.size(); ++i) {
    if (BitAt(bytes, i + 8)) {
      row.emplace_back();
      continue;
    }
    STROM_ASSIGN(Value value, ReadSlot(types[i], bytes, header + i * 8, DecodeAligned, depth));
    row.push_back(std::move(value));
  }
  return row;
}

}  // namespace

Result<Bytes> EncodeCompactedRow(Types types, const Row& row) {
  STROM_TRY(CheckShapes(types, row));
  Bytes out = NullBits(row);
  for (size_t i = 0; i < row.size(); ++i) {
    if (!row[i].is_null()) STROM_TRY(AppendCompacted(types[i], row[i], out));
  }
  return out;
}

Result<Row> DecodeCompactedRow(Types types, ByteView bytes) {
  return DecodeCompacted(types, bytes, 0);
}

Status SplitCompactedRow(Types types, ByteView bytes, Fields& fields) {
  fields.assign(types.size(), std::nullopt);
  Reader in(bytes);
  const ByteView nulls = in.Take(NullBytes(types.size()));
  if (!in.ok()) return Damaged("the null bits are cut");
  for (size_t i = 0; i < types.size(); ++i) {
    if (!BitAt(nulls, i)) fields[i] = TakeCompacted(types[i], bytes, in);
  }
  if (!in.ok()) return Damaged("a field is cut");
  return {};
}

Result<Value> DecodeCompactedField(const DataType& type, ByteView field) {
  return FromCompacted(type, field, 0);
}

Result<Bytes> EncodeIndexedRow(Types types, const Row& row) {
  STROM_TRY(CheckShapes(types, row));
  Bytes lengths;
  Bytes fields;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null()) continue;
    STROM_ASSIGN(const Bytes field, IndexedBytes(types[i], row[i]));
    if (IsVariableInIndexed(types[i])) AppendLe(lengths, static_cast<int32_t>(field.size()));
    fields += field;
  }
  lengths.resize(static_cast<size_t>(std::ranges::count_if(types, IsVariableInIndexed)) * 4);
  return NullBits(row) + lengths + fields;
}

Result<Row> DecodeIndexedRow(Types types, ByteView bytes) {
  return DecodeIndexed(types, bytes, 0);
}

Status SplitIndexedRow(Types types, ByteView bytes, Fields& fields) {
  fields.assign(types.size(), std::nullopt);
  Reader in(bytes);
  const ByteView nulls = in.Take(NullBytes(types.size()));
  const auto variable = static_cast<size_t>(std::ranges::count_if(types, IsVariableInIndexed));
  Reader lengths(in.Take(variable * 4));
  if (!in.ok()) return Damaged("the header is cut");
  for (size_t i = 0; i < types.size(); ++i) {
    const DataType& type = types[i];
    if (BitAt(nulls, i)) continue;
    if (IsVariableInIndexed(type)) {
      fields[i] = in.Take(lengths.Le<uint32_t>());
    } else if (type.root == TypeRoot::kChar || type.root == TypeRoot::kBinary) {
      fields[i] = in.Take(static_cast<uint64_t>(type.length));
    } else {
      const size_t width = FixedWidth(type);
      fields[i] = in.Take(width != 0 ? width : sizeof(int64_t) + sizeof(int32_t));
    }
  }
  if (!in.ok()) return Damaged("a field is cut");
  return {};
}

Result<Value> DecodeIndexedField(const DataType& type, ByteView field) {
  return FromIndexed(type, field, 0);
}

Result<Bytes> EncodeAlignedRow(Types types, const Row& row, AlignedNulls nulls) {
  STROM_TRY(CheckShapes(types, row));
  const size_t header = AlignedNullBytes(types.size());
  Bytes out(header + types.size() * 8, '\0');
  for (size_t i = 0; i < row.size(); ++i) {
    const size_t slot = header + i * 8;
    if (!row[i].is_null()) {
      STROM_TRY(FillSlot(types[i], row[i], out, slot, EncodeNestedAlignedRow));
      continue;
    }
    SetBit(out.data(), i + 8);
    const size_t reserved = nulls == AlignedNulls::kReserveSpace ? ReservedBytes(types[i]) : 0;
    if (reserved != 0) AppendPart(out, slot, Bytes(reserved, '\0'), 0);
  }
  return out;
}

Result<Row> DecodeAlignedRow(Types types, ByteView bytes) {
  return DecodeAligned(types, bytes, 0);
}

Result<Bytes> EncodeCompactedKey(Types types, const Row& row) {
  STROM_TRY(CheckShapes(types, row));
  Bytes out;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].is_null()) return Err(ErrorCode::kInvalidArgument, "a key column is null");
    STROM_TRY(AppendCompacted(types[i], row[i], out));
  }
  return out;
}

Result<Row> DecodeCompactedKey(Types types, ByteView bytes) {
  Reader in(bytes);
  Row row;
  for (const DataType& type : types) {
    const ByteView field = TakeCompacted(type, bytes, in);
    if (!in.ok()) break;
    STROM_ASSIGN(Value value, FromCompacted(type, field, 0));
    row.push_back(std::move(value));
  }
  if (!in.ok() || !in.done()) return Damaged("a key is cut or too long");
  return row;
}

}  // namespace strom::record
