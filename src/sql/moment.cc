#include "sql/moment.h"

#include <chrono>
#include <optional>

#include "base/text.h"
#include "model/duration.h"

namespace strom::sql {
namespace {

/// The number in `text` at [from, from + size), all digits.
std::optional<int> Digits(const std::string& text, size_t from, size_t size) {
  if (from + size > text.size()) return std::nullopt;
  const auto value = model::ParseInteger(text.substr(from, size), 0, 9999);
  return value && text.find_first_not_of("0123456789", from) >= from + size
             ? std::optional(static_cast<int>(*value))
             : std::nullopt;
}

}  // namespace

Result<Millis> ParseMoment(const std::string& given) {
  const std::string text(Trim(given));
  const auto bad = [&] {
    return Err(ErrorCode::kInvalidArgument,
               "'{}' is no time; write '2025-06-01 12:30:00' (UTC) or milliseconds since 1970",
               given);
  };
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    const auto millis = model::ParseInteger(text, 0, INT64_MAX);
    return millis ? Result<Millis>(*millis) : bad();
  }
  const auto year = Digits(text, 0, 4);
  const auto month = Digits(text, 5, 2);
  const auto day = Digits(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return bad();
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return bad();
  Millis moment = std::chrono::duration_cast<std::chrono::milliseconds>(
                      std::chrono::sys_days(date).time_since_epoch())
                      .count();
  if (text.size() == 10) return moment;
  const auto hour = Digits(text, 11, 2);
  const auto minute = Digits(text, 14, 2);
  if ((text[10] != ' ' && text[10] != 'T') || !hour || !minute || *hour > 23 || *minute > 59 ||
      text[13] != ':')
    return bad();
  moment += (*hour * 60 + *minute) * 60'000;
  if (text.size() == 16) return moment;
  const auto second = Digits(text, 17, 2);
  if (text[16] != ':' || !second || *second > 59) return bad();
  moment += *second * 1000;
  if (text.size() == 19) return moment;
  const std::string fraction = text.substr(20);
  if (text[19] != '.' || fraction.empty() || fraction.size() > 9 ||
      fraction.find_first_not_of("0123456789") != std::string::npos)
    return bad();
  const auto millis = model::ParseInteger((fraction + "00").substr(0, 3), 0, 999);
  return millis ? Result<Millis>(moment + *millis) : bad();
}

Result<StartingPoint> StartingPointIn(const std::map<std::string, std::string>& hints) {
  StartingPoint point;
  const auto mode = hints.find("scan.startup.mode");
  if (mode == hints.end()) return point;
  using Kind = StartingPoint::Kind;
  if (mode->second == "full" || mode->second == "initial") return point;
  if (mode->second == "earliest") {
    point.kind = Kind::kEarliest;
  } else if (mode->second == "latest") {
    point.kind = Kind::kLatest;
  } else if (mode->second == "timestamp") {
    const auto timestamp = hints.find("scan.startup.timestamp");
    if (timestamp == hints.end()) {
      return Err(ErrorCode::kInvalidArgument,
                 "scan.startup.mode 'timestamp' needs scan.startup.timestamp");
    }
    point.kind = Kind::kTimestamp;
    STROM_ASSIGN(point.timestamp, ParseMoment(timestamp->second));
  } else {
    return Err(ErrorCode::kInvalidArgument,
               "scan.startup.mode '{}': there are full, earliest, latest and timestamp",
               mode->second);
  }
  return point;
}

}  // namespace strom::sql
