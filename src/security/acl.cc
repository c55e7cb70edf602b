#include "security/acl.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/text.h"

namespace strom::security {
namespace {

constexpr std::pair<ResourceType, const char*> kTypes[] = {{ResourceType::kAny, "ANY"},
                                                           {ResourceType::kCluster, "CLUSTER"},
                                                           {ResourceType::kDatabase, "DATABASE"},
                                                           {ResourceType::kTable, "TABLE"}};
constexpr std::pair<Operation, const char*> kOperations[] = {
    {Operation::kAny, "ANY"},     {Operation::kAll, "ALL"},          {Operation::kRead, "READ"},
    {Operation::kWrite, "WRITE"}, {Operation::kCreate, "CREATE"},    {Operation::kDrop, "DROP"},
    {Operation::kAlter, "ALTER"}, {Operation::kDescribe, "DESCRIBE"}};
constexpr const char* kAllowText = "ALLOW";

template <class Value, size_t kCount>
const char* NameIn(const std::pair<Value, const char*> (&table)[kCount], Value value) {
  const auto* const it = std::ranges::find(table, value, &std::pair<Value, const char*>::first);
  return it == std::end(table) ? "UNKNOWN" : it->second;
}

template <class Value, size_t kCount>
Result<Value> Named(const std::pair<Value, const char*> (&table)[kCount], const std::string& name,
                    const char* what) {
  const std::string upper = ToUpper(name);
  std::vector<std::string> names;
  for (const auto& [value, text] : table) {
    if (upper == text) return value;
    names.emplace_back(text);
  }
  return Err(ErrorCode::kInvalidArgument, "'{}' is no {}; there are {}", name, what,
             Join(names, ", "));
}

}  // namespace

const char* NameOf(ResourceType type) {
  return NameIn(kTypes, type);
}
const char* NameOf(Operation operation) {
  return NameIn(kOperations, operation);
}
Result<ResourceType> ResourceTypeNamed(const std::string& name) {
  return Named(kTypes, name, "type of resource");
}
Result<Operation> OperationNamed(const std::string& name) {
  return Named(kOperations, name, "operation");
}

Result<Principal> PrincipalIn(const std::string& text) {
  const size_t colon = text.find(':');
  Principal principal;
  principal.name = text;
  if (colon != std::string::npos) principal = {text.substr(0, colon), text.substr(colon + 1)};
  if (principal.type.empty() || principal.name.empty())
    return Err(ErrorCode::kInvalidArgument, "'{}' is no principal; write User:NAME", text);
  return principal;
}

std::string Resource::ToString() const {
  return type == ResourceType::kCluster ? "the cluster" : ToLower(NameOf(type)) + " " + name;
}

Resource ResourceIn(const std::string& text) {
  if (text == "cluster" || text == Resource::kClusterName) return Resource::Cluster();
  const bool table = text.find('.') != std::string::npos;
  return {table ? ResourceType::kTable : ResourceType::kDatabase, text};
}

bool AclFilter::Matches(const Resource& of) const {
  if (type == ResourceType::kAny) return true;
  return of.type == type && (!resource || of.name == *resource);
}

bool AclFilter::Matches(const AclEntry& entry) const {
  const auto is = [](const std::optional<std::string>& wanted, const std::string& value) {
    return !wanted || *wanted == value;
  };
  return is(principal_type, entry.principal.type) && is(principal_name, entry.principal.name) &&
         is(host, entry.host) && (operation == Operation::kAny || operation == entry.operation);
}

std::string AclsToJson(const std::set<AclEntry>& entries) {
  Json acls = Json::array();
  for (const AclEntry& entry : entries) {
    acls.push_back({{"principal_type", entry.principal.type},
                    {"principal_name", entry.principal.name},
                    {"permission_type", kAllowText},
                    {"host", entry.host},
                    {"operation", NameOf(entry.operation)}});
  }
  return Json{{"version", 1}, {"acls", std::move(acls)}}.dump();
}

Result<std::set<AclEntry>> AclsFromJson(ByteView text) {
  STROM_ASSIGN(const Json json, ParseJson(text, "access rights"));
  std::set<AclEntry> entries;
  const auto acls = json.find("acls");
  if (acls == json.end() || !acls->is_array())
    return Err(ErrorCode::kCorrupt, "access rights have no list 'acls'");
  for (const Json& item : *acls) {
    AclEntry entry;
    STROM_ASSIGN(entry.principal.type, JsonString(item, "principal_type"));
    STROM_ASSIGN(entry.principal.name, JsonString(item, "principal_name"));
    STROM_ASSIGN(entry.host, JsonString(item, "host"));
    STROM_ASSIGN(const std::string permission, JsonString(item, "permission_type"));
    STROM_ASSIGN(const std::string operation, JsonString(item, "operation"));
    const auto named = OperationNamed(operation);
    if (!named || ToUpper(permission) != kAllowText)
      return Err(ErrorCode::kCorrupt, "no such right: {} {}", permission, operation);
    entry.operation = *named;
    entries.insert(std::move(entry));
  }
  return entries;
}

}  // namespace strom::security
