#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/connection.h"
#include "server/access.h"
#include "wire/api_keys.h"
#include "wire/codec.h"
#include "wire/messages.h"

namespace strom::server {

/// One request on its way to its answer. Whoever holds it answers it, once, from any thread; a call
/// that is dropped without an answer answers itself with an error, so that no client waits in vain.
class Call {
 public:
  /// Told once of each answer, on any thread: the sizes of the frames, and whether it is an error.
  using OnAnswer = void (*)(void* of, const Call& call, size_t bytes_out, bool failed);
  struct Observer {
    OnAnswer on_answer;
    void* of;
  };

  Call(std::shared_ptr<net::Connection> connection, net::RequestFrame frame, Observer observer)
      : connection_(std::move(connection)), frame_(std::move(frame)), observer_(observer) {}
  Call(Call&&) = default;
  Call& operator=(Call&&) = delete;
  ~Call() {
    if (connection_) Fail(Error{ErrorCode::kUnknownServerError, "the server dropped the request"});
  }

  wire::ApiKey api() const { return static_cast<wire::ApiKey>(frame_.header.api_key); }
  const net::RequestHeader& header() const { return frame_.header; }
  const net::Connection& connection() const { return *connection_; }
  std::chrono::steady_clock::time_point arrived() const { return arrived_; }
  size_t bytes_in() const { return frame_.body.size(); }
  /// Who sent it; on the connection's loop.
  Session& session() const { return static_cast<Session&>(*connection_->companion()); }
  runtime::Loop& loop() const { return connection_->loop(); }

  /// Errors: kCorruptMessage.
  template <class Request>
  Result<Request> Decode() const {
    return wire::Decode<Request>(frame_.body);
  }

  template <class Response>
  void Reply(const Result<Response>& response) {
    if (!response) return Fail(response.error());
    Send(net::ResponseType::kSuccess, wire::Encode(*response));
  }
  void Fail(const Error& error);
  /// Also ends the connection; on its loop.
  void FailAndClose(const Error& error);

 private:
  void Send(net::ResponseType type, std::vector<SharedBytes> body) {
    size_t bytes = 0;
    for (const SharedBytes& part : body) bytes += part.size();
    observer_.on_answer(observer_.of, *this, bytes, type != net::ResponseType::kSuccess);
    const std::shared_ptr<net::Connection> connection = std::move(connection_);
    connection->Send(net::BuildResponse(type, frame_.header.request_id, std::move(body)));
  }

  std::shared_ptr<net::Connection> connection_;  // empty once answered
  net::RequestFrame frame_;
  Observer observer_;
  std::chrono::steady_clock::time_point arrived_ = std::chrono::steady_clock::now();
};

/// The code that goes on the wire: local codes become the nearest published one.
int32_t WireCode(ErrorCode code);

/// Fills error_code and error_message of a per-bucket or per-table answer.
template <class Message>
void SetError(Message& message, const Error& error) {
  message.error_code = WireCode(error.code);
  message.error_message = error.message;
}

}  // namespace strom::server
