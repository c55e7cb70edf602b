#pragma once
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "model/table.h"
#include "record/row.h"

namespace strom::record {

/// Encodes the bucket key columns of a row as the table's lake format asks, whether or not the lake
/// is switched on. Errors: kInvalidArgument (null, or a type the format cannot have as key).
Result<Bytes> EncodeBucketKey(model::LakeFormat format, Types types, const Row& key);

/// The bucket of an encoded key: the same in the stream and in the lake. Errors: kInvalidArgument
/// for an empty key where the format cannot have one.
Result<int32_t> BucketOf(model::LakeFormat format, ByteView key, int32_t buckets);

}  // namespace strom::record
