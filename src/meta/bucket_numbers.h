#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

namespace strom::meta {

/// A number for buckets of one table: log end offsets of a lake snapshot, ids of key snapshots.
using BucketNumbers = std::map<model::TableBucket, int64_t>;

/// The form such numbers have in files (Apache Fluss 0.9): `bucket_<what>` with a number for each
/// bucket, -1 for none, or `partition_<what>` with such a list for each partition.
std::string BucketNumbersToJson(std::string_view what, model::TableId table_id,
                                const BucketNumbers& numbers);
/// Errors: kCorrupt.
Result<BucketNumbers> BucketNumbersFromJson(std::string_view what, ByteView json);

}  // namespace strom::meta
