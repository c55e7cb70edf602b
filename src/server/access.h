#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "meta/view.h"
#include "net/connection.h"
#include "security/authorizer.h"
#include "security/sasl.h"

namespace strom::server {

/// What is known of the client at the other end of a connection. Of the connection's loop.
struct Session final : net::Connection::Companion {
  security::Caller caller;
  bool authenticated = false;  // or nothing is asked of it on this listener
};

/// What a caller may do, by the rights of one moment.
class Rights {
 public:
  Rights(const security::Authorizer& authorizer, security::Caller caller,
         std::shared_ptr<const meta::ClusterView> view)
      : authorizer_(authorizer), caller_(std::move(caller)), view_(std::move(view)) {}

  bool Allow(security::Operation operation, const security::Resource& resource) const {
    return authorizer_.Allows(view_->acls, caller_, operation, resource);
  }
  /// Errors: kAuthorization.
  Status Check(security::Operation operation, const security::Resource& resource) const {
    return authorizer_.Check(view_->acls, caller_, operation, resource);
  }
  /// Of a table by id; an unknown one is for others to complain of. Errors: kAuthorization.
  Status Check(security::Operation operation, model::TableId table) const {
    const meta::TableEntry* const entry = view_->Find(table);
    return entry == nullptr ? Status()
                            : Check(operation, security::Resource::Table(entry->info.path));
  }
  bool enabled() const { return authorizer_.enabled(); }
  const security::Caller& caller() const { return caller_; }

 private:
  const security::Authorizer& authorizer_;
  security::Caller caller_;
  std::shared_ptr<const meta::ClusterView> view_;
};

/// Who may come in on which listener, and as whom. Any thread.
class Access {
 public:
  enum class Protocol { kPlaintext, kSasl };
  struct Options {
    security::Authorizer::Options authorizer;
    std::map<std::string, Protocol> protocols;         // by listener; others are PLAINTEXT
    std::map<std::string, security::Passwords> users;  // of the configuration, by listener
    std::string internal_listener;  // who comes in here is a server; may be empty
  };
  /// The user that this process authenticates itself as, on any listener.
  static constexpr const char* kOwnUser = "__strom";

  explicit Access(Options options);

  const security::Authorizer& authorizer() const { return authorizer_; }
  std::unique_ptr<Session> NewSession(const net::Connection& connection) const;
  /// Takes what a client proves itself with. Errors: kAuthenticate.
  Status Authenticate(Session& session, const std::string& listener, const std::string& mechanism,
                      ByteView token) const;
  /// Whether a listener asks for a proof.
  bool AsksForProof(const std::string& listener) const;
  /// The users that were added at runtime. Errors: kInvalidConfig.
  Status SetUsers(const std::string& list);
  /// What kOwnUser proves itself with; made anew by each process.
  const std::string& own_password() const { return own_password_; }

 private:
  const Options options_;
  const security::Authorizer authorizer_;
  const std::string own_password_;
  mutable std::mutex mutex_;         // guards added_users_
  security::Passwords added_users_;  // before those of the configuration
};

}  // namespace strom::server
