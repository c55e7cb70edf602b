#pragma once
#include <optional>

#include "model/ids.h"
#include "wire/messages.h"

/// Between the names of the model and their form in messages.
namespace strom::wire {

inline PbTablePath ToWire(const model::TablePath& path) {
  return {path.database, path.table};
}
inline model::TablePath PathOf(const PbTablePath& path) {
  return {path.database_name, path.table_name};
}

/// The bucket that an entry of a message about `table` names.
template <class Entry>
model::TableBucket BucketOf(model::TableId table, const Entry& entry) {
  return {table, entry.partition_id.value_or(model::kNoPartition), entry.bucket_id};
}
inline std::optional<model::PartitionId> PartitionOf(const model::TableBucket& bucket) {
  if (bucket.partition_id == model::kNoPartition) return std::nullopt;
  return bucket.partition_id;
}

}  // namespace strom::wire
