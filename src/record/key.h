#pragma once
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "model/table.h"
#include "record/row.h"

namespace strom::record {

/// The bytes that key columns become (docs/formats/rows.md).
enum class KeyEncoding { kCompacted, kPaimon, kIceberg };

/// How a table's bucket key is encoded, whether or not the lake is switched on.
KeyEncoding BucketKeyEncoding(model::LakeFormat format);
/// How the keys of a primary key table are encoded, which may differ from the bucket key's.
KeyEncoding KvKeyEncoding(const model::TableDescriptor& descriptor,
                          const model::TableOptions& options);

/// Errors: kInvalidArgument (null, or a type the encoding cannot have as key).
Result<Bytes> EncodeKey(KeyEncoding encoding, Types types, const Row& key);
/// The inverse. Errors: kCorrupt.
Result<Row> DecodeKey(KeyEncoding encoding, Types types, ByteView key);

/// Encodes the bucket key columns of a row as the table's lake format asks. Errors: as EncodeKey.
Result<Bytes> EncodeBucketKey(model::LakeFormat format, Types types, const Row& key);

/// The bucket of an encoded key: the same in the stream and in the lake. Errors: kInvalidArgument
/// for an empty key where the format cannot have one.
Result<int32_t> BucketOf(model::LakeFormat format, ByteView key, int32_t buckets);

}  // namespace strom::record
