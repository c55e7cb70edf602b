#pragma once
#include <concepts>
#include <optional>
#include <utility>

#include "base/check.h"
#include "server/api_table.h"
#include "server/server.h"
#include "wire/model_names.h"

namespace strom::server {

/// What a request is about, by the field that names it; nothing for a table that does not exist.
template <class Request>
std::optional<security::Resource> ResourceOf(On on, const Request& request,
                                             const meta::ClusterView& view) {
  using security::Resource;
  if (on == On::kCluster) return Resource::Cluster();
  if constexpr (requires {
                  { request.table_path } -> std::same_as<const wire::PbTablePath&>;
                }) {
    return on == On::kTable ? Resource::Table(wire::PathOf(request.table_path))
                            : Resource::Database(request.table_path.database_name);
  } else if constexpr (requires { request.database_name; }) {
    return Resource::Database(request.database_name);
  } else if constexpr (requires { request.table_id; }) {
    const meta::TableEntry* const table = view.Find(request.table_id);
    return table == nullptr ? std::nullopt : std::optional(Resource::Table(table->info.path));
  } else {
    STROM_CHECK(false);  // its row in the table of requests says otherwise
  }
}

/// The request in a call whose sender may send it. On the connection's loop. Errors:
/// kCorruptMessage, kAuthorization.
template <class Request>
Result<Request> Take(Server& server, const Call& call) {
  STROM_ASSIGN(Request request, call.Decode<Request>());
  const Api& api = *FindApi(call.header().api_key);
  if (api.on == On::kNothing || api.on == On::kHandler || !server.access().authorizer().enabled())
    return request;
  const auto resource = ResourceOf(api.on, request, *server.Here(call).view());
  if (resource) STROM_TRY(server.RightsOf(call).Check(api.operation, *resource));
  return request;
}

/// Takes the request, runs `work(request)` on the connection's shard and answers with its Result.
template <class Request, class Work>
void AnswerHere(Server& server, Call call, Work work) {
  auto request = Take<Request>(server, call);
  if (!request) return call.Fail(request.error());
  call.Reply<wire::ResponseOf<Request>>(work(*request));
}

/// Takes the request, runs `work(meta, request)` on the coordinator's loop and answers with its
/// Result once the shards have seen what it changed.
template <class Request, class Work>
void AnswerOnCoordinator(Server& server, Call call, Work work) {
  auto request = Take<Request>(server, call);
  if (!request) return call.Fail(request.error());
  server.meta().Answer<wire::ResponseOf<Request>>(
      std::move(call), [request = std::move(*request), work = std::move(work)](MetaService& meta) {
        return work(meta, request);
      });
}

using wire::BucketOf;
using wire::PartitionOf;
using wire::PathOf;
using wire::ToWire;

inline SharedBytes TextBytes(std::string text) {
  return SharedBytes::Own(std::move(text));
}

/// Errors: kTableNotExist.
inline Result<const meta::TableEntry*> FindTable(const meta::ClusterView& view,
                                                 const model::TablePath& path) {
  const meta::TableEntry* table = view.Find(path);
  if (table == nullptr)
    return Err(ErrorCode::kTableNotExist, "table {} does not exist", path.ToString());
  return table;
}

/// What ALTER sets (a value) and resets (none). Errors: `code`.
inline Result<coordinator::Coordinator::PropertyChanges> PropertyChangesIn(
    const std::vector<wire::PbAlterConfig>& changes, ErrorCode code) {
  constexpr int32_t kSet = 0;
  constexpr int32_t kReset = 1;
  coordinator::Coordinator::PropertyChanges read;
  for (const wire::PbAlterConfig& change : changes) {
    if (change.op_type != kSet && change.op_type != kReset) {
      return Err(code, "option '{}' can be set or reset, nothing else", change.config_key);
    }
    if (change.op_type == kSet && !change.config_value)
      return Err(code, "option '{}' has no value", change.config_key);
    read.emplace_back(change.config_key,
                      change.op_type == kSet ? change.config_value : std::nullopt);
  }
  return read;
}

/// The table's descriptor as clients see it: with the lake catalog's options, less everything
/// secret, when the lake is on.
std::string PublicDescriptor(const model::TableInfo& info,
                             const coordinator::Coordinator::Settings& settings);

}  // namespace strom::server
