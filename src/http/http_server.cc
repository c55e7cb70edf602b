#include "http/http_server.h"

#include <cstring>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include "base/text.h"

namespace strom::http {
namespace {

constexpr unsigned kIdleSeconds = 120;

/// A request whose body is still coming.
struct Incoming {
  Request request;
  bool too_large = false;
};

class MicroServer final : public HttpServer {
 public:
  MicroServer(Options options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}
  ~MicroServer() override {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  Status Listen() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(options_.port));
    if (::inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1) {
      return Err(ErrorCode::kInvalidConfig, "'{}' is no IPv4 address to serve HTTP at",
                 options_.host);
    }
    daemon_ = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, nullptr, nullptr,
        &MicroServer::OnRequest, this, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
        options_.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
        MHD_OPTION_NOTIFY_COMPLETED, &MicroServer::OnCompleted, this, MHD_OPTION_END);
    if (daemon_ == nullptr) {
      return Err(ErrorCode::kIo, "cannot serve HTTP at {}:{}: {}", options_.host, options_.port,
                 std::strerror(errno));
    }
    return {};
  }

  int port() const override {
    const MHD_DaemonInfo* const info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
    return info == nullptr ? 0 : info->port;
  }

 private:
  static MHD_Result OnHeader(void* into, MHD_ValueKind, const char* name, const char* value) {
    auto& request = *static_cast<Request*>(into);
    request.headers[ToLower(name)] = value == nullptr ? "" : value;
    return MHD_YES;
  }

  /// Called when the headers are there, then for pieces of the body, then at its end.
  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url,
                              const char* method, const char*, const char* data, size_t* size,
                              void** state) {
    auto& server = *static_cast<MicroServer*>(self);
    if (*state == nullptr) {
      auto incoming = std::make_unique<Incoming>();
      incoming->request.method = method;
      incoming->request.path = url;
      MHD_get_connection_values(connection, MHD_HEADER_KIND, &OnHeader, &incoming->request);
      *state = incoming.release();
      return MHD_YES;
    }
    auto& incoming = *static_cast<Incoming*>(*state);
    if (*size > 0) {
      incoming.too_large |= incoming.request.body.size() + *size > server.options_.max_body_bytes;
      if (!incoming.too_large) incoming.request.body.append(data, *size);
      *size = 0;
      return MHD_YES;
    }
    return Answer(connection,
                  incoming.too_large ? TooLarge() : server.Handle(connection, incoming));
  }

  static Response TooLarge() {
    return {413,
            "application/json",
            R"({"error":{"code":"RECORD_TOO_LARGE","message":"the request's body is too large"}})",
            {}};
  }

  Response Handle(MHD_Connection* connection, Incoming& incoming) {
    char* password = nullptr;
    char* const user = MHD_basic_auth_get_username_password(connection, &password);
    if (user != nullptr) {
      incoming.request.credentials = {user, password == nullptr ? "" : password};
      MHD_free(user);
    }
    if (password != nullptr) MHD_free(password);
    return handler_(incoming.request);
  }

  static MHD_Result Answer(MHD_Connection* connection, const Response& response) {
    MHD_Response* const answer = MHD_create_response_from_buffer(
        response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
    if (answer == nullptr) return MHD_NO;
    MHD_add_response_header(answer, "Content-Type", response.content_type.c_str());
    for (const auto& [name, value] : response.headers)
      MHD_add_response_header(answer, name.c_str(), value.c_str());
    const MHD_Result queued =
        MHD_queue_response(connection, static_cast<unsigned>(response.status), answer);
    MHD_destroy_response(answer);
    return queued;
  }

  static void OnCompleted(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
    delete static_cast<Incoming*>(*state);
    *state = nullptr;
  }

  const Options options_;
  const Handler handler_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Options options, Handler handler) {
  auto server = std::make_unique<MicroServer>(std::move(options), std::move(handler));
  STROM_TRY(server->Listen());
  return server;
}

}  // namespace strom::http
