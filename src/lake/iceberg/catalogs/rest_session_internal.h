#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/json.h"
#include "io/http_client.h"
#include "lake/lake.h"

namespace strom::lake::iceberg {

/// A conversation with the service of a REST catalog: where it is, who we are, and its errors as
/// ours. One caller at a time.
class RestSession {
 public:
  /// Asks the service for its configuration, which goes over the options or under them. Errors:
  /// kInvalidConfig, kNetwork, kAuthenticate.
  static Result<std::shared_ptr<RestSession>> Open(const CatalogOptions& options);

  /// Calls `path` below the catalog's prefix ("namespaces/db/tables"). Errors by what it says: 404
  /// kNotFound, 409 kAlreadyExists, 401 and 419 kAuthenticate (after a second try with a new
  /// token), 403 kAuthorization, 400 and 406 kInvalidArgument, 503 kNetwork, other 5xx and a
  /// connection that broke kOutcomeUnknown.
  Result<Json> Call(const std::string& method, const std::string& path, const Json& body = {});

  const std::string& uri() const { return uri_; }

 private:
  RestSession() = default;
  Status Configure();
  Status Login();
  Result<Json> CallUrl(const std::string& method, const std::string& url, const Json& body);
  Result<io::HttpResponse> Send(const std::string& method, const std::string& url,
                                const Json& body);

  CatalogOptions options_;
  std::string uri_;  // without a slash at its end
  std::string prefix_;
  std::string token_;
  io::HttpClient http_;
};

}  // namespace strom::lake::iceberg
