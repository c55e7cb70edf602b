#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "net/frame.h"

namespace strom::net {

/// The client's end of one connection: blocking, pipelined. One owner at a time.
class Channel {
 public:
  virtual ~Channel() = default;

  /// Sends a request; its answer is fetched with Receive. Errors: kNetwork, after which the channel
  /// is of no more use.
  virtual Result<int32_t> Send(int16_t api_key, int16_t version, std::vector<SharedBytes> body) = 0;
  /// Waits for the answer to `request_id`, keeping others that come before it. Errors: kNetwork,
  /// kRequestTimeOut.
  virtual Result<ResponseFrame> Receive(int32_t request_id) = 0;
  virtual bool broken() const = 0;
};

/// Errors: kNetwork naming the address and the cause.
Result<std::unique_ptr<Channel>> Connect(const std::string& host, int port, int64_t timeout_ms);

}  // namespace strom::net
