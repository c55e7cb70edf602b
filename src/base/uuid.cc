#include "base/uuid.h"

#include <array>

#include <sys/random.h>

#include "base/bytes.h"
#include "base/check.h"

namespace strom {

std::string NewUuid() {
  std::array<char, 16> raw;
  STROM_CHECK(getrandom(raw.data(), raw.size(), 0) == static_cast<ssize_t>(raw.size()));
  raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
  std::string text = ToHex(ByteView(raw.data(), raw.size()));
  for (const size_t position : {8, 13, 18, 23}) text.insert(position, 1, '-');
  return text;
}

}  // namespace strom
