#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace strom::model {

/// "30s", "3 min", "7d", "100 ms", "PT10M"; a number needs a unit. Below a millisecond rounds down.
/// Errors: kInvalidConfig.
Result<Millis> ParseDuration(std::string_view text);
/// "64mb", "4 kb", "1g"; binary units, a plain number is bytes. Errors: kInvalidConfig.
Result<int64_t> ParseMemorySize(std::string_view text);
/// A whole number in [low, high]. Errors: kInvalidConfig.
Result<int64_t> ParseInteger(std::string_view text, int64_t low, int64_t high);
/// "true" or "false" in any case. Errors: kInvalidConfig.
Result<bool> ParseBool(std::string_view text);

}  // namespace strom::model
