#include "model/duration.h"

#include <charconv>

#include "base/text.h"

namespace strom::model {
namespace {

struct Unit {
  const char* name;
  double factor;
};

constexpr Unit kTimeUnits[] = {
    {"d", 86400000},       {"day", 86400000},      {"days", 86400000},   {"h", 3600000},
    {"hour", 3600000},     {"hours", 3600000},     {"m", 60000},         {"min", 60000},
    {"minute", 60000},     {"minutes", 60000},     {"s", 1000},          {"sec", 1000},
    {"secs", 1000},        {"second", 1000},       {"seconds", 1000},    {"ms", 1},
    {"milli", 1},          {"millis", 1},          {"millisecond", 1},   {"milliseconds", 1},
    {"us", 1e-3},          {"µs", 1e-3},           {"micro", 1e-3},      {"micros", 1e-3},
    {"microsecond", 1e-3}, {"microseconds", 1e-3}, {"ns", 1e-6},         {"nano", 1e-6},
    {"nanos", 1e-6},       {"nanosecond", 1e-6},   {"nanoseconds", 1e-6}};

constexpr double kKi = 1024;
constexpr Unit kMemoryUnits[] = {{"", 1},
                                 {"b", 1},
                                 {"bytes", 1},
                                 {"k", kKi},
                                 {"kb", kKi},
                                 {"kibibytes", kKi},
                                 {"m", kKi* kKi},
                                 {"mb", kKi* kKi},
                                 {"mebibytes", kKi* kKi},
                                 {"g", kKi* kKi* kKi},
                                 {"gb", kKi* kKi* kKi},
                                 {"gibibytes", kKi* kKi* kKi},
                                 {"t", kKi* kKi* kKi* kKi},
                                 {"tb", kKi* kKi* kKi* kKi},
                                 {"tebibytes", kKi* kKi* kKi* kKi}};

Result<int64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units,
                              const char* what) {
  const std::string_view trimmed = Trim(text);
  int64_t number = 0;
  const auto [end, fault] =
      std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number);
  const std::string unit = ToLower(Trim(std::string_view(end, trimmed.data() + trimmed.size())));
  if (fault == std::errc()) {
    for (const Unit& candidate : units) {
      if (unit != candidate.name) continue;
      const double value = static_cast<double>(number) * candidate.factor;
      if (value > 9.2e18 || value < -9.2e18)
        return Err(ErrorCode::kInvalidConfig, "'{}' is out of range", text);
      return candidate.factor >= 1 ? number * static_cast<int64_t>(candidate.factor)
                                   : static_cast<int64_t>(value);
    }
  }
  return Err(ErrorCode::kInvalidConfig, "'{}' is no {}", text, what);
}

/// The ISO form PnDTnHnMnS.
Result<Millis> ParseIsoDuration(std::string_view text) {
  Millis total = 0;
  bool in_time = false;
  for (size_t i = 1; i < text.size();) {
    if (text[i] == 'T') {
      in_time = true;
      ++i;
      continue;
    }
    int64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data() + i, text.data() + text.size(), number);
    const auto at = static_cast<size_t>(end - text.data());
    if (fault != std::errc() || at >= text.size()) break;
    const char unit = text[at];
    if (unit == 'D' && !in_time)
      total += number * 86400000;
    else if (unit == 'H' && in_time)
      total += number * 3600000;
    else if (unit == 'M' && in_time)
      total += number * 60000;
    else if (unit == 'S' && in_time)
      total += number * 1000;
    else
      break;
    i = at + 1;
    if (i == text.size()) return total;
  }
  return Err(ErrorCode::kInvalidConfig, "'{}' is no duration", text);
}

}  // namespace

Result<Millis> ParseDuration(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  if (trimmed.starts_with('P')) return ParseIsoDuration(trimmed);
  return ParseWithUnit(trimmed, kTimeUnits, "duration; write for example 30s, 3min or 7d");
}

Result<int64_t> ParseMemorySize(std::string_view text) {
  return ParseWithUnit(text, kMemoryUnits, "size; write for example 4kb, 64mb or 1gb");
}

Result<int64_t> ParseInteger(std::string_view text, int64_t low, int64_t high) {
  const std::string_view trimmed = Trim(text);
  int64_t number = 0;
  const auto [end, fault] =
      std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number);
  if (fault != std::errc() || end != trimmed.data() + trimmed.size()) {
    return Err(ErrorCode::kInvalidConfig, "'{}' is no whole number", text);
  }
  if (number < low || number > high) {
    return Err(ErrorCode::kInvalidConfig, "{} is outside {} to {}", number, low, high);
  }
  return number;
}

Result<bool> ParseBool(std::string_view text) {
  const std::string lower = ToLower(Trim(text));
  if (lower == "true") return true;
  if (lower == "false") return false;
  return Err(ErrorCode::kInvalidConfig, "'{}' is neither true nor false", text);
}

}  // namespace strom::model
