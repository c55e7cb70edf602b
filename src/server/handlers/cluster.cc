#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

using coordinator::ServerUpkeep;

/// Errors: kServerTagNotExist.
Result<ServerUpkeep::Tag> TagOf(int32_t code) {
  if (code == 0) return ServerUpkeep::Tag::kPermanentOffline;
  if (code == 1) return ServerUpkeep::Tag::kTemporaryOffline;
  return Err(ErrorCode::kServerTagNotExist, "there is no server tag {}", code);
}

/// The buckets of a table, or of one partition of it. Errors: kTableNotExist, kPartitionNotExists.
Result<std::vector<model::TableBucket>> BucketsOf(const meta::ClusterView& view,
                                                  model::TableId table_id,
                                                  std::optional<model::PartitionId> partition) {
  const meta::TableEntry* const table = view.Find(table_id);
  if (table == nullptr) return Err(ErrorCode::kTableNotExist, "table {} does not exist", table_id);
  std::vector<model::TableBucket> buckets = table->info.Buckets(table->partitions);
  if (!partition) return buckets;
  std::erase_if(buckets, [&](const auto& bucket) { return bucket.partition_id != *partition; });
  if (buckets.empty()) {
    return Err(ErrorCode::kPartitionNotExists, "table {} has no partition {}",
               table->info.path.ToString(), *partition);
  }
  return buckets;
}

Result<wire::RegisterProducerOffsetsResponse> Register(
    MetaService& meta, const wire::RegisterProducerOffsetsRequest& request, const Rights& rights) {
  constexpr Millis kLongest = Millis{366} * 24 * 3600 * 1000;
  constexpr int32_t kCreated = 0;
  constexpr int32_t kAlreadyExists = 1;
  meta::BucketNumbers offsets;
  for (const wire::PbProducerTableOffsets& table : request.table_offsets) {
    STROM_TRY(rights.Check(security::Operation::kWrite, table.table_id));
    for (const wire::PbBucketOffset& bucket : table.bucket_offsets) {
      const model::TableBucket id = BucketOf(table.table_id, bucket);
      if (!meta.coordinator().view()->Has(id))
        return Err(ErrorCode::kUnknownTableOrBucket, "{} does not exist", id.ToString());
      if (bucket.log_end_offset) offsets[id] = *bucket.log_end_offset;
    }
  }
  const Millis now = meta.coordinator().Now();
  const Millis ttl = request.ttl_ms.value_or(meta.coordinator().producer_offsets_ttl());
  STROM_ASSIGN(const bool created,
               meta.coordinator().producer_offsets().Register(
                   request.producer_id, now, now + std::clamp<Millis>(ttl, 0, kLongest), offsets));
  return wire::RegisterProducerOffsetsResponse{created ? kCreated : kAlreadyExists};
}

Result<wire::GetProducerOffsetsResponse> Offsets(MetaService& meta,
                                                 const wire::GetProducerOffsetsRequest& request,
                                                 const Rights& rights) {
  const meta::TimedNumbers* const found =
      meta.coordinator().producer_offsets().Find(request.producer_id, meta.coordinator().Now());
  wire::GetProducerOffsetsResponse response;
  if (found == nullptr) return response;
  response.producer_id = request.producer_id;
  response.expiration_time = found->expires;
  for (const auto& [bucket, offset] : found->numbers) {
    if (!rights.Check(security::Operation::kRead, bucket.table_id)) continue;
    if (response.table_offsets.empty() || response.table_offsets.back().table_id != bucket.table_id)
      response.table_offsets.emplace_back().table_id = bucket.table_id;
    response.table_offsets.back().bucket_offsets.push_back(
        {PartitionOf(bucket), bucket.bucket, offset});
  }
  return response;
}

}  // namespace

void RegisterProducerOffsets(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::RegisterProducerOffsetsRequest>(
      server, std::move(call),
      [rights](MetaService& meta, const wire::RegisterProducerOffsetsRequest& request) {
        return Register(meta, request, rights);
      });
}

void GetProducerOffsets(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::GetProducerOffsetsRequest>(
      server, std::move(call),
      [rights](MetaService& meta, const wire::GetProducerOffsetsRequest& request) {
        return Offsets(meta, request, rights);
      });
}

void DeleteProducerOffsets(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::DeleteProducerOffsetsRequest>(
      server, std::move(call),
      [rights](MetaService& meta, const wire::DeleteProducerOffsetsRequest& request)
          -> Result<wire::DeleteProducerOffsetsResponse> {
        const meta::TimedNumbers* const found = meta.coordinator().producer_offsets().Find(
            request.producer_id, meta.coordinator().Now());
        if (found != nullptr) {
          for (const auto& [bucket, offset] : found->numbers)
            STROM_TRY(rights.Check(security::Operation::kWrite, bucket.table_id));
        }
        STROM_TRY(meta.coordinator().producer_offsets().Drop(request.producer_id));
        return wire::DeleteProducerOffsetsResponse();
      });
}

