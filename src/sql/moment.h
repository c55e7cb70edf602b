#pragma once
#include <map>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace strom::sql {

/// A moment as statements spell it: "2025-06-01", "2025-06-01 12:30:00.5" (UTC), or milliseconds
/// since 1970. Errors: kInvalidArgument.
Result<Millis> ParseMoment(const std::string& text);

/// Where a scan of a stream begins: `scan.startup.mode`.
struct StartingPoint {
  enum class Kind { kFull, kEarliest, kLatest, kTimestamp } kind = Kind::kFull;
  Millis timestamp = 0;  // of kTimestamp
};
/// Errors: kInvalidArgument (an unknown mode, a timestamp that is missing or no time).
Result<StartingPoint> StartingPointIn(const std::map<std::string, std::string>& hints);

}  // namespace strom::sql
