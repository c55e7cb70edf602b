#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::net {

// Frames of the Apache Fluss protocol; their headers are big endian (docs/formats/rpc.md).
//   request:   length i32 | api key i16 | api version i16 | request id i32 | body
//   response:  length i32 | type i8 | request id i32 (not for kServerFailure) | body

inline constexpr size_t kLengthBytes = 4;
inline constexpr size_t kRequestHeaderBytes = 8;  // after the length

enum class ResponseType : uint8_t { kSuccess = 0, kError = 1, kServerFailure = 2 };

struct RequestHeader {
  int16_t api_key = 0;
  int16_t version = 0;
  int32_t request_id = 0;
};

/// The bytes of the frame at the front of `bytes`, its length field included; nothing while that is
/// cut. Errors: kCorruptMessage when the length is below `least` or the frame above
/// `max_frame_bytes`.
Result<std::optional<size_t>> FrameSize(ByteView bytes, size_t least, size_t max_frame_bytes);

/// Header and body of a whole request frame.
struct RequestFrame {
  RequestHeader header;
  SharedBytes body;
};
RequestFrame ParseRequest(const SharedBytes& frame);

/// Header and body of a whole response frame. Errors: kCorruptMessage.
struct ResponseFrame {
  ResponseType type = ResponseType::kSuccess;
  int32_t request_id = 0;
  SharedBytes body;
};
Result<ResponseFrame> ParseResponse(const SharedBytes& frame);

/// Puts the frame header before an encoded body.
std::vector<SharedBytes> BuildRequest(const RequestHeader& header, std::vector<SharedBytes> body);
std::vector<SharedBytes> BuildResponse(ResponseType type, int32_t request_id,
                                       std::vector<SharedBytes> body);

}  // namespace strom::net
