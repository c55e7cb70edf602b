// Frames: sizes that are announced and sizes that are there.
#include <cstdint>

#include "base/check.h"
#include "net/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strom;  // NOLINT: a fuzzer is one function
  const auto bytes = SharedBytes::Own(Bytes(reinterpret_cast<const char*>(data), size));
  const auto frame_size = net::FrameSize(bytes.view(), net::kRequestHeaderBytes, 1 << 20);
  if (!frame_size || !*frame_size || **frame_size > size) return 0;
  const SharedBytes frame = bytes.Slice(0, **frame_size);
  const net::RequestFrame request = net::ParseRequest(frame);
  STROM_CHECK(request.body.size() + net::kLengthBytes + net::kRequestHeaderBytes == frame.size());
  (void)net::ParseResponse(frame);
  return 0;
}
