#include "lake/file/text_bounds.h"

namespace strom::lake {

std::string Truncate(const std::string& text, size_t code_points) {
  size_t at = 0;
  for (size_t n = 0; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (starts && n++ == code_points) break;
  }
  return text.substr(0, at);
}

std::optional<std::string> TruncateUp(const std::string& text, size_t code_points) {
  std::string cut = Truncate(text, code_points);
  if (cut.size() == text.size()) return cut;
  while (!cut.empty()) {
    const auto last = static_cast<unsigned char>(cut.back());
    if (last < 0x7e) {
      ++cut.back();
      return cut;
    }
    do {
      cut.pop_back();
    } while (!cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80);
    if (last >= 0x80 && !cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0xc0)
      cut.pop_back();
  }
  return std::nullopt;
}

}  // namespace strom::lake
