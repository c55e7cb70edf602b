#pragma once
#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/coding.h"
#include "base/result.h"
#include "base/text.h"

namespace strom::wire {

/// A message in the making: bytes in order, large ones by reference so that file contents go to the
/// socket uncopied.
class Encoder {
 public:
  /// Slices of at least this size are kept as they are instead of being copied.
  static constexpr size_t kShareFrom = 4096;

  void Varint(uint64_t value) { AppendVarint(tail_, value); }
  void Raw(ByteView bytes) { tail_.append(bytes); }
  void Share(const SharedBytes& bytes) {
    if (bytes.size() < kShareFrom) return Raw(bytes.view());
    Seal();
    parts_.push_back(bytes);
  }
  void Reserve(size_t size) { tail_.reserve(size); }
  /// The encoded bytes as slices to be written one after the other.
  std::vector<SharedBytes> Take() {
    Seal();
    return std::move(parts_);
  }

 private:
  void Seal() {
    if (!tail_.empty()) parts_.push_back(SharedBytes::Own(std::move(tail_)));
    tail_ = Bytes();
  }

  std::vector<SharedBytes> parts_;
  Bytes tail_;
};

/// Reads protobuf fields from a slice of a frame. After the first fault every read does nothing;
/// ask `status()` at the end. `bytes` fields share the frame. Nesting and the number of elements
/// are bounded, so a hostile frame costs bounded memory.
class Decoder {
 public:
  static constexpr int kMaxDepth = 32;
  static constexpr size_t kMaxElements = size_t{1} << 20;

  explicit Decoder(const SharedBytes& frame) : frame_(frame), reader_(frame.view()) {}

  /// Steps to the next field; false at the end or after a fault.
  bool NextField() {
    if (!error_.empty() || !reader_.ok() || reader_.done()) return false;
    const uint64_t tag = reader_.Varint();
    field_ = static_cast<uint32_t>(tag >> 3);
    wire_ = static_cast<uint32_t>(tag & 7);
    if (reader_.ok() && (field_ == 0 || tag >> 32 != 0)) Fail("a field has no valid number");
    return reader_.ok() && error_.empty();
  }
  uint32_t field() const { return field_; }

  void Read(std::string& out) {
    const ByteView text = Delimited();
    if (!IsUtf8(text)) return Fail("field " + std::to_string(field_) + " is not UTF-8");
    out = std::string(text);
  }
  void Read(SharedBytes& out) {
    const ByteView view = Delimited();
    out = SharedBytes(view, frame_.owner());
  }
  void Read(bool& out) { out = Number() != 0; }
  void Read(int32_t& out) { out = static_cast<int32_t>(static_cast<uint32_t>(Number())); }
  void Read(int64_t& out) { out = static_cast<int64_t>(Number()); }
  void Read(float& out) { out = Expect(5) ? std::bit_cast<float>(reader_.Le<uint32_t>()) : 0; }
  void Read(double& out) { out = Expect(1) ? std::bit_cast<double>(reader_.Le<uint64_t>()) : 0; }
  template <class Message>
    requires requires(Message& m, Decoder& d) { m.DecodeFrom(d); }
  void Read(Message& out) {
    const ByteView view = Delimited();
    if (depth_ + 1 > kMaxDepth) return Fail("messages are nested too deeply");
    Decoder inner(SharedBytes(view, frame_.owner()));
    inner.depth_ = depth_ + 1;
    out.DecodeFrom(inner);
    if (const Status status = inner.status(); !status) Fail(status.error().message);
  }

  template <class T>
  void ReadRepeated(std::vector<T>& out) {
    if constexpr (std::same_as<T, int32_t> || std::same_as<T, int64_t>) {
      if (wire_ == 2) return ReadPacked(out);
    }
    if (out.size() >= kMaxElements) return Fail("a field is repeated too often");
    Read(out.emplace_back());
  }

  void Skip() {
    switch (wire_) {
      case 0: reader_.Varint(); break;
      case 1: reader_.Take(8); break;
      case 2: reader_.Take(reader_.Varint()); break;
      case 5: reader_.Take(4); break;
      default: Fail("a field has an unknown wire type");
    }
  }

  void Missing(const char* message, const char* field) {
    if (status()) error_ = std::string(message) + " lacks its required field " + field;
  }

  /// Errors: kCorruptMessage.
  Status status() const {
    if (!error_.empty()) return Err(ErrorCode::kCorruptMessage, "{}", error_);
    if (!reader_.ok())
      return Err(ErrorCode::kCorruptMessage, "the message is cut at byte {}", reader_.position());
    return {};
  }

