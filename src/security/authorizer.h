#pragma once
#include <set>
#include <string>

#include "security/acl.h"

namespace strom::security {

/// Who sent a request, as far as it was proven.
struct Caller {
  Principal principal;
  std::string host;       // the client's address as text
  bool internal = false;  // a server of this cluster, or this process itself: may do everything
};

/// Decides by the rights that were given (Apache Fluss's default authorizer). Any thread.
class Authorizer {
 public:
  struct Options {
    bool enabled = false;  // off: everybody may do everything
    std::set<Principal> super_users;
    bool ignore_case = false;  // of the names of principals
  };

  explicit Authorizer(Options options) : options_(std::move(options)) {}
  bool enabled() const { return options_.enabled; }

  /// Whether an entry of the resource, of what contains it, or of all resources of its very type
  /// lets the caller. Everything else that may be done implies DESCRIBE.
  bool Allows(const AclRules& rules, const Caller& caller, Operation operation,
              const Resource& resource) const;
  /// Errors: kAuthorization, naming what is missing.
  Status Check(const AclRules& rules, const Caller& caller, Operation operation,
               const Resource& resource) const;

 private:
  bool Grants(const AclEntry& entry, const Caller& caller, Operation operation) const;
  bool IsSame(const Principal& a, const Principal& b) const;

  const Options options_;
};

/// Of "User:a;User:b". Errors: kInvalidArgument.
Result<std::set<Principal>> SuperUsersIn(const std::string& text);

}  // namespace strom::security
