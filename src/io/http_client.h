#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::io {

struct HttpRequest {
  std::string method = "GET";  // GET, POST, DELETE, HEAD
  std::string url;             // http: or https:
  std::map<std::string, std::string> headers = {};
  Bytes body = {};
};

struct HttpResponse {
  int status = 0;
  Bytes body;
};

/// Speaks HTTP, over TLS too, with the certificates that the system trusts. Keeps its connections.
/// Blocking; one caller at a time.
class HttpClient {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds timeout{60'000};  // of a whole request
    size_t max_response_bytes = size_t{256} << 20;
  };

  HttpClient();
  explicit HttpClient(Options options);
  ~HttpClient();

  /// The answer, whatever its status. Redirections are not followed. Errors: kNetwork (nothing was
  /// sent), kOutcomeUnknown (it broke off after something may have been), kInvalidArgument (the
  /// URL).
  Result<HttpResponse> Send(const HttpRequest& request);

 private:
  const Options options_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

/// As in a path or a query: everything but letters, digits and "-._~" becomes %XX.
std::string UrlEncode(std::string_view text);

}  // namespace strom::io
