#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace strom::http {

struct Request {
  std::string method;
  std::string path;                            // without the question mark and what follows
  std::map<std::string, std::string> headers;  // by lower-case name
  std::string body;
  /// Of HTTP Basic.
  struct Credentials {
    std::string user;
    std::string password;
  };
  std::optional<Credentials> credentials;

  std::string Header(const std::string& lower_name) const {
    const auto it = headers.find(lower_name);
    return it == headers.end() ? std::string() : it->second;
  }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::map<std::string, std::string> headers;
};

/// Serves HTTP/1.1 by libmicrohttpd, a thread a connection: handlers may wait. The destructor ends
/// it, after the requests at hand.
class HttpServer {
 public:
  struct Options {
    std::string host;
    int port = 0;
    size_t max_body_bytes = 1 << 20;
    unsigned max_connections = 64;
  };
  using Handler = std::function<Response(const Request&)>;

  /// Errors: kInvalidConfig for an address that is none, kIo when it is taken.
  static Result<std::unique_ptr<HttpServer>> Start(Options options, Handler handler);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

}  // namespace strom::http
