#include "server/call.h"

namespace strom::server {

int32_t WireCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt: return static_cast<int32_t>(ErrorCode::kStorage);
    case ErrorCode::kInvalidArgument: return static_cast<int32_t>(ErrorCode::kInvalidConfig);
    case ErrorCode::kUnsupported: return static_cast<int32_t>(ErrorCode::kUnsupportedVersion);
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kOutcomeUnknown:
    case ErrorCode::kLimitExceeded:
    case ErrorCode::kClosed: return static_cast<int32_t>(ErrorCode::kUnknownServerError);
    default: return static_cast<int32_t>(code);
  }
}

void Call::FailAndClose(const Error& error) {
  const std::shared_ptr<net::Connection> connection = connection_;
  Fail(error);
  connection->CloseAfterSend();
}

void Call::Fail(const Error& error) {
  wire::ErrorResponse response;
  response.error_code = WireCode(error.code);
  response.error_message = error.message;
  Send(net::ResponseType::kError, wire::Encode(response));
}

}  // namespace strom::server
