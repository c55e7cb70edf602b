#include "net/frame.h"

#include "base/coding.h"

namespace strom::net {
namespace {

size_t TotalSize(const std::vector<SharedBytes>& parts) {
  size_t size = 0;
  for (const SharedBytes& part : parts) size += part.size();
  return size;
}

/// Joins a small body with its header, so that a whole answer is one piece of memory.
std::vector<SharedBytes> Prepend(Bytes header, std::vector<SharedBytes> body) {
  constexpr size_t kJoinBelow = 2048;
  std::vector<SharedBytes> parts;
  if (!body.empty() && body.front().size() < kJoinBelow) {
    header.append(body.front().view());
    body.erase(body.begin());
  }
  parts.reserve(body.size() + 1);
  parts.push_back(SharedBytes::Own(std::move(header)));
  for (SharedBytes& part : body) parts.push_back(std::move(part));
  return parts;
}

}  // namespace

Result<std::optional<size_t>> FrameSize(ByteView bytes, size_t least, size_t max_frame_bytes) {
  if (bytes.size() < kLengthBytes) return std::nullopt;
  const auto length = LoadBe<int32_t>(bytes.data());
  if (length < 0 || static_cast<size_t>(length) < least) {
    return Err(ErrorCode::kCorruptMessage, "a frame has length {}, at least {} is needed", length,
               least);
  }
  const size_t size = static_cast<size_t>(length) + kLengthBytes;
  if (size > max_frame_bytes) {
    return Err(ErrorCode::kCorruptMessage, "a frame of {} bytes is larger than the {} allowed",
               size, max_frame_bytes);
  }
  return size;
}

RequestFrame ParseRequest(const SharedBytes& frame) {
  const char* data = frame.view().data() + kLengthBytes;
  return RequestFrame{{LoadBe<int16_t>(data), LoadBe<int16_t>(data + 2), LoadBe<int32_t>(data + 4)},
                      frame.Slice(kLengthBytes + kRequestHeaderBytes, frame.size())};
}

Result<ResponseFrame> ParseResponse(const SharedBytes& frame) {
  Reader in(frame.view().substr(kLengthBytes));
  ResponseFrame response;
  const auto type = in.Be<uint8_t>();
  if (type > 2) return Err(ErrorCode::kCorruptMessage, "a response has the unknown type {}", type);
  response.type = static_cast<ResponseType>(type);
  if (response.type != ResponseType::kServerFailure) response.request_id = in.Be<int32_t>();
  if (!in.ok()) return Err(ErrorCode::kCorruptMessage, "a response frame is cut");
  response.body = frame.Slice(kLengthBytes + in.position(), frame.size());
  return response;
}

std::vector<SharedBytes> BuildRequest(const RequestHeader& header, std::vector<SharedBytes> body) {
  Bytes head;
  AppendBe(head, static_cast<int32_t>(kRequestHeaderBytes + TotalSize(body)));
  AppendBe(head, header.api_key);
  AppendBe(head, header.version);
  AppendBe(head, header.request_id);
  return Prepend(std::move(head), std::move(body));
}

std::vector<SharedBytes> BuildResponse(ResponseType type, int32_t request_id,
                                       std::vector<SharedBytes> body) {
  const bool with_id = type != ResponseType::kServerFailure;
  Bytes head;
  AppendBe(head, static_cast<int32_t>(TotalSize(body) + (with_id ? 5 : 1)));
  AppendBe(head, static_cast<uint8_t>(type));
  if (with_id) AppendBe(head, request_id);
  return Prepend(std::move(head), std::move(body));
}

}  // namespace strom::net
