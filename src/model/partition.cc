#include "model/partition.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>

#include "base/coding.h"
#include "base/text.h"

namespace strom::model {
namespace {

namespace chr = std::chrono;

/// Reads the 64-bit part of a TZif file (RFC 8536): the offset in force at `seconds`.
Result<int64_t> OffsetFromZoneFile(const std::string& zone, int64_t seconds) {
  const std::string path = zone.empty() ? "/etc/localtime" : "/usr/share/zoneinfo/" + zone;
  std::ifstream file(path, std::ios::binary);
  const Bytes content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || content.size() < 44 || !content.starts_with("TZif")) {
    if (zone.empty()) return 0;  // a machine without a zone keeps UTC
    return Err(ErrorCode::kInvalidConfig, "'{}' is no known time zone", zone);
  }
  const auto counts_at = [&](size_t header) {
    std::array<uint32_t, 6> counts;  // isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt
    for (size_t i = 0; i < 6; ++i)
      counts[i] = LoadBe<uint32_t>(content.data() + header + 20 + i * 4);
    return counts;
  };
  const auto v1 = counts_at(0);
  const uint64_t second =
      44 + uint64_t{v1[3]} * 5 + uint64_t{v1[4]} * 6 + v1[5] + uint64_t{v1[2]} * 8 + v1[1] + v1[0];
  if (content.size() < second + 44)
    return Err(ErrorCode::kInvalidConfig, "time zone file {} is damaged", path);
  const auto v2 = counts_at(second);
  const uint64_t times = second + 44;
  const uint64_t types = times + uint64_t{v2[3]} * 8;
  const uint64_t infos = types + v2[3];
  if (content.size() < infos + uint64_t{v2[4]} * 6 || v2[4] == 0) {
    return Err(ErrorCode::kInvalidConfig, "time zone file {} is damaged", path);
  }
  size_t type = 0;
  for (uint64_t i = 0; i < v2[3] && LoadBe<int64_t>(content.data() + times + i * 8) <= seconds;
       ++i) {
    type = static_cast<uint8_t>(content[types + i]);
  }
  if (type >= v2[4]) return Err(ErrorCode::kInvalidConfig, "time zone file {} is damaged", path);
  return LoadBe<int32_t>(content.data() + infos + type * 6);
}

/// "+08:00", "GMT-3", "UTC+05:30"; nothing when `zone` is no fixed offset.
std::optional<int64_t> FixedOffset(const std::string& zone) {
  std::string_view text = zone;
  for (const std::string_view prefix : {"UTC", "GMT", "UT", "Z"}) {
    if (text == prefix) return 0;
    if (text.starts_with(prefix)) {
      text.remove_prefix(prefix.size());
      break;
    }
  }
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  int hours = 0;
  int minutes = 0;
  const char* const end = text.data() + text.size();
  const auto [after_hours, hours_fault] = std::from_chars(text.data() + 1, end, hours);
  if (hours_fault != std::errc() || hours > 18) return std::nullopt;
  if (after_hours != end) {
    const auto [after, fault] = std::from_chars(after_hours + 1, end, minutes);
    if (*after_hours != ':' || fault != std::errc() || after != end || minutes > 59)
      return std::nullopt;
  }
  const int64_t offset = hours * 3600 + minutes * 60;
  return text[0] == '-' ? -offset : offset;
}

struct Format {
  const char* pattern;
  size_t digits;
};

Format FormatOf(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kYear: return {"yyyy", 4};
    case TimeUnit::kQuarter: return {"yyyyQ", 5};
    case TimeUnit::kMonth: return {"yyyyMM", 6};
    case TimeUnit::kDay: return {"yyyyMMdd", 8};
    case TimeUnit::kHour: return {"yyyyMMddHH", 10};
  }
  return {"", 0};
}

bool IsTimeValue(const std::string& value, TimeUnit unit) {
  if (value.size() != FormatOf(unit).digits) return false;
  if (!std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) return false;
  const auto number = [&](size_t at, size_t size) { return std::stoi(value.substr(at, size)); };
  if (unit == TimeUnit::kQuarter) return number(4, 1) >= 1 && number(4, 1) <= 4;
  if (unit == TimeUnit::kYear) return true;
  const unsigned month = static_cast<unsigned>(number(4, 2));
  if (month < 1 || month > 12) return false;
  if (unit == TimeUnit::kMonth) return true;
  const chr::year_month_day date{chr::year{number(0, 4)}, chr::month{month},
                                 chr::day{static_cast<unsigned>(number(6, 2))}};
  return date.ok() && (unit == TimeUnit::kDay || number(8, 2) < 24);
}

}  // namespace

