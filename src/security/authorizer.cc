#include "security/authorizer.h"

#include <algorithm>

#include "base/text.h"

namespace strom::security {
namespace {

/// The resource and what contains it, narrowest first.
std::vector<Resource> WithParents(const Resource& resource) {
  std::vector<Resource> chain{resource};
  if (resource.type == ResourceType::kTable)
    chain.push_back(Resource::Database(resource.name.substr(0, resource.name.find('.'))));
  if (resource.type != ResourceType::kCluster) chain.push_back(Resource::Cluster());
  return chain;
}

bool Implies(Operation granted, Operation wanted) {
  if (granted == wanted || granted == Operation::kAll) return true;
  return wanted == Operation::kDescribe && granted != Operation::kAny;
}

}  // namespace

bool Authorizer::IsSame(const Principal& a, const Principal& b) const {
  if (a == b) return true;
  return options_.ignore_case && ToLower(a.type) == ToLower(b.type) &&
         ToLower(a.name) == ToLower(b.name);
}

bool Authorizer::Grants(const AclEntry& entry, const Caller& caller, Operation operation) const {
  const bool everyone = entry.principal == Principal{kEveryone, kEveryone};
  return (everyone || IsSame(entry.principal, caller.principal)) &&
         (entry.host == kEveryone || entry.host == caller.host) &&
         Implies(entry.operation, operation);
}

bool Authorizer::Allows(const AclRules& rules, const Caller& caller, Operation operation,
                        const Resource& resource) const {
  if (!options_.enabled || caller.internal) return true;
  for (const Principal& user : options_.super_users) {
    if (IsSame(user, caller.principal)) return true;
  }
  std::vector<Resource> places = WithParents(resource);
  places.push_back({resource.type, kEveryone});
  return std::ranges::any_of(places, [&](const Resource& place) {
    const auto it = rules.find(place);
    return it != rules.end() && std::ranges::any_of(it->second, [&](const AclEntry& entry) {
             return Grants(entry, caller, operation);
           });
  });
}

Status Authorizer::Check(const AclRules& rules, const Caller& caller, Operation operation,
                         const Resource& resource) const {
  if (Allows(rules, caller, operation, resource)) return {};
  return Err(ErrorCode::kAuthorization, "{} may not {} {}; it has no such right there or above",
             caller.principal.ToString(), NameOf(operation), resource.ToString());
}

Result<std::set<Principal>> SuperUsersIn(const std::string& text) {
  std::set<Principal> users;
  for (const std::string& part : Split(text, ';')) {
    const std::string word(Trim(part));
    if (word.empty()) continue;
    STROM_ASSIGN(Principal user, PrincipalIn(word));
    users.insert(std::move(user));
  }
  return users;
}

}  // namespace strom::security
