#include <algorithm>

#include "io/file_system.h"
#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

/// Errors: kPartitionNotExists.
Result<model::PartitionId> PartitionNamed(const meta::TableEntry& table,
                                          const std::optional<std::string>& name) {
  if (!name) return model::kNoPartition;
  const auto it = table.partitions.find(*name);
  if (it != table.partitions.end()) return it->second;
  return Err(ErrorCode::kPartitionNotExists, "table {} has no partition '{}'",
             table.info.path.ToString(), *name);
}

Result<wire::GetLatestKvSnapshotsResponse> LatestSnapshots(
    MetaService& meta, const wire::GetLatestKvSnapshotsRequest& request) {
  const auto view = meta.coordinator().view();
  STROM_ASSIGN(const meta::TableEntry* const table, FindTable(*view, PathOf(request.table_path)));
  if (!table->info.descriptor.has_primary_key()) {
    return Err(ErrorCode::kNonPrimaryKeyTable, "table {} has no primary key",
               table->info.path.ToString());
  }
  STROM_ASSIGN(const model::PartitionId partition, PartitionNamed(*table, request.partition_name));
  wire::GetLatestKvSnapshotsResponse response;
  response.table_id = table->info.table_id;
  if (partition != model::kNoPartition) response.partition_id = partition;
  for (int32_t i = 0; i < table->info.bucket_count(); ++i) {
    wire::PbKvSnapshot& snapshot = response.latest_snapshots.emplace_back();
    snapshot.bucket_id = i;
    STROM_ASSIGN(const auto handles,
                 meta.coordinator().KvSnapshots({table->info.table_id, partition, i}));
    if (handles.empty()) continue;
    snapshot.snapshot_id = handles.back().snapshot_id;
    snapshot.log_offset = handles.back().log_offset;
  }
  return response;
}

/// Errors: kKvSnapshotNotExist.
Result<model::KvSnapshotHandle> FindSnapshot(MetaService& meta, const model::TableBucket& bucket,
                                             int64_t id) {
  // Snapshots lie by partition; rights were asked for of the table that the request names.
  if (meta.coordinator().view()->Has(bucket)) {
    STROM_ASSIGN(const auto handles, meta.coordinator().KvSnapshots(bucket));
    const auto it = std::ranges::find(handles, id, &model::KvSnapshotHandle::snapshot_id);
    if (it != handles.end()) return *it;
  }
  return Err(ErrorCode::kKvSnapshotNotExist, "{} has no key snapshot {}", bucket.ToString(), id);
}

Result<wire::GetKvSnapshotMetadataResponse> SnapshotMetadata(
    MetaService& meta, const wire::GetKvSnapshotMetadataRequest& request) {
  const model::TableBucket bucket = BucketOf(request.table_id, request);
  STROM_ASSIGN(const auto handle, FindSnapshot(meta, bucket, request.snapshot_id));
  STROM_ASSIGN(const Bytes text, io::ReadWholeFile(io::LocalFiles(), handle.metadata_path));
  STROM_ASSIGN(const model::KvSnapshot snapshot, model::KvSnapshotFromJson(text));
  wire::GetKvSnapshotMetadataResponse response;
  response.log_offset = snapshot.log_offset;
  for (const auto* files : {&snapshot.shared_files, &snapshot.private_files}) {
    for (const model::KvSnapshot::File& file : *files)
      response.snapshot_files.push_back({file.remote_path, file.local_name});
  }
  return response;
}

Result<wire::AcquireKvSnapshotLeaseResponse> AcquireLease(
    MetaService& meta, const wire::AcquireKvSnapshotLeaseRequest& request) {
  wire::AcquireKvSnapshotLeaseResponse response;
  meta::BucketNumbers leased;
  for (const wire::PbKvSnapshotLeaseForTable& table : request.snapshots_to_lease) {
    wire::PbKvSnapshotLeaseForTable missing;
    missing.table_id = table.table_id;
    for (const wire::PbKvSnapshotLeaseForBucket& one : table.bucket_snapshots) {
      const model::TableBucket bucket = BucketOf(table.table_id, one);
      if (FindSnapshot(meta, bucket, one.snapshot_id)) {
        leased[bucket] = one.snapshot_id;
      } else {
        missing.bucket_snapshots.push_back(one);
      }
    }
    if (!missing.bucket_snapshots.empty())
      response.unavailable_snapshots.push_back(std::move(missing));
  }
  constexpr Millis kLongestLease = Millis{366} * 24 * 3600 * 1000;
  const Millis now = meta.coordinator().Now();
  const Millis expires = now + std::clamp<Millis>(request.lease_duration_ms, 0, kLongestLease);
  STROM_TRY(meta.coordinator().snapshot_leases().Acquire(request.lease_id, now, expires, leased));
  return response;
}

}  // namespace

void GetLatestKvSnapshots(Server& server, Call call) {
  AnswerOnCoordinator<wire::GetLatestKvSnapshotsRequest>(server, std::move(call), LatestSnapshots);
}

void GetKvSnapshotMetadata(Server& server, Call call) {
  AnswerOnCoordinator<wire::GetKvSnapshotMetadataRequest>(server, std::move(call),
                                                          SnapshotMetadata);
}

void AcquireKvSnapshotLease(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::AcquireKvSnapshotLeaseRequest>(
      server, std::move(call),
      [rights](MetaService& meta, const wire::AcquireKvSnapshotLeaseRequest& request)
          -> Result<wire::AcquireKvSnapshotLeaseResponse> {
        for (const wire::PbKvSnapshotLeaseForTable& table : request.snapshots_to_lease)
          STROM_TRY(rights.Check(security::Operation::kRead, table.table_id));
        return AcquireLease(meta, request);
      });
}

void ReleaseKvSnapshotLease(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::ReleaseKvSnapshotLeaseRequest>(
      server, std::move(call),
      [rights](MetaService& meta, const wire::ReleaseKvSnapshotLeaseRequest& request)
          -> Result<wire::ReleaseKvSnapshotLeaseResponse> {
        std::vector<model::TableBucket> buckets;
        for (const wire::PbTableBucket& bucket : request.buckets_to_release)
          STROM_TRY(rights.Check(security::Operation::kRead, bucket.table_id));
        for (const wire::PbTableBucket& bucket : request.buckets_to_release)
          buckets.push_back(BucketOf(bucket.table_id, bucket));
        STROM_TRY(meta.coordinator().snapshot_leases().Release(request.lease_id, buckets));
        return wire::ReleaseKvSnapshotLeaseResponse{};
      });
}

void DropKvSnapshotLease(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::DropKvSnapshotLeaseRequest>(
      server, std::move(call),
      [rights](MetaService& meta, const wire::DropKvSnapshotLeaseRequest& request)
          -> Result<wire::DropKvSnapshotLeaseResponse> {
        for (const model::TableId table :
             meta.coordinator().snapshot_leases().TablesOf(request.lease_id))
          STROM_TRY(rights.Check(security::Operation::kRead, table));
        STROM_TRY(meta.coordinator().snapshot_leases().Drop(request.lease_id));
        return wire::DropKvSnapshotLeaseResponse{};
      });
}

/// Clients read the remote directory themselves; local files need no token.
void GetFileSystemSecurityToken(Server& server, Call call) {
  AnswerHere<wire::GetFileSystemSecurityTokenRequest>(
      server, std::move(call),
      [](const wire::GetFileSystemSecurityTokenRequest&)
          -> Result<wire::GetFileSystemSecurityTokenResponse> {
        wire::GetFileSystemSecurityTokenResponse response;
        response.schema = "file";
        return response;
      });
}

}  // namespace strom::server
