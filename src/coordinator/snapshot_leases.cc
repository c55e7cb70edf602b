#include "coordinator/snapshot_leases.h"

#include <algorithm>

namespace strom::coordinator {

Status SnapshotLeases::Put(const std::string& id, meta::TimedNumbers lease) {
  STROM_TRY(store_.Put(id, lease));
  leases_.insert_or_assign(id, std::move(lease));
  return {};
}

Status SnapshotLeases::Acquire(const std::string& id, Millis now, Millis expires,
                               const meta::BucketNumbers& snapshots) {
  std::vector<std::string> expired;
  for (const auto& [other, lease] : leases_) {
    if (other != id && lease.expires <= now) expired.push_back(other);
  }
  for (const std::string& other : expired) STROM_TRY(Drop(other));
  const auto it = leases_.find(id);
  meta::TimedNumbers lease = it == leases_.end() ? meta::TimedNumbers() : it->second;
  lease.expires = expires;
  for (const auto& [bucket, snapshot] : snapshots) lease.numbers.insert_or_assign(bucket, snapshot);
  return Put(id, std::move(lease));
}

Status SnapshotLeases::Release(const std::string& id,
                               const std::vector<model::TableBucket>& buckets) {
  const auto it = leases_.find(id);
  if (it == leases_.end()) return {};
  meta::TimedNumbers lease = it->second;
  for (const model::TableBucket& bucket : buckets) lease.numbers.erase(bucket);
  return lease.numbers.empty() ? Drop(id) : Put(id, std::move(lease));
}

Status SnapshotLeases::Drop(const std::string& id) {
  STROM_TRY(store_.Drop(id));
  leases_.erase(id);
  return {};
}

std::set<model::TableId> SnapshotLeases::TablesOf(const std::string& id) const {
  std::set<model::TableId> tables;
  if (const auto lease = leases_.find(id); lease != leases_.end()) {
    for (const auto& [bucket, snapshot] : lease->second.numbers) tables.insert(bucket.table_id);
  }
  return tables;
}

bool SnapshotLeases::IsLeased(const model::TableBucket& bucket, int64_t snapshot_id,
                              Millis now) const {
  return std::ranges::any_of(leases_, [&](const auto& one) {
    const auto& [expires, snapshots] = one.second;
    const auto it = snapshots.find(bucket);
    return expires > now && it != snapshots.end() && it->second == snapshot_id;
  });
}

}  // namespace strom::coordinator
