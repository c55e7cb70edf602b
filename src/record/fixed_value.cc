#include "record/fixed_value_internal.h"

namespace strom::record {

using model::DataType;
using model::TypeRoot;

std::optional<Bytes> FixedBytes(const DataType& type, const Value& value) {
  Bytes out;
  switch (type.root) {
    case TypeRoot::kBoolean: out.push_back(value.As<bool>() ? 1 : 0); return out;
    case TypeRoot::kTinyInt: AppendLe(out, static_cast<int8_t>(value.As<int64_t>())); return out;
    case TypeRoot::kSmallInt: AppendLe(out, static_cast<int16_t>(value.As<int64_t>())); return out;
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime: AppendLe(out, static_cast<int32_t>(value.As<int64_t>())); return out;
    case TypeRoot::kBigInt: AppendLe(out, value.As<int64_t>()); return out;
    case TypeRoot::kFloat: AppendLe(out, value.As<float>()); return out;
    case TypeRoot::kDouble: AppendLe(out, value.As<double>()); return out;
    case TypeRoot::kDecimal:
      if (!IsCompactDecimal(type)) return std::nullopt;
      AppendLe(out, static_cast<int64_t>(value.As<Decimal>().unscaled));
      return out;
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz:
      if (!IsCompactTimestamp(type)) return std::nullopt;
      AppendLe(out, value.As<Timestamp>().millis);
      return out;
    default: return std::nullopt;
  }
}

size_t FixedWidth(const DataType& type) {
  switch (type.root) {
    case TypeRoot::kBoolean:
    case TypeRoot::kTinyInt: return 1;
    case TypeRoot::kSmallInt: return 2;
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime:
    case TypeRoot::kFloat: return 4;
    case TypeRoot::kBigInt:
    case TypeRoot::kDouble: return 8;
    case TypeRoot::kDecimal: return IsCompactDecimal(type) ? 8 : 0;
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: return IsCompactTimestamp(type) ? 8 : 0;
    default: return 0;
  }
}

Value ReadFixed(const DataType& type, Reader& in) {
  switch (type.root) {
    case TypeRoot::kBoolean: return {in.Le<uint8_t>() != 0};
    case TypeRoot::kTinyInt: return {int64_t{in.Le<int8_t>()}};
    case TypeRoot::kSmallInt: return {int64_t{in.Le<int16_t>()}};
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime: return {int64_t{in.Le<int32_t>()}};
    case TypeRoot::kBigInt: return {in.Le<int64_t>()};
    case TypeRoot::kFloat: return {in.Le<float>()};
    case TypeRoot::kDouble: return {in.Le<double>()};
    case TypeRoot::kDecimal: return {Decimal{in.Le<int64_t>()}};
    default: return {Timestamp{in.Le<int64_t>(), 0}};
  }
}

}  // namespace strom::record
