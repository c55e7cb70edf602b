#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

/// Who may do what: the vocabulary of Apache Fluss (its codes on the wire, its names in metadata).
namespace strom::security {

enum class ResourceType : int32_t { kAny = 1, kCluster = 2, kDatabase = 3, kTable = 4 };
enum class Operation : int32_t {
  kAny = 1,
  kAll = 2,
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDrop = 6,
  kAlter = 7,
  kDescribe = 8
};
enum class Permission : int32_t { kAny = 1, kAllow = 2 };

/// "READ", "TABLE", .... As metadata and messages spell them.
const char* NameOf(ResourceType type);
const char* NameOf(Operation operation);
/// Errors: kInvalidArgument, naming what there is.
Result<ResourceType> ResourceTypeNamed(const std::string& name);
Result<Operation> OperationNamed(const std::string& name);

inline constexpr const char* kUserType = "User";
inline constexpr const char* kEveryone = "*";  // of principals, their types and hosts

struct Principal {
  std::string type = kUserType;
  std::string name = "ANONYMOUS";
  auto operator<=>(const Principal&) const = default;
  std::string ToString() const { return type + ":" + name; }
};
/// Of "User:alice" or "alice". Errors: kInvalidArgument.
Result<Principal> PrincipalIn(const std::string& text);

/// What rights are about. A right on a database holds for its tables, one on the cluster for all.
struct Resource {
  static constexpr const char* kClusterName = "fluss-cluster";

  ResourceType type = ResourceType::kCluster;
  std::string name = kClusterName;  // "db", "db.table"; "*": every one of this type

  static Resource Cluster() { return {}; }
  static Resource Database(std::string name) { return {ResourceType::kDatabase, std::move(name)}; }
  static Resource Table(const model::TablePath& path) {
    return {ResourceType::kTable, path.ToString()};
  }
  auto operator<=>(const Resource&) const = default;
  std::string ToString() const;
};
/// "cluster", "db" or "db.table".
Resource ResourceIn(const std::string& text);

/// A right on a resource that the entry is listed under. There is no denying entry.
struct AclEntry {
  Principal principal;
  std::string host = kEveryone;  // the client's address as text
  Operation operation = Operation::kAny;
  auto operator<=>(const AclEntry&) const = default;
};

using AclRules = std::map<Resource, std::set<AclEntry>>;

/// Which entries are meant; what is absent (or kAny) matches everything.
struct AclFilter {
  ResourceType type = ResourceType::kAny;
  std::optional<std::string> resource;  // counts with a type only
  std::optional<std::string> principal_type;
  std::optional<std::string> principal_name;
  std::optional<std::string> host;
  Operation operation = Operation::kAny;

  bool Matches(const Resource& of) const;
  bool Matches(const AclEntry& entry) const;
};

/// The entries of one resource as its node in the metadata has them.
std::string AclsToJson(const std::set<AclEntry>& entries);
/// Errors: kCorrupt.
Result<std::set<AclEntry>> AclsFromJson(ByteView text);

}  // namespace strom::security
