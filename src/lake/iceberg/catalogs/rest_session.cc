#include "lake/iceberg/catalogs/rest_session_internal.h"

namespace strom::lake::iceberg {
namespace {

std::string OptionOf(const CatalogOptions& options, const char* key, const char* fallback = "") {
  const auto it = options.find(key);
  return it == options.end() ? fallback : it->second;
}

/// What the service says of an error; never the whole body, which may be a page.
std::string Reason(const io::HttpResponse& response) {
  const auto json = ParseJson(response.body, "answer");
  if (json && json->is_object()) {
    if (const auto error = json->find("error"); error != json->end()) {
      if (error->is_object()) {
        return fmt::format("{}: {}", JsonOr<std::string>(*error, "type", "error"),
                           JsonOr<std::string>(*error, "message", "no reason given"));
      }
      if (error->is_string()) {
        return fmt::format("{}: {}", error->get<std::string>(),
                           JsonOr<std::string>(*json, "error_description", "no reason given"));
      }
    }
  }
  return fmt::format("status {}", response.status);
}

ErrorCode CodeOf(int status) {
  switch (status) {
    case 400:
    case 406: return ErrorCode::kInvalidArgument;
    case 401:
    case 419: return ErrorCode::kAuthenticate;
    case 403: return ErrorCode::kAuthorization;
    case 404: return ErrorCode::kNotFound;
    case 409: return ErrorCode::kAlreadyExists;
    case 429:
    case 503: return ErrorCode::kNetwork;
    default: return status >= 500 ? ErrorCode::kOutcomeUnknown : ErrorCode::kInvalidArgument;
  }
}

Result<Json> AnswerOf(const io::HttpResponse& response, const std::string& what) {
  if (response.status < 200 || response.status > 299)
    return Err(CodeOf(response.status), "{}: {}", what, Reason(response));
  if (response.body.empty()) return Json::object();
  return ParseJson(response.body, what);
}

}  // namespace

Result<std::shared_ptr<RestSession>> RestSession::Open(const CatalogOptions& options) {
  std::shared_ptr<RestSession> session(new RestSession());
  session->options_ = options;
  session->uri_ = OptionOf(options, "uri");
  while (session->uri_.ends_with('/')) session->uri_.pop_back();
  if (session->uri_.empty()) {
    return Err(ErrorCode::kInvalidConfig,
               "datalake.iceberg.uri is not set; a REST catalog is asked at it");
  }
  session->token_ = OptionOf(options, "token");
  if (session->token_.empty() && options.contains("credential")) STROM_TRY(session->Login());
  STROM_TRY(session->Configure());
  return session;
}

Status RestSession::Configure() {
  std::string url = uri_ + "/v1/config";
  if (const std::string warehouse = OptionOf(options_, "warehouse"); !warehouse.empty())
    url += "?warehouse=" + io::UrlEncode(warehouse);
  STROM_ASSIGN(const Json config, CallUrl("GET", url, {}));
  if (!config.is_object()) return Err(ErrorCode::kCorrupt, "GET {}: no configuration came", url);
  for (const auto& [key, value] : JsonStringMap(config, "defaults"))
    options_.try_emplace(key, value);
  for (const auto& [key, value] : JsonStringMap(config, "overrides")) options_[key] = value;
  if (const std::string uri = OptionOf(options_, "uri"); uri != uri_ && !uri.empty()) {
    uri_ = uri;
    while (uri_.ends_with('/')) uri_.pop_back();
  }
  prefix_ = OptionOf(options_, "prefix");
  if (!prefix_.empty()) prefix_ += "/";
  return {};
}

/// The client-credentials grant of OAuth 2.
Status RestSession::Login() {
  const std::string credential = OptionOf(options_, "credential");
  const size_t colon = credential.find(':');
  const std::string id = colon == std::string::npos ? "" : credential.substr(0, colon);
  const std::string secret = colon == std::string::npos ? credential : credential.substr(colon + 1);
  io::HttpRequest request{"POST", OptionOf(options_, "oauth2-server-uri")};
  if (request.url.empty()) request.url = uri_ + "/v1/oauth/tokens";
  request.headers["Content-Type"] = "application/x-www-form-urlencoded";
  request.body =
      fmt::format("grant_type=client_credentials&client_secret={}&scope={}", io::UrlEncode(secret),
                  io::UrlEncode(OptionOf(options_, "scope", "catalog")));
  if (!id.empty()) request.body += "&client_id=" + io::UrlEncode(id);
  STROM_ASSIGN(const io::HttpResponse response, http_.Send(request));
  auto answer = AnswerOf(response, "POST " + request.url);
  if (!answer && answer.error().code == ErrorCode::kInvalidArgument)  // OAuth says 400
    return Err(ErrorCode::kAuthenticate, "{}", answer.error().message);
  if (!answer) return std::unexpected(answer.error());
  token_ = JsonOr<std::string>(*answer, "access_token", "");
  if (token_.empty())
    return Err(ErrorCode::kAuthenticate, "POST {}: no access_token came", request.url);
  return {};
}

Result<io::HttpResponse> RestSession::Send(const std::string& method, const std::string& url,
                                           const Json& body) {
  io::HttpRequest request{method, url};
  for (const auto& [key, value] : options_) {
    constexpr std::string_view kHeader = "header.";
    if (key.starts_with(kHeader)) request.headers[key.substr(kHeader.size())] = value;
  }
  if (!token_.empty()) request.headers["Authorization"] = "Bearer " + token_;
  request.headers["Accept"] = "application/json";
  if (!body.is_null()) {
    request.headers["Content-Type"] = "application/json";
    request.body = body.dump();
  }
  return http_.Send(request);
}

Result<Json> RestSession::Call(const std::string& method, const std::string& path,
                               const Json& body) {
  return CallUrl(method, uri_ + "/v1/" + prefix_ + path, body);
}

Result<Json> RestSession::CallUrl(const std::string& method, const std::string& url,
                                  const Json& body) {
  STROM_ASSIGN(io::HttpResponse response, Send(method, url, body));
  // Tokens end. Who was refused has changed nothing, so it may be said again.
  if (CodeOf(response.status) == ErrorCode::kAuthenticate && options_.contains("credential")) {
    STROM_TRY(Login());
    STROM_ASSIGN(response, Send(method, url, body));
  }
  return AnswerOf(response, method + " " + url);
}

}  // namespace strom::lake::iceberg
