#include "coordinator/snapshot_leases.h"

#include <algorithm>

namespace strom::coordinator {

Status SnapshotLeases::Acquire(const std::string& id, Millis now, Millis expires,
                               const meta::BucketNumbers& snapshots) {
  STROM_TRY(leases_.DropExpired(now, id));
  const meta::TimedNumbers* const known = leases_.Find(id);
  meta::TimedNumbers lease = known == nullptr ? meta::TimedNumbers() : *known;
  lease.expires = expires;
  for (const auto& [bucket, snapshot] : snapshots) lease.numbers.insert_or_assign(bucket, snapshot);
  return leases_.Put(id, std::move(lease));
}

Status SnapshotLeases::Release(const std::string& id,
                               const std::vector<model::TableBucket>& buckets) {
  const meta::TimedNumbers* const known = leases_.Find(id);
  if (known == nullptr) return {};
  meta::TimedNumbers lease = *known;
  for (const model::TableBucket& bucket : buckets) lease.numbers.erase(bucket);
  return lease.numbers.empty() ? Drop(id) : leases_.Put(id, std::move(lease));
}

std::set<model::TableId> SnapshotLeases::TablesOf(const std::string& id) const {
  std::set<model::TableId> tables;
  if (const meta::TimedNumbers* const lease = leases_.Find(id)) {
    for (const auto& [bucket, snapshot] : lease->numbers) tables.insert(bucket.table_id);
  }
  return tables;
}

bool SnapshotLeases::IsLeased(const model::TableBucket& bucket, int64_t snapshot_id,
                              Millis now) const {
  return std::ranges::any_of(leases_.entries(), [&](const auto& one) {
    const auto& [expires, snapshots] = one.second;
    const auto it = snapshots.find(bucket);
    return expires > now && it != snapshots.end() && it->second == snapshot_id;
  });
}

}  // namespace strom::coordinator
