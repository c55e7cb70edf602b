#pragma once
#include <set>
#include <string>
#include <vector>

#include "meta/timed_numbers.h"

namespace strom::coordinator {

/// Who reads which key snapshots, so that these are not removed meanwhile. A lease is durable when
/// the function that changes it returns. Owner: the coordinator's thread.
class SnapshotLeases {
 public:
  explicit SnapshotLeases(meta::TimedNumbersStore store) : leases_(std::move(store)) {}

  /// Adds snapshots to a lease, which is made if there is none, and lets it live until `expires`;
  /// of a bucket it holds the newest that was asked for. Drops leases that have expired `now`.
  /// Errors: those of TimedNumbersStore::Put.
  Status Acquire(const std::string& id, Millis now, Millis expires,
                 const meta::BucketNumbers& snapshots);
  /// Takes buckets out of a lease, which goes with its last one.
  Status Release(const std::string& id, const std::vector<model::TableBucket>& buckets);
  Status Drop(const std::string& id) { return leases_.Drop(id); }

  size_t size() const { return leases_.entries().size(); }
  /// The tables of which a lease holds snapshots.
  std::set<model::TableId> TablesOf(const std::string& id) const;
  bool IsLeased(const model::TableBucket& bucket, int64_t snapshot_id, Millis now) const;

 private:
  meta::TimedNumbersBook leases_;
};

}  // namespace strom::coordinator
