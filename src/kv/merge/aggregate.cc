// The aggregate functions of Apache Fluss 0.9 as its server was seen to compute them: a null on one
// side is ignored, integers wrap, a decimal sum that no longer fits fails the write, a product that
// does not becomes null.
#include "kv/merge/aggregate.h"

#include <cmath>
#include <memory>

#include <arrow/util/decimal.h>
#include <roaring/roaring.h>

namespace strom::kv {
namespace {

using model::Column;
using model::DataType;
using model::TypeRoot;
using record::Decimal;
using record::Timestamp;
using record::Value;

Result<Value> LastValue(const Column&, const Value&, const Value& incoming) {
  return incoming;
}
Result<Value> LastNonNull(const Column&, const Value& stored, const Value& incoming) {
  return incoming.is_null() ? stored : incoming;
}
Result<Value> FirstNonNull(const Column&, const Value& stored, const Value& incoming) {
  return stored.is_null() ? incoming : stored;
}

/// Wraps for functions that ignore a null on either side.
using Combine = Result<Value> (*)(const Column&, const Value&, const Value&);
template <Combine combine>
Result<Value> IgnoringNulls(const Column& column, const Value& stored, const Value& incoming) {
  if (stored.is_null()) return incoming;
  if (incoming.is_null()) return stored;
  return combine(column, stored, incoming);
}

/// `value` as the column's integer type would wrap it.
int64_t Wrapped(const DataType& type, uint64_t value) {
  switch (type.root) {
    case TypeRoot::kTinyInt: return static_cast<int8_t>(value);
    case TypeRoot::kSmallInt: return static_cast<int16_t>(value);
    case TypeRoot::kInt: return static_cast<int32_t>(value);
    default: return static_cast<int64_t>(value);
  }
}

arrow::Decimal256 Wide(__int128 value) {
  return arrow::Decimal256(
      arrow::Decimal128(static_cast<int64_t>(value >> 64), static_cast<uint64_t>(value)));
}

/// A decimal of the column's scale, or null when it has too many digits.
Value Fitted(const DataType& type, const arrow::Decimal256& unscaled) {
  if (!unscaled.FitsInPrecision(type.precision)) return {};
  const auto words = unscaled.little_endian_array();
  return Value{
      Decimal{static_cast<__int128>(static_cast<unsigned __int128>(words[1]) << 64 | words[0])}};
}

struct Plus {
  template <class T>
  static T Of(T a, T b) {
    return a + b;
  }
  static Result<Value> Of(const DataType& type, const Decimal& a, const Decimal& b) {
    const arrow::Decimal256 sum = Wide(a.unscaled) + Wide(b.unscaled);
    Value fitted = Fitted(type, sum);
    if (fitted.is_null()) {
      return Err(ErrorCode::kUnknownServerError, "the sum {} does not fit {}",
                 sum.ToString(type.scale), type.ToString());
    }
    return fitted;
  }
};
struct Times {
  template <class T>
  static T Of(T a, T b) {
    return a * b;
  }
  static Result<Value> Of(const DataType& type, const Decimal& a, const Decimal& b) {
    return Fitted(type,
                  (Wide(a.unscaled) * Wide(b.unscaled)).ReduceScaleBy(type.scale, /*round=*/true));
  }
};

template <class Operation>
Result<Value> Arithmetic(const Column& column, const Value& stored, const Value& incoming) {
  const DataType& type = column.type;
  switch (type.root) {
    case TypeRoot::kFloat: return Value{Operation::Of(stored.As<float>(), incoming.As<float>())};
    case TypeRoot::kDouble: return Value{Operation::Of(stored.As<double>(), incoming.As<double>())};
    case TypeRoot::kDecimal:
      return Operation::Of(type, stored.As<Decimal>(), incoming.As<Decimal>());
    default:
      return Value{Wrapped(type, Operation::Of(static_cast<uint64_t>(stored.As<int64_t>()),
                                               static_cast<uint64_t>(incoming.As<int64_t>())))};
  }
}

/// As Java compares: NaN is above everything, -0 below 0.
template <class T>
bool FloatLess(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  return a < b || (a == b && std::signbit(a) && !std::signbit(b));
}

bool Less(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<int64_t>(&a.data)) return *x < b.As<int64_t>();
  if (const auto* x = std::get_if<float>(&a.data)) return FloatLess(*x, b.As<float>());
  if (const auto* x = std::get_if<double>(&a.data)) return FloatLess(*x, b.As<double>());
  if (const auto* x = std::get_if<std::string>(&a.data)) return *x < b.As<std::string>();
  if (const auto* x = std::get_if<Decimal>(&a.data)) return x->unscaled < b.As<Decimal>().unscaled;
  if (const auto* x = std::get_if<Timestamp>(&a.data)) {
    const auto& y = b.As<Timestamp>();
    return std::pair(x->millis, x->nanos) < std::pair(y.millis, y.nanos);
  }
  return false;
}

Result<Value> Max(const Column&, const Value& stored, const Value& incoming) {
  return Less(stored, incoming) ? incoming : stored;
}
Result<Value> Min(const Column&, const Value& stored, const Value& incoming) {
  return Less(incoming, stored) ? incoming : stored;
}
Result<Value> And(const Column&, const Value& stored, const Value& incoming) {
  return Value{stored.As<bool>() && incoming.As<bool>()};
}
Result<Value> Or(const Column&, const Value& stored, const Value& incoming) {
  return Value{stored.As<bool>() || incoming.As<bool>()};
}

Result<Value> Listed(const Column& column, const Value& stored, const Value& incoming) {
  const auto& parameters = column.agg_function->parameters;
  const auto it = parameters.find("delimiter");
  const std::string delimiter = it == parameters.end() ? "," : it->second;
  return Value{stored.As<std::string>() + delimiter + incoming.As<std::string>()};
}

struct FreeBitmap {
  void operator()(roaring_bitmap_t* bitmap) const { roaring_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<roaring_bitmap_t, FreeBitmap>;

Result<Bitmap> ReadBitmap(const Column& column, const std::string& bytes) {
  Bitmap bitmap(roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size()));
  if (!bitmap) {
    return Err(ErrorCode::kInvalidArgument, "column '{}': {} bytes are no 32-bit Roaring bitmap",
               column.name, bytes.size());
  }
  return bitmap;
}

Result<Value> BitmapUnion(const Column& column, const Value& stored, const Value& incoming) {
  STROM_ASSIGN(const Bitmap all, ReadBitmap(column, stored.As<std::string>()));
  STROM_ASSIGN(const Bitmap more, ReadBitmap(column, incoming.As<std::string>()));
  roaring_bitmap_or_inplace(all.get(), more.get());
  roaring_bitmap_run_optimize(all.get());
  std::string bytes(roaring_bitmap_portable_size_in_bytes(all.get()), '\0');
  roaring_bitmap_portable_serialize(all.get(), bytes.data());
  return Value{std::move(bytes)};
}

struct Function {
  const char* name;
  Aggregate aggregate;
};
constexpr Function kFunctions[] = {
    {"sum", IgnoringNulls<Arithmetic<Plus>>},
    {"product", IgnoringNulls<Arithmetic<Times>>},
    {"max", IgnoringNulls<Max>},
    {"min", IgnoringNulls<Min>},
    {"last_value", LastValue},
    {"last_value_ignore_nulls", LastNonNull},
    {"first_value", FirstNonNull},
    {"first_value_ignore_nulls", FirstNonNull},
    {"listagg", IgnoringNulls<Listed>},
    {"string_agg", IgnoringNulls<Listed>},
    {"bool_and", IgnoringNulls<And>},
    {"bool_or", IgnoringNulls<Or>},
    {"rbm32", IgnoringNulls<BitmapUnion>},
};

}  // namespace

Result<Aggregate> AggregateOf(const Column& column) {
  if (!column.agg_function) return LastNonNull;
  const auto* const it = std::ranges::find_if(
      kFunctions, [&](const Function& f) { return column.agg_function->type == f.name; });
  if (it == std::end(kFunctions)) {
    return Err(ErrorCode::kInvalidConfig, "column '{}': aggregate function '{}' is not supported",
               column.name, column.agg_function->type);
  }
  return it->aggregate;
}

}  // namespace strom::kv