std::string PartitionName(const std::vector<std::string>& values) {
  return Join(values, "$");
}

Result<std::vector<std::string>> PartitionValues(const std::string& name, size_t keys) {
  std::vector<std::string> values = Split(name, '$');
  if (values.size() != keys) {
    return Err(ErrorCode::kPartitionSpecInvalid,
               "partition '{}' has {} values, the table has {} partition keys", name, values.size(),
               keys);
  }
  return values;
}

Result<std::vector<std::string>> ResolvePartition(
    const TableDescriptor& descriptor,
    const std::vector<std::pair<std::string, std::string>>& spec) {
  if (!descriptor.partitioned())
    return Err(ErrorCode::kTableNotPartitioned, "the table is not partitioned");
  if (spec.size() != descriptor.partition_keys.size()) {
    return Err(ErrorCode::kPartitionSpecInvalid,
               "the partition names {} keys, the table has {}: {}", spec.size(),
               descriptor.partition_keys.size(), Join(descriptor.partition_keys, ", "));
  }
  std::vector<std::string> values;
  for (const std::string& key : descriptor.partition_keys) {
    const auto it = std::ranges::find(spec, key, &std::pair<std::string, std::string>::first);
    if (it == spec.end())
      return Err(ErrorCode::kPartitionSpecInvalid, "the partition has no value for key '{}'", key);
    STROM_TRY(CheckName(it->second, "partition value", ErrorCode::kPartitionSpecInvalid));
    values.push_back(it->second);
  }
  return values;
}

Result<int64_t> ZoneOffsetSeconds(const std::string& time_zone, Millis now) {
  if (const auto fixed = FixedOffset(time_zone)) return *fixed;
  const bool safe = std::ranges::all_of(time_zone, [](char c) { return c != '.' && c != '\0'; }) &&
                    !time_zone.starts_with('/');
  if (!safe) return Err(ErrorCode::kInvalidConfig, "'{}' is no known time zone", time_zone);
  return OffsetFromZoneFile(time_zone, now / 1000);
}

Result<std::string> AutoPartitionValue(Millis now, TimeUnit unit, const std::string& time_zone,
                                       int32_t steps) {
  STROM_ASSIGN(const int64_t offset, ZoneOffsetSeconds(time_zone, now));
  chr::sys_seconds local{chr::floor<chr::seconds>(chr::milliseconds(now + offset * 1000))};
  if (unit == TimeUnit::kHour) local += chr::hours(steps);
  if (unit == TimeUnit::kDay) local += chr::days(steps);
  const auto day = chr::floor<chr::days>(local);
  chr::year_month_day date{day};
  const chr::hh_mm_ss time{local - day};
  if (unit == TimeUnit::kMonth)
    date = chr::year_month_day{date.year() / date.month() / 1} + chr::months(steps);
  if (unit == TimeUnit::kQuarter)
    date = chr::year_month_day{date.year() / date.month() / 1} + chr::months(3 * steps);
  if (unit == TimeUnit::kYear) date = chr::year_month_day{date.year() / 1 / 1} + chr::years(steps);
  const int year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month());
  switch (unit) {
    case TimeUnit::kYear: return fmt::format("{:04}", year);
    case TimeUnit::kQuarter: return fmt::format("{:04}{}", year, (month - 1) / 3 + 1);
    case TimeUnit::kMonth: return fmt::format("{:04}{:02}", year, month);
    case TimeUnit::kDay:
      return fmt::format("{:04}{:02}{:02}", year, month, static_cast<unsigned>(date.day()));
    case TimeUnit::kHour:
      return fmt::format("{:04}{:02}{:02}{:02}", year, month, static_cast<unsigned>(date.day()),
                         time.hours().count());
  }
  return std::string();
}

Status CheckAutoPartitionValue(const std::string& value, const AutoPartition& automatic,
                               Millis now) {
  if (!IsTimeValue(value, automatic.unit)) {
    return Err(ErrorCode::kPartitionSpecInvalid,
               "'{}' is no value of an auto-created partition, which has the form {}", value,
               FormatOf(automatic.unit).pattern);
  }
  if (automatic.retention < 0) return {};
  STROM_ASSIGN(const std::string oldest,
               AutoPartitionValue(now, automatic.unit, automatic.time_zone, -automatic.retention));
  if (value < oldest) {
    return Err(ErrorCode::kPartitionSpecInvalid,
               "'{}' is past its retention: partitions before {} are dropped", value, oldest);
  }
  return {};
}

}  // namespace strom::model
