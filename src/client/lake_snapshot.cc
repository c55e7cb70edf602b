#include "client/lake_snapshot.h"

namespace strom::client {

Result<std::optional<LakeSnapshot>> GetLakeSnapshot(Connection& connection,
                                                    const model::TableInfo& table, bool readable) {
  wire::GetLakeSnapshotRequest request;
  request.table_path = ToWire(table.path);
  if (readable) request.readable = true;
  const auto response = connection.Call(request);
  if (!response) {
    if (response.error().code == ErrorCode::kLakeSnapshotNotExist) return std::nullopt;
    return std::unexpected(response.error());
  }
  LakeSnapshot snapshot;
  snapshot.id = response->snapshot_id;
  for (const auto& entry : response->bucket_snapshots)
    snapshot.offsets[wire::BucketOf(table.table_id, entry)] = entry.log_offset.value_or(-1);
  return snapshot;
}

}  // namespace strom::client
