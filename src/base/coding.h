#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/bytes.h"

namespace strom {

static_assert(std::endian::native == std::endian::little,
              "the formats are little endian and so must be the machine");

/// Reads a little-endian number at `bytes`, which need not be aligned.
template <class T>
T LoadLe(const char* bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <class T>
void StoreLe(char* bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

template <class T>
T LoadBe(const char* bytes) {
  return std::byteswap(LoadLe<T>(bytes));
}

template <class T>
void StoreBe(char* bytes, T value) {
  StoreLe<T>(bytes, std::byteswap(value));
}

template <class T>
void AppendLe(Bytes& out, T value) {
  char raw[sizeof value];
  StoreLe<T>(raw, value);
  out.append(raw, sizeof raw);
}

template <class T>
void AppendBe(Bytes& out, T value) {
  AppendLe<T>(out, std::byteswap(value));
}

/// Appends `value` with seven bits a byte, low group first; no zigzag.
inline void AppendVarint(Bytes& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline size_t VarintSize(uint64_t value) {
  return static_cast<size_t>((std::bit_width(value | 1) + 6) / 7);
}

/// Reads forward over borrowed bytes. Every read checks what is left; after the first failure
/// `ok()` is false and all further reads return zero or nothing, so that a decoder may check once
/// at its end.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  template <class T>
  T Le() {
    if (!Has(sizeof(T))) return T{};
    const T value = LoadLe<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return value;
  }

  template <class T>
  T Be() {
    if (!Has(sizeof(T))) return T{};
    const T value = LoadBe<T>(bytes_.data() + position_);
    position_ += sizeof(T);
    return value;
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (!Has(1)) return 0;
      const auto byte = static_cast<uint8_t>(bytes_[position_++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    Fail();
    return 0;
  }

  ByteView Take(uint64_t size) {
    if (!Has(size)) return {};
    const ByteView view = bytes_.substr(position_, size);
    position_ += size;
    return view;
  }

  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool done() const { return position_ == bytes_.size(); }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

 private:
  bool Has(uint64_t size) {
    if (!ok_ || size > left()) ok_ = false;
    return ok_;
  }

  ByteView bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace strom
