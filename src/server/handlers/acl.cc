#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

using security::AclEntry;
using security::AclFilter;
using security::Operation;
using security::Permission;
using security::Resource;
using security::ResourceType;

template <class Value>
bool IsBetween(int32_t code, Value first, Value last) {
  return code >= static_cast<int32_t>(first) && code <= static_cast<int32_t>(last);
}

/// Errors: kSecurityDisabled.
Status CheckEnabled(const Rights& rights) {
  if (rights.enabled()) return {};
  return Err(ErrorCode::kSecurityDisabled,
             "this cluster has no access rights; set authorizer.enabled in server.yaml");
}

/// Whoever gives rights on a table needs ALL on its database, so that nobody gives himself more.
Status CheckMayGive(const Rights& rights, const Resource& resource) {
  const Resource place = resource.type == ResourceType::kTable
                             ? Resource::Database(resource.name.substr(0, resource.name.find('.')))
                             : resource;
  return rights.Check(Operation::kAll, place);
}

/// Errors: kInvalidConfig: rights are about one thing, filters may leave it open.
Result<std::pair<Resource, AclEntry>> RightOf(const wire::PbAclInfo& info) {
  if (!IsBetween(info.resource_type, ResourceType::kCluster, ResourceType::kTable) ||
      !IsBetween(info.operation_type, Operation::kAll, Operation::kDescribe) ||
      info.permission_type != static_cast<int32_t>(Permission::kAllow)) {
    return Err(ErrorCode::kInvalidConfig,
               "a right allows one operation, or ALL, on one type of resource");
  }
  const Resource resource{static_cast<ResourceType>(info.resource_type), info.resource_name};
  if (resource.type == ResourceType::kCluster && resource.name != Resource::kClusterName) {
    return Err(ErrorCode::kInvalidConfig, "the cluster is called {}, not '{}'",
               Resource::kClusterName, resource.name);
  }
  if (info.principal_name.empty() || info.principal_type.empty() || info.host.empty())
    return Err(ErrorCode::kInvalidConfig, "a right needs a principal and a host, or *");
  return std::pair(resource, AclEntry{{info.principal_type, info.principal_name},
                                      info.host,
                                      static_cast<Operation>(info.operation_type)});
}

wire::PbAclInfo ToWire(const Resource& resource, const AclEntry& entry) {
  wire::PbAclInfo info;
  info.resource_name = resource.name;
  info.resource_type = static_cast<int32_t>(resource.type);
  info.principal_name = entry.principal.name;
  info.principal_type = entry.principal.type;
  info.host = entry.host;
  info.operation_type = static_cast<int32_t>(entry.operation);
  info.permission_type = static_cast<int32_t>(Permission::kAllow);
  return info;
}

/// Errors: kInvalidConfig.
Result<AclFilter> FilterOf(const wire::PbAclFilter& asked) {
  if (!IsBetween(asked.resource_type, ResourceType::kAny, ResourceType::kTable) ||
      !IsBetween(asked.operation_type, Operation::kAny, Operation::kDescribe) ||
      !IsBetween(asked.permission_type, Permission::kAny, Permission::kAllow)) {
    return Err(ErrorCode::kInvalidConfig, "no such type of resource, operation or permission");
  }
  AclFilter filter;
  filter.type = static_cast<ResourceType>(asked.resource_type);
  filter.resource = asked.resource_name;
  filter.principal_type = asked.principal_type;
  filter.principal_name = asked.principal_name;
  filter.host = asked.host;
  filter.operation = static_cast<Operation>(asked.operation_type);
  return filter;
}

Status Give(MetaService& meta, const Rights& rights, const wire::PbAclInfo& info) {
  STROM_ASSIGN(const auto right, RightOf(info));
  const auto& [resource, entry] = right;
  STROM_TRY(CheckMayGive(rights, resource));
  const auto view = meta.coordinator().view();
  const auto known = view->acls.find(resource);
  std::set<AclEntry> entries = known == view->acls.end() ? std::set<AclEntry>() : known->second;
  if (!entries.insert(entry).second) return {};
  return meta.coordinator().PutAcls(resource, entries);
}

void TakeAway(MetaService& meta, const Rights& rights, const AclFilter& filter,
              wire::PbDropAclsFilterResult& result) {
  const auto view = meta.coordinator().view();
  for (const auto& [resource, entries] : view->acls) {
    if (!filter.Matches(resource)) continue;
    std::set<AclEntry> kept;
    std::vector<AclEntry> dropped;
    for (const AclEntry& entry : entries) {
      if (filter.Matches(entry)) {
        dropped.push_back(entry);
      } else {
        kept.insert(entry);
      }
    }
    if (dropped.empty()) continue;
    Status done = CheckMayGive(rights, resource);
    if (done) done = meta.coordinator().PutAcls(resource, kept);
    for (const AclEntry& entry : dropped) {
      wire::PbDropAclsMatchingAcl& matching = result.matching_acls.emplace_back();
      matching.acl = ToWire(resource, entry);
      if (!done) SetError(matching, done.error());
    }
  }
}

}  // namespace

void CreateAcls(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::CreateAclsRequest>(
      server, std::move(call),
      [rights](MetaService& meta,
               const wire::CreateAclsRequest& request) -> Result<wire::CreateAclsResponse> {
        STROM_TRY(CheckEnabled(rights));
        wire::CreateAclsResponse response;
        for (const wire::PbAclInfo& acl : request.acl) {
          wire::PbCreateAclRespInfo& answer = response.acl_res.emplace_back();
          answer.acl = acl;
          if (const Status given = Give(meta, rights, acl); !given) SetError(answer, given.error());
        }
        return response;
      });
}

void ListAcls(Server& server, Call call) {
  const auto view = server.Here(call).view();
  const Rights rights = server.RightsOf(call);
  AnswerHere<wire::ListAclsRequest>(
      server, std::move(call),
      [&](const wire::ListAclsRequest& request) -> Result<wire::ListAclsResponse> {
        STROM_TRY(CheckEnabled(rights));
        STROM_ASSIGN(const AclFilter filter, FilterOf(request.acl_filter));
        wire::ListAclsResponse response;
        for (const auto& [resource, entries] : view->acls) {
          if (!filter.Matches(resource) || !rights.Allow(Operation::kDescribe, resource)) continue;
          for (const AclEntry& entry : entries) {
            if (filter.Matches(entry)) response.acl.push_back(ToWire(resource, entry));
          }
        }
        return response;
      });
}

void DropAcls(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::DropAclsRequest>(
      server, std::move(call),
      [rights](MetaService& meta,
               const wire::DropAclsRequest& request) -> Result<wire::DropAclsResponse> {
        STROM_TRY(CheckEnabled(rights));
        wire::DropAclsResponse response;
        for (const wire::PbAclFilter& asked : request.acl_filter) {
          wire::PbDropAclsFilterResult& result = response.filter_results.emplace_back();
          const auto filter = FilterOf(asked);
          if (filter) {
            TakeAway(meta, rights, *filter, result);
          } else {
            SetError(result, filter.error());
          }
        }
        return response;
      });
}

}  // namespace strom::server
