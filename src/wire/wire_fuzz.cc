// Bodies of requests and answers: decoding never reads outside, and what was decoded encodes to its
// announced size.
#include <cstdint>

#include "base/check.h"
#include "wire/codec.h"
#include "wire/messages.h"

namespace {

template <class Message>
void Try(const strom::SharedBytes& bytes) {
  const auto message = strom::wire::Decode<Message>(bytes);
  if (!message) return;
  size_t size = 0;
  for (const auto& part : strom::wire::Encode(*message)) size += part.size();
  STROM_CHECK(size == message->EncodedSize());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strom::wire;  // NOLINT: a fuzzer is one function
  const auto bytes =
      strom::SharedBytes::Own(strom::Bytes(reinterpret_cast<const char*>(data), size));
  Try<ProduceLogRequest>(bytes);
  Try<FetchLogRequest>(bytes);
  Try<FetchLogResponse>(bytes);
  Try<MetadataRequest>(bytes);
  Try<MetadataResponse>(bytes);
  Try<CreateTableRequest>(bytes);
  Try<AlterTableRequest>(bytes);
  Try<LakeTieringHeartbeatRequest>(bytes);
  Try<CommitLakeTableSnapshotRequest>(bytes);
  Try<ListOffsetsRequest>(bytes);
  return 0;
}
