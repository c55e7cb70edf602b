#pragma once
#include <cstdint>

#include "base/bytes.h"

namespace strom {

/// CRC-32C (Castagnoli) of `bytes`, continuing from `seed`, the CRC of what came before.
uint32_t Crc32c(ByteView bytes, uint32_t seed = 0);

/// Murmur3 x86 32 with seed 42 in the variant of Apache Fluss and Flink: each tail byte is sign
/// extended and mixed as a word.
int32_t Murmur42(ByteView bytes);
/// The standard murmur3 x86 32, with its own tail; Iceberg uses it with seed 0.
int32_t Murmur3(ByteView bytes, uint32_t seed);
/// The second mixing step that Apache Fluss puts between Murmur42 and the bucket; never negative.
int32_t FlussMix(int32_t hash);

}  // namespace strom
