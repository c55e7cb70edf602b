#pragma once
#include <utility>

#include "server/server.h"

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

inline model::TablePath PathOf(const wire::PbTablePath& path) {
  return {path.database_name, path.table_name};
}
inline wire::PbTablePath ToWire(const model::TablePath& path) {
  return {path.database, path.table};
}
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

/// A bucket of a request as the model names it.
template <class Bucket>
model::TableBucket BucketOf(model::TableId table, const Bucket& bucket) {
  return {table, bucket.partition_id.value_or(model::kNoPartition), bucket.bucket_id};
}
inline std::optional<int64_t> PartitionOf(const model::TableBucket& bucket) {
  return bucket.partition_id == model::kNoPartition ? std::nullopt
                                                    : std::optional(bucket.partition_id);
}

/// The table's descriptor as clients see it: with the lake catalog's options, less everything
/// secret, when the lake is on.
std::string PublicDescriptor(const model::TableInfo& info,
                             const coordinator::Coordinator::Settings& settings);

}  // namespace strom::server
