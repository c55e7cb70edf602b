#pragma once
#include <optional>
#include <string>

namespace strom::lake {

/// How many characters of a text statistics keep, in Paimon and Iceberg alike.
inline constexpr size_t kBoundChars = 16;

/// Cuts a text to a number of code points.
std::string Truncate(const std::string& text, size_t code_points);
/// The least text of at most `code_points` that is not below `text`, or nothing when there is none.
/// Only ASCII ends are raised.
std::optional<std::string> TruncateUp(const std::string& text, size_t code_points);

}  // namespace strom::lake
