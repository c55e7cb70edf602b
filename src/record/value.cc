#include "record/value.h"

namespace strom::record {

std::string UnscaledBytes(__int128 unscaled) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(unscaled >> shift));
  size_t skip = 0;
  while (skip < 15) {  // a leading byte goes when it only repeats the sign of the next
    const bool next_negative = (bytes[skip + 1] & 0x80) != 0;
    if (bytes[skip] != (next_negative ? '\xff' : '\0')) break;
    ++skip;
  }
  return bytes.substr(skip);
}

__int128 FromUnscaledBytes(std::string_view bytes) {
  if (bytes.empty()) return 0;
  unsigned __int128 value = (bytes[0] & 0x80) != 0 ? ~static_cast<unsigned __int128>(0) : 0;
  for (const char byte : bytes.substr(0, 16)) value = value << 8 | static_cast<uint8_t>(byte);
  return static_cast<__int128>(value);
}

}  // namespace strom::record
