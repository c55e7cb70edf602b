#include "net/channel.h"

#include <map>

#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/coding.h"

namespace strom::net {
namespace {

using asio::ip::tcp;

constexpr size_t kMaxResponseBytes = size_t{1} << 31;

class TcpChannel final : public Channel {
 public:
  explicit TcpChannel(std::string address) : address_(std::move(address)), socket_(context_) {}

  Status Open(const std::string& host, int port, int64_t timeout_ms) {
    asio::error_code fault;
    tcp::resolver resolver(context_);
    const auto found = resolver.resolve(host, std::to_string(port), fault);
    if (!fault) asio::connect(socket_, found, fault);
    if (fault)
      return Err(ErrorCode::kNetwork, "cannot connect to {}: {}", address_, fault.message());
    socket_.set_option(tcp::no_delay(true), fault);
    timeval limit{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return {};
  }

  Result<int32_t> Send(int16_t api_key, int16_t version, std::vector<SharedBytes> body) override {
    const int32_t id = next_id_++;
    const auto frame = BuildRequest({api_key, version, id}, std::move(body));
    std::vector<asio::const_buffer> buffers;
    for (const SharedBytes& part : frame) buffers.emplace_back(part.view().data(), part.size());
    asio::error_code fault;
    asio::write(socket_, buffers, fault);
    if (fault) return Broken(fault);
    return id;
  }

  Result<ResponseFrame> Receive(int32_t request_id) override {
    while (true) {
      if (const auto it = early_.find(request_id); it != early_.end()) {
        ResponseFrame response = std::move(it->second);
        early_.erase(it);
        return response;
      }
      STROM_ASSIGN(ResponseFrame response, ReadFrame());
      if (response.type == ResponseType::kServerFailure) {
        broken_ = true;
        return Err(ErrorCode::kNetwork, "{} closed the connection for an invalid request",
                   address_);
      }
      if (response.request_id == request_id) return response;
      early_.emplace(response.request_id, std::move(response));
    }
  }

  bool broken() const override { return broken_; }

 private:
  Result<ResponseFrame> ReadFrame() {
    char head[kLengthBytes];
    STROM_TRY(ReadExactly(head, sizeof head));
    STROM_ASSIGN(const auto size, FrameSize(ByteView(head, sizeof head), 1, kMaxResponseBytes));
    auto buffer = std::make_shared_for_overwrite<char[]>(*size);
    std::memcpy(buffer.get(), head, sizeof head);
    STROM_TRY(ReadExactly(buffer.get() + sizeof head, *size - sizeof head));
    const ByteView view(buffer.get(), *size);
    return ParseResponse(SharedBytes(view, std::move(buffer)));
  }

  /// Plain recv, so that the socket's own time limit holds.
  Status ReadExactly(char* into, size_t size) {
    for (size_t done = 0; done < size;) {
      const ssize_t got = ::recv(socket_.native_handle(), into + done, size - done, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        broken_ = true;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
          return Err(ErrorCode::kRequestTimeOut, "{} did not answer in time", address_);
        }
        return Err(ErrorCode::kNetwork, "the connection to {} broke: {}", address_,
                   got == 0 ? "closed" : std::strerror(errno));
      }
      done += static_cast<size_t>(got);
    }
    return {};
  }

  std::unexpected<Error> Broken(const asio::error_code& fault) {
    broken_ = true;
    return Err(ErrorCode::kNetwork, "the connection to {} broke: {}", address_, fault.message());
  }

  const std::string address_;
  asio::io_context context_;
  tcp::socket socket_;
  int32_t next_id_ = 0;
  std::map<int32_t, ResponseFrame> early_;
  bool broken_ = false;
};

}  // namespace

Result<std::unique_ptr<Channel>> Connect(const std::string& host, int port, int64_t timeout_ms) {
  auto channel = std::make_unique<TcpChannel>(fmt::format("{}:{}", host, port));
  STROM_TRY(channel->Open(host, port, timeout_ms));
  return std::unique_ptr<Channel>(std::move(channel));
}

}  // namespace strom::net