 private:
  bool Expect(uint32_t wire) {
    if (wire_ != wire) Fail("field " + std::to_string(field_) + " has the wrong wire type");
    return wire_ == wire;
  }
  uint64_t Number() { return Expect(0) ? reader_.Varint() : 0; }
  ByteView Delimited() { return Expect(2) ? reader_.Take(reader_.Varint()) : ByteView(); }
  template <class T>
  void ReadPacked(std::vector<T>& out) {
    Reader packed(Delimited());
    while (packed.ok() && !packed.done()) {
      if (out.size() >= kMaxElements) return Fail("a field is repeated too often");
      out.push_back(static_cast<T>(packed.Varint()));
    }
    if (!packed.ok()) Fail("a packed field is cut");
  }
  void Fail(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }

  SharedBytes frame_;
  Reader reader_;
  uint32_t field_ = 0;
  uint32_t wire_ = 0;
  int depth_ = 0;
  std::string error_;
};

/// Decodes a whole message. Errors: kCorruptMessage, naming the message.
template <class Message>
Result<Message> Decode(const SharedBytes& bytes) {
  Decoder decoder(bytes);
  Message message;
  message.DecodeFrom(decoder);
  if (const Status status = decoder.status(); !status) {
    return std::unexpected(status.error().In(Message::Name()));
  }
  return message;
}

template <class Message>
std::vector<SharedBytes> Encode(const Message& message) {
  Encoder encoder;
  message.EncodeTo(encoder);
  return encoder.Take();
}

// What the generated code calls; tags are written as varints.
inline void EncodeBool(Encoder& out, uint32_t tag, bool value) {
  out.Varint(tag), out.Varint(value ? 1 : 0);
}
inline void EncodeInt64(Encoder& out, uint32_t tag, int64_t value) {
  out.Varint(tag), out.Varint(static_cast<uint64_t>(value));
}
inline void EncodeInt32(Encoder& out, uint32_t tag, int32_t value) {
  EncodeInt64(out, tag, value);
}
inline void EncodeFloat(Encoder& out, uint32_t tag, float value) {
  out.Varint(tag), out.Raw(ByteView(reinterpret_cast<const char*>(&value), sizeof value));
}
inline void EncodeDouble(Encoder& out, uint32_t tag, double value) {
  out.Varint(tag), out.Raw(ByteView(reinterpret_cast<const char*>(&value), sizeof value));
}
inline void EncodeString(Encoder& out, uint32_t tag, const std::string& value) {
  out.Varint(tag), out.Varint(value.size()), out.Raw(value);
}
inline void EncodeBytes(Encoder& out, uint32_t tag, const SharedBytes& value) {
  out.Varint(tag), out.Varint(value.size()), out.Share(value);
}
template <class Message>
void EncodeMessage(Encoder& out, uint32_t tag, const Message& value) {
  out.Varint(tag), out.Varint(value.EncodedSize()), value.EncodeTo(out);
}
template <class T>
size_t PackedBodySize(const std::vector<T>& values) {
  size_t size = 0;
  for (const T value : values)
    size += VarintSize(static_cast<uint64_t>(static_cast<int64_t>(value)));
  return size;
}
template <class T>
void EncodePacked(Encoder& out, uint32_t tag, const std::vector<T>& values) {
  out.Varint(tag), out.Varint(PackedBodySize(values));
  for (const T value : values) out.Varint(static_cast<uint64_t>(static_cast<int64_t>(value)));
}

inline size_t SizeBool(uint32_t tag, bool) {
  return VarintSize(tag) + 1;
}
inline size_t SizeInt64(uint32_t tag, int64_t value) {
  return VarintSize(tag) + VarintSize(static_cast<uint64_t>(value));
}
inline size_t SizeInt32(uint32_t tag, int32_t value) {
  return SizeInt64(tag, value);
}
inline size_t SizeFloat(uint32_t tag, float) {
  return VarintSize(tag) + 4;
}
inline size_t SizeDouble(uint32_t tag, double) {
  return VarintSize(tag) + 8;
}
inline size_t SizeDelimited(uint32_t tag, size_t size) {
  return VarintSize(tag) + VarintSize(size) + size;
}
inline size_t SizeString(uint32_t tag, const std::string& value) {
  return SizeDelimited(tag, value.size());
}
inline size_t SizeBytes(uint32_t tag, const SharedBytes& value) {
  return SizeDelimited(tag, value.size());
}
template <class Message>
size_t SizeMessage(uint32_t tag, const Message& value) {
  return SizeDelimited(tag, value.EncodedSize());
}
template <class T>
size_t SizePacked(uint32_t tag, const std::vector<T>& values) {
  return SizeDelimited(tag, PackedBodySize(values));
}

}  // namespace strom::wire
