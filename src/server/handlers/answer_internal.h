#pragma once
#include <utility>

#include "server/server.h"
#include "wire/model_names.h"

namespace strom::server {

/// Decodes the request, runs `work(request)` on the connection's shard and answers with its Result.
template <class Request, class Work>
void AnswerHere(Call call, Work work) {
  auto request = call.Decode<Request>();
  if (!request) return call.Fail(request.error());
  call.Reply<wire::ResponseOf<Request>>(work(*request));
}

/// Decodes the request, runs `work(meta, request)` on the coordinator's loop and answers with its
/// Result once the shards have seen what it changed.
template <class Request, class Work>
void AnswerOnCoordinator(Server& server, Call call, Work work) {
  auto request = call.Decode<Request>();
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

/// The table's descriptor as clients see it: with the lake catalog's options, less everything
/// secret, when the lake is on.
std::string PublicDescriptor(const model::TableInfo& info,
                             const coordinator::Coordinator::Settings& settings);

}  // namespace strom::server
