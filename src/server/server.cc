#include "server/server.h"

#include "base/check.h"
#include "server/api_table.h"

namespace strom::server {

Status Server::Start() {
  for (const Endpoint& bind : options_.bind) {
    const net::Connection::Options options{options_.max_frame_bytes, bind.name};
    STROM_ASSIGN(
        auto listener,
        net::Listen(shards_, bind.host, bind.port, options,
                    [this](const std::shared_ptr<net::Connection>& connection,
                           net::RequestFrame frame) { Dispatch(connection, std::move(frame)); }));
    Endpoint endpoint{bind.name,
                      bind.host == "0.0.0.0" || bind.host == "::" ? "127.0.0.1" : bind.host,
                      listener->port()};
    for (const Endpoint& advertised : options_.advertised) {
      if (advertised.name == bind.name) endpoint = advertised;
    }
    endpoints_[bind.name] = endpoint;
    listeners_.push_back(std::move(listener));
  }
  for (const auto& listener : listeners_) listener->Start();
  return {};
}

Status Server::PublishSettings(coordinator::Coordinator::Settings settings) {
  const auto users = settings.find(security::kUsersSetting);
  STROM_TRY(access_.SetUsers(users == settings.end() ? "" : users->second));
  const std::lock_guard lock(settings_mutex_);
  settings_ = std::move(settings);
  return {};
}

void Server::Close() {
  for (auto& listener : listeners_) listener->Close();
}

size_t Server::ShardOf(const runtime::Loop& loop) const {
  for (size_t i = 0; i < shards_.count(); ++i) {
    if (&shards_.at(i) == &loop) return i;
  }
  STROM_CHECK(false);
  return 0;
}

void Server::OnAnswer(void* server, const Call& call, size_t bytes_out, bool failed) {
  const Api* const api = FindApi(static_cast<int16_t>(call.api()));
  if (api == nullptr) return;
  static_cast<Server*>(server)->requests_.Count(*api, call.bytes_in(), bytes_out, failed,
                                                std::chrono::steady_clock::now() - call.arrived());
}

void Server::Dispatch(const std::shared_ptr<net::Connection>& connection, net::RequestFrame frame) {
  const Api* api = FindApi(frame.header.api_key);
  const int16_t key = frame.header.api_key;
  const int16_t version = frame.header.version;
  if (connection->companion() == nullptr)
    connection->set_companion(access_.NewSession(*connection));
  Call call(connection, std::move(frame), {&Server::OnAnswer, this});
  if (api == nullptr) {
    return call.Fail(Error{ErrorCode::kUnsupportedVersion,
                           fmt::format("request {} ({}) is not supported by this server", key,
                                       wire::NameOf(static_cast<wire::ApiKey>(key)))});
  }
  if (version < api->min_version || version > api->max_version) {
    return call.Fail(
        Error{ErrorCode::kUnsupportedVersion,
              fmt::format("{} has versions {} to {}, {} was sent", wire::NameOf(api->key),
                          api->min_version, api->max_version, version)});
  }
  const bool first_words =
      api->key == wire::ApiKey::kApiVersions || api->key == wire::ApiKey::kAuthenticate;
  if (!first_words && !call.session().authenticated) {
    return call.FailAndClose(
        Error{ErrorCode::kAuthenticate,
              fmt::format("listener {} wants a user and a password (SASL with PLAIN) before {}",
                          connection->options().listener, wire::NameOf(api->key))});
  }
  api->handle(*this, std::move(call));
}

}  // namespace strom::server
