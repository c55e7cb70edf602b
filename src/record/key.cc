#include "record/key.h"

#include <cstdlib>

#include "base/coding.h"
#include "base/hash.h"

namespace strom::record {
namespace {

using model::DataType;
using model::LakeFormat;
using model::TypeRoot;

Result<Bytes> EncodeIcebergKey(Types types, const Row& key) {
  if (types.size() != 1) {
    return Err(ErrorCode::kInvalidArgument, "an Iceberg bucket key has exactly one column, not {}",
               types.size());
  }
  const DataType& type = types[0];
  const Value& value = key[0];
  if (value.is_null()) return Err(ErrorCode::kInvalidArgument, "a key column is null");
  Bytes out;
  switch (type.root) {
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kBigInt: AppendLe(out, value.As<int64_t>()); return out;
    case TypeRoot::kTime: AppendLe(out, value.As<int64_t>() * 1000); return out;
    case TypeRoot::kTimestamp: {
      const Timestamp& time = value.As<Timestamp>();
      AppendLe(out, time.millis * 1000 + time.nanos / 1000);
      return out;
    }
    case TypeRoot::kFloat: AppendLe(out, value.As<float>()); return out;
    case TypeRoot::kDouble: AppendLe(out, value.As<double>()); return out;
    case TypeRoot::kDecimal: return UnscaledBytes(value.As<Decimal>().unscaled);
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return value.As<std::string>();
    default:
      return Err(ErrorCode::kInvalidArgument, "{} cannot be a bucket key of an Iceberg table",
                 type.ToString());
  }
}

}  // namespace

Result<Bytes> EncodeBucketKey(LakeFormat format, Types types, const Row& key) {
  for (const DataType& type : types) {
    if (IsNested(type.root))
      return Err(ErrorCode::kInvalidArgument, "{} cannot be a key", type.ToString());
  }
  switch (format) {
    case LakeFormat::kPaimon: return EncodeAlignedRow(types, key);
    case LakeFormat::kIceberg: return EncodeIcebergKey(types, key);
    case LakeFormat::kNone:
    case LakeFormat::kLance: break;
  }
  return EncodeCompactedKey(types, key);
}

Result<int32_t> BucketOf(LakeFormat format, ByteView key, int32_t buckets) {
  if (format == LakeFormat::kPaimon) return std::abs(Murmur42(key) % buckets);
  if (key.empty()) return Err(ErrorCode::kInvalidArgument, "an empty key has no bucket");
  if (format == LakeFormat::kIceberg) return (Murmur3(key, 0) & 0x7fffffff) % buckets;
  return FlussMix(Murmur42(key)) % buckets;
}

}  // namespace strom::record
