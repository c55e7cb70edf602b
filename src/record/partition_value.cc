#include "record/partition_value.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/bytes.h"

namespace strom::record {
namespace {

using model::TypeRoot;
namespace chr = std::chrono;

std::string DateText(int64_t days) {
  const chr::year_month_day date{chr::sys_days{chr::days{days}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

/// Java's toString of a floating point number, with '_' for its point.
template <class Float>
std::string FloatText(Float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Inf" : "-Inf";
  if (value == 0) return std::signbit(value) ? "-0_0" : "0_0";
  char digits[64];
  auto scientific =
      std::to_chars(digits, digits + sizeof digits, std::abs(value), std::chars_format::scientific);
  // Java gives two digits at least, the nearest two: 4.9E-324 where one would do (5E-324).
  if (std::string_view(digits, scientific.ptr).find('.') == std::string_view::npos) {
    scientific = std::to_chars(digits, digits + sizeof digits, std::abs(value),
                               std::chars_format::scientific, 1);
  }
  std::string mantissa(digits, scientific.ptr);
  const size_t e = mantissa.find('e');
  const int exponent = std::stoi(mantissa.substr(e + 1));
  mantissa.resize(e);
  std::erase(mantissa, '.');
  if (mantissa.size() == 2 && mantissa[1] == '0') mantissa.resize(1);
  std::string text;
  if (exponent >= 7 || exponent < -3) {
    text = mantissa.substr(0, 1) + "_" + (mantissa.size() > 1 ? mantissa.substr(1) : "0") + "E" +
           std::to_string(exponent);
  } else if (exponent < 0) {
    text = "0_" + std::string(static_cast<size_t>(-exponent - 1), '0') + mantissa;
  } else {
    const auto whole = static_cast<size_t>(exponent) + 1;
    if (mantissa.size() < whole) mantissa.resize(whole, '0');
    text =
        mantissa.substr(0, whole) + "_" + (mantissa.size() > whole ? mantissa.substr(whole) : "0");
  }
  return value < 0 ? "-" + text : text;
}

std::string TimestampText(const Timestamp& time) {
  const auto point = chr::sys_time<chr::milliseconds>(chr::milliseconds(time.millis));
  const auto day = chr::floor<chr::days>(point);
  const chr::hh_mm_ss clock{chr::floor<chr::seconds>(point - day)};
  const int64_t millis = (point - chr::floor<chr::seconds>(point)).count();
  std::string fraction = fmt::format("{:03}{:06}", millis, time.nanos);
  fraction.resize(fraction.find_last_not_of('0') + 1);
  return fmt::format("{}-{:02}-{:02}-{:02}_{}", DateText(day.time_since_epoch().count()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     fraction);
}

}  // namespace

Result<std::string> PartitionText(const model::DataType& type, const Value& value) {
  if (value.is_null()) return Err(ErrorCode::kInvalidArgument, "a partition key is null");
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString: return value.As<std::string>();
    case TypeRoot::kBoolean: return value.As<bool>() ? "true" : "false";
    case TypeRoot::kTinyInt:
    case TypeRoot::kSmallInt:
    case TypeRoot::kInt:
    case TypeRoot::kBigInt: return std::to_string(value.As<int64_t>());
    case TypeRoot::kDate: return DateText(value.As<int64_t>());
    case TypeRoot::kTime: {
      const int64_t millis = value.As<int64_t>();
      return fmt::format("{:02}-{:02}-{:02}_{:03}", millis / 3600000, millis / 60000 % 60,
                         millis / 1000 % 60, millis % 1000);
    }
    case TypeRoot::kFloat: return FloatText(value.As<float>());
    case TypeRoot::kDouble: return FloatText(value.As<double>());
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return ToHex(value.As<std::string>());
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: return TimestampText(value.As<Timestamp>());
    default:
      return Err(ErrorCode::kInvalidArgument, "{} cannot be a partition key", type.ToString());
  }
}

Result<Value> PartitionValueFromText(const model::DataType& type, const std::string& text) {
  const auto bad = [&] {
    return Err(ErrorCode::kCorrupt, "'{}' is no partition value of type {}", text, type.ToString());
  };
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString: return Value{text};
    case TypeRoot::kBoolean:
      if (text != "true" && text != "false") return bad();
      return Value{text == "true"};
    case TypeRoot::kTinyInt:
    case TypeRoot::kSmallInt:
    case TypeRoot::kInt:
    case TypeRoot::kBigInt: {
      int64_t number = 0;
      const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (fault != std::errc() || end != text.data() + text.size()) return bad();
      return Value{number};
    }
    case TypeRoot::kDate: {
      int year = 0;
      unsigned month = 0;
      unsigned day = 0;
      if (std::sscanf(text.c_str(), "%d-%u-%u", &year, &month, &day) != 3) return bad();
      const chr::year_month_day date{chr::year{year}, chr::month{month}, chr::day{day}};
      if (!date.ok()) return bad();
      return Value{int64_t{chr::sys_days{date}.time_since_epoch().count()}};
    }
    default:
      return Err(ErrorCode::kUnsupported,
                 "partition keys of type {} cannot be read back from their text", type.ToString());
  }
}

}  // namespace strom::record
