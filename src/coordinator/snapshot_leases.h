#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/ids.h"

namespace strom::coordinator {

/// Who reads which key snapshots, so that these are not removed meanwhile. Kept in memory: a lease
/// does not outlive the process. Owner: the coordinator's thread.
class SnapshotLeases {
 public:
  using Snapshot = std::pair<model::TableBucket, int64_t>;

  /// Adds snapshots to a lease, which is made if there is none, and lets it live until `expires`.
  void Acquire(const std::string& lease, Millis expires, const std::vector<Snapshot>& snapshots);
  /// Takes buckets out of a lease.
  void Release(const std::string& lease, const std::vector<model::TableBucket>& buckets);
  void Drop(const std::string& lease) { leases_.erase(lease); }

  bool IsLeased(const model::TableBucket& bucket, int64_t snapshot_id, Millis now) const;

 private:
  struct Lease {
    Millis expires = 0;
    std::set<Snapshot> snapshots;
  };
  std::map<std::string, Lease> leases_;
};

}  // namespace strom::coordinator
