#pragma once
#include <atomic>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "server/handlers/answer_internal.h"

namespace strom::server {

inline std::unexpected<Error> UnknownBucket(const model::TableBucket& bucket) {
  return Err(ErrorCode::kUnknownTableOrBucket, "{} is not on this server", bucket.ToString());
}

/// A bucket of this shard with its table. Errors: kUnknownTableOrBucket.
struct Here {
  const meta::TableEntry& table;
  replica::Replica& replica;
};
inline Result<Here> FindHere(replica::ShardReplicas& shard, const model::TableBucket& bucket) {
  const meta::TableEntry* const table = shard.view()->Find(bucket.table_id);
  replica::Replica* const replica = shard.Find(bucket);
  if (table == nullptr || replica == nullptr) return UnknownBucket(bucket);
  return Here{*table, *replica};
}

/// Errors: kInvalidRequiredAcks.
inline Status CheckAcks(int32_t acks) {
  if (acks >= -1 && acks <= 1) return {};
  return Err(ErrorCode::kInvalidRequiredAcks, "acks must be -1, 0 or 1, not {}", acks);
}

/// Whether work on a shard may begin: now, or when keys have room in memory.
struct AtOnce {
  template <class Work>
  void operator()(Server&, replica::ShardReplicas&, Work work) const {
    work();
  }
};
struct WhenMemoryAllows {
  template <class Work>
  void operator()(Server& server, replica::ShardReplicas& shard, Work work) const {
    server.replicas().WhenMemoryAllows(shard, std::move(work));
  }
};

/// Runs `work(shard, items)` once on each shard that owns some of `buckets`, with the indexes of
/// those, and `done` on the connection's shard when all have run.
template <class Admit = AtOnce, class Work, class Done>
void FanOut(Server& server, runtime::Loop& home, const std::vector<model::TableBucket>& buckets,
            Work work, Done done) {
  if (server.replicas().shard_count() == 1) {  // nowhere else to go: no need to share anything
    std::vector<size_t> all(buckets.size());
    std::iota(all.begin(), all.end(), size_t{0});
    replica::ShardReplicas& shard = server.replicas().at(0);
    return Admit()(
        server, shard,
        [&shard, all = std::move(all), work = std::move(work), done = std::move(done)]() mutable {
          work(shard, all);
          done();
        });
  }
  std::vector<std::vector<size_t>> by_shard(server.replicas().shard_count());
  for (size_t i = 0; i < buckets.size(); ++i)
    by_shard[server.replicas().OwnerOf(buckets[i])].push_back(i);
  auto left = std::make_shared<std::atomic<size_t>>(by_shard.size());
  auto shared_work = std::make_shared<Work>(std::move(work));
  auto shared_done = std::make_shared<Done>(std::move(done));
  const auto finish_one = [left, shared_done, &home] {
    if (--*left == 0) home.Run([shared_done] { (*shared_done)(); });
  };
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) {
      finish_one();
      continue;
    }
    server.replicas().LoopOf(shard).Run(
        [&server, shard, items = std::move(by_shard[shard]), shared_work, finish_one] {
          replica::ShardReplicas& here = server.replicas().at(shard);
          Admit()(server, here, [&here, items, shared_work, finish_one] {
            (*shared_work)(here, items);
            finish_one();
          });
        });
  }
}

/// A call with what was asked and what will be answered.
template <class Request>
struct Pending {
  Pending(Call c, Request r) : call(std::move(c)), request(std::move(r)) {}
  void Reply() { call.Reply<wire::ResponseOf<Request>>(std::move(response)); }
  Call call;
  Request request;
  wire::ResponseOf<Request> response;
};

/// Answers a decoded request that names buckets in `buckets_req`: `work(shard, bucket, request, i,
/// answer)` fills the i-th answer on the shard of its bucket and returns a Status; one failing
/// bucket does not fail the others.
template <class Admit = AtOnce, class Request, class Work>
void AnswerByBucket(Server& server, Call call, Request request, Work work) {
  runtime::Loop& home = call.loop();
  auto pending = std::make_shared<Pending<Request>>(std::move(call), std::move(request));
  const auto& parts = pending->request.buckets_req;
  pending->response.buckets_resp.resize(parts.size());
  std::vector<model::TableBucket> buckets;
  for (const auto& part : parts) buckets.push_back(BucketOf(pending->request.table_id, part));
  auto each = [pending, buckets, work](replica::ShardReplicas& shard,
                                       const std::vector<size_t>& items) {
    for (const size_t i : items) {
      auto& answer = pending->response.buckets_resp[i];
      answer.partition_id = PartitionOf(buckets[i]);
      answer.bucket_id = buckets[i].bucket;
      const Status done = work(shard, buckets[i], pending->request, i, answer);
      if (!done) SetError(answer, done.error());
    }
  };
  FanOut<Admit>(server, home, buckets, std::move(each), [pending] { pending->Reply(); });
}

}  // namespace strom::server
