#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/data_type.h"

namespace strom::record {

/// An unscaled decimal; precision and scale are the type's.
struct Decimal {
  __int128 unscaled = 0;
  bool operator==(const Decimal&) const = default;
};

/// A point in time: milliseconds since 1970 and nanoseconds within the millisecond (0 to 999,999).
struct Timestamp {
  int64_t millis = 0;
  int32_t nanos = 0;
  bool operator==(const Timestamp&) const = default;
};

/// Microseconds and nanoseconds since 1970; what does not fit wraps around, as Java's does.
inline int64_t ToMicros(const Timestamp& time) {
  return static_cast<int64_t>(static_cast<uint64_t>(time.millis) * 1000 +
                              static_cast<uint64_t>(time.nanos / 1000));
}
inline int64_t ToNanos(const Timestamp& time) {
  return static_cast<int64_t>(static_cast<uint64_t>(time.millis) * 1'000'000 +
                              static_cast<uint64_t>(time.nanos));
}
/// The inverses.
inline Timestamp FromUnits(int64_t value, int64_t units_per_milli) {
  int64_t rest = value % units_per_milli;
  if (rest < 0) rest += units_per_milli;
  const int64_t millis = value / units_per_milli - (value % units_per_milli < 0 ? 1 : 0);
  return {millis, static_cast<int32_t>(rest * (1'000'000 / units_per_milli))};
}
inline Timestamp FromMicros(int64_t micros) {
  return FromUnits(micros, 1000);
}
inline Timestamp FromNanos(int64_t nanos) {
  return FromUnits(nanos, 1'000'000);
}

struct Value;
/// Elements of an ARRAY, fields of a ROW, or keys and values of a MAP in turn.
using Nested = std::vector<Value>;

/// One value of a row. Integers, DATE (days) and TIME (milliseconds of the day) are int64; CHAR,
/// STRING, BINARY and BYTES are strings. monostate is NULL.
struct Value {
  std::variant<std::monostate, bool, int64_t, float, double, std::string, Decimal, Timestamp,
               Nested>
      data;

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  template <class T>
  const T& As() const {
    return std::get<T>(data);
  }
  bool operator==(const Value&) const = default;
};

using Row = std::vector<Value>;

/// The shortest big-endian two's complement form, as Java's BigInteger gives it.
std::string UnscaledBytes(__int128 unscaled);
/// The inverse; more than 16 bytes are cut.
__int128 FromUnscaledBytes(std::string_view bytes);

}  // namespace strom::record