void AddServerTag(Server& server, Call call) {
  AnswerOnCoordinator<wire::AddServerTagRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::AddServerTagRequest& request) -> Result<wire::AddServerTagResponse> {
        STROM_ASSIGN(const ServerUpkeep::Tag tag, TagOf(request.server_tag));
        STROM_TRY(meta.coordinator().server_upkeep().AddTag(request.server_ids, tag));
        return wire::AddServerTagResponse();
      });
}

void RemoveServerTag(Server& server, Call call) {
  AnswerOnCoordinator<wire::RemoveServerTagRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::RemoveServerTagRequest& request) -> Result<wire::RemoveServerTagResponse> {
        STROM_ASSIGN(const ServerUpkeep::Tag tag, TagOf(request.server_tag));
        STROM_TRY(meta.coordinator().server_upkeep().RemoveTag(request.server_ids, tag));
        return wire::RemoveServerTagResponse();
      });
}

void Rebalance(Server& server, Call call) {
  AnswerOnCoordinator<wire::RebalanceRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::RebalanceRequest& request) -> Result<wire::RebalanceResponse> {
        STROM_ASSIGN(const auto task, meta.coordinator().server_upkeep().Start(request.goals));
        return wire::RebalanceResponse{task.id};
      });
}

void ListRebalanceProgress(Server& server, Call call) {
  AnswerOnCoordinator<wire::ListRebalanceProgressRequest>(
      server, std::move(call),
      [](MetaService& meta, const wire::ListRebalanceProgressRequest& request)
          -> Result<wire::ListRebalanceProgressResponse> {
        STROM_ASSIGN(const auto task,
                     meta.coordinator().server_upkeep().Progress(request.rebalance_id));
        wire::ListRebalanceProgressResponse response;
        if (task) {
          response.rebalance_id = task->id;
          response.rebalance_status = task->status;
        }
        return response;
      });
}

/// What is completed cannot be cancelled any more, which upstream takes for done as well.
void CancelRebalance(Server& server, Call call) {
  AnswerOnCoordinator<wire::CancelRebalanceRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::CancelRebalanceRequest& request) -> Result<wire::CancelRebalanceResponse> {
        STROM_TRY(meta.coordinator().server_upkeep().Progress(request.rebalance_id));
        return wire::CancelRebalanceResponse();
      });
}

void GetClusterHealth(Server& server, Call call) {
  const auto view = server.Here(call).view();
  AnswerHere<wire::GetClusterHealthRequest>(
      server, std::move(call),
      [&](const wire::GetClusterHealthRequest&) -> Result<wire::GetClusterHealthResponse> {
        constexpr int32_t kGreen = 0;
        int32_t buckets = 0;
        for (const auto& [path, table] : view->tables)
          buckets += static_cast<int32_t>(table->info.Buckets(table->partitions).size());
        return wire::GetClusterHealthResponse{buckets, buckets, buckets, buckets, kGreen};
      });
}

void ListRemoteLogManifests(Server& server, Call call) {
  AnswerOnCoordinator<wire::ListRemoteLogManifestsRequest>(
      server, std::move(call),
      [](MetaService& meta, const wire::ListRemoteLogManifestsRequest& request)
          -> Result<wire::ListRemoteLogManifestsResponse> {
        STROM_ASSIGN(const auto buckets,
                     BucketsOf(*meta.coordinator().view(), request.table_id, request.partition_id));
        wire::ListRemoteLogManifestsResponse response;
        for (const model::TableBucket& bucket : buckets) {
          STROM_ASSIGN(const auto handle, meta.coordinator().RemoteLog(bucket));
          if (!handle) continue;
          wire::PbRemoteLogManifestEntry& entry = response.manifests.emplace_back();
          entry.table_bucket.table_id = bucket.table_id;
          entry.table_bucket.partition_id = PartitionOf(bucket);
          entry.table_bucket.bucket_id = bucket.bucket;
          entry.remote_log_manifest_path = handle->manifest_path;
          entry.remote_log_end_offset = handle->end_offset;
        }
        return response;
      });
}

void ListKvSnapshots(Server& server, Call call) {
  AnswerOnCoordinator<wire::ListKvSnapshotsRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::ListKvSnapshotsRequest& request) -> Result<wire::ListKvSnapshotsResponse> {
        STROM_ASSIGN(const auto buckets,
                     BucketsOf(*meta.coordinator().view(), request.table_id, request.partition_id));
        wire::ListKvSnapshotsResponse response;
        response.table_id = request.table_id;
        response.partition_id = request.partition_id;
        for (const model::TableBucket& bucket : buckets) {
          STROM_ASSIGN(const auto handles, meta.coordinator().KvSnapshots(bucket));
          for (const model::KvSnapshotHandle& handle : handles)
            response.active_snapshots.push_back(
                {bucket.bucket, handle.snapshot_id, handle.log_offset});
        }
        return response;
      });
}

}  // namespace strom::server
