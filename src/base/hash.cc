#include "base/hash.h"

#include <bit>
#include <limits>

#include <isa-l/crc.h>

#include "base/coding.h"

namespace strom {
namespace {

uint32_t MixK(uint32_t k) {
  return std::rotl(k * 0xcc9e2d51U, 15) * 0x1b873593U;
}
uint32_t MixH(uint32_t h, uint32_t k) {
  return std::rotl(h ^ k, 13) * 5 + 0xe6546b64U;
}

uint32_t Finish(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bU;
  h ^= h >> 13;
  h *= 0xc2b2ae35U;
  return h ^ (h >> 16);
}

uint32_t MixWords(ByteView bytes, uint32_t h) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4)
    h = MixH(h, MixK(LoadLe<uint32_t>(bytes.data() + i)));
  return h;
}

}  // namespace

uint32_t Crc32c(ByteView bytes, uint32_t seed) {
  // ISA-L does neither the initial nor the final inversion and takes its (unmodified) input as
  // non-const.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  uint32_t crc = ~seed;
  constexpr size_t kChunk = size_t{1} << 30;
  for (size_t done = 0; done < bytes.size(); done += kChunk) {
    const size_t size = std::min(kChunk, bytes.size() - done);
    crc = crc32_iscsi(data + done, static_cast<int>(size), crc);
  }
  return ~crc;
}

int32_t Murmur42(ByteView bytes) {
  uint32_t h = MixWords(bytes, 42);
  for (size_t i = bytes.size() & ~size_t{3}; i < bytes.size(); ++i) {
    const auto extended =
        static_cast<uint32_t>(static_cast<int32_t>(static_cast<int8_t>(bytes[i])));
    h = MixH(h, MixK(extended));
  }
  return static_cast<int32_t>(Finish(h ^ static_cast<uint32_t>(bytes.size())));
}

int32_t Murmur3(ByteView bytes, uint32_t seed) {
  uint32_t h = MixWords(bytes, seed);
  const size_t tail = bytes.size() & ~size_t{3};
  uint32_t k = 0;
  for (size_t i = bytes.size(); i > tail; --i) k = (k << 8) | static_cast<uint8_t>(bytes[i - 1]);
  if (tail != bytes.size()) h ^= MixK(k);
  return static_cast<int32_t>(Finish(h ^ static_cast<uint32_t>(bytes.size())));
}

int32_t FlussMix(int32_t hash) {
  const uint32_t k = MixK(static_cast<uint32_t>(hash));
  const uint32_t h = std::rotl(k, 13) * 5 + 0xe6546b64U;
  const auto mixed = static_cast<int32_t>(Finish(h ^ 4U));
  if (mixed >= 0) return mixed;
  return mixed == std::numeric_limits<int32_t>::min() ? 0 : -mixed;
}

}  // namespace strom
