#include "coordinator/snapshot_leases.h"

#include <algorithm>

namespace strom::coordinator {

void SnapshotLeases::Acquire(const std::string& lease, Millis expires,
                             const std::vector<Snapshot>& snapshots) {
  Lease& held = leases_[lease];
  held.expires = expires;
  held.snapshots.insert(snapshots.begin(), snapshots.end());
}

void SnapshotLeases::Release(const std::string& lease,
                             const std::vector<model::TableBucket>& buckets) {
  const auto it = leases_.find(lease);
  if (it == leases_.end()) return;
  std::erase_if(it->second.snapshots, [&](const Snapshot& snapshot) {
    return std::ranges::find(buckets, snapshot.first) != buckets.end();
  });
}

bool SnapshotLeases::IsLeased(const model::TableBucket& bucket, int64_t snapshot_id,
                              Millis now) const {
  return std::ranges::any_of(leases_, [&](const auto& lease) {
    return lease.second.expires > now && lease.second.snapshots.contains({bucket, snapshot_id});
  });
}

}  // namespace strom::coordinator
