#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace strom {

/// `text` cut at each `separator`; an empty text gives one empty part.
std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view Trim(std::string_view text);
bool IsUtf8(std::string_view text);
std::string ToLower(std::string_view text);
std::string ToUpper(std::string_view text);
/// The member of `candidates` that is spelled most like `word`, or nothing when none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace strom
