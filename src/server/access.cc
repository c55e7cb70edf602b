#include "server/access.h"

#include "base/uuid.h"

namespace strom::server {

Access::Access(Options options)
    : options_(std::move(options)),
      authorizer_(options_.authorizer),
      own_password_(NewUuid() + NewUuid()) {}

bool Access::AsksForProof(const std::string& listener) const {
  const auto it = options_.protocols.find(listener);
  return it != options_.protocols.end() && it->second == Protocol::kSasl;
}

std::unique_ptr<Session> Access::NewSession(const net::Connection& connection) const {
  auto session = std::make_unique<Session>();
  const std::string& peer = connection.peer();
  session->caller.host = peer.substr(0, peer.rfind(':'));
  session->caller.internal = connection.options().listener == options_.internal_listener;
  session->authenticated = !AsksForProof(connection.options().listener);
  return session;
}

Status Access::Authenticate(Session& session, const std::string& listener,
                            const std::string& mechanism, ByteView token) const {
  const auto own = security::AuthenticatePlain({{kOwnUser, own_password_}}, token);
  if (own) {
    session.caller.internal = session.authenticated = true;
    return {};
  }
  if (!AsksForProof(listener)) {
    if (mechanism == "PLAINTEXT") return {};
    return Err(ErrorCode::kAuthenticate, "listener {} speaks PLAINTEXT, '{}' was asked for",
               listener, mechanism);
  }
  if (mechanism != "PLAIN") {
    return Err(ErrorCode::kAuthenticate, "listener {} wants SASL with PLAIN, '{}' was asked for",
               listener, mechanism);
  }
  security::Passwords users;
  if (const auto it = options_.users.find(listener); it != options_.users.end()) users = it->second;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [user, password] : added_users_) users[user] = password;
  }
  STROM_ASSIGN(const std::string user, security::AuthenticatePlain(users, token));
  session.caller.principal = {security::kUserType, user};
  session.authenticated = true;
  return {};
}

Status Access::SetUsers(const std::string& list) {
  STROM_ASSIGN(security::Passwords users, security::PasswordsInList(list));
  const std::lock_guard lock(mutex_);
  added_users_ = std::move(users);
  return {};
}

}  // namespace strom::server
