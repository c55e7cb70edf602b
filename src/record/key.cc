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
      AppendLe(out, ToMicros(value.As<Timestamp>()));
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

Result<Row> DecodeIcebergKey(Types types, ByteView key) {
  const auto bad = [&] {
    return Err(ErrorCode::kCorrupt, "a key of {} bytes is none of {}", key.size(),
               types.empty() ? "no column" : types[0].ToString());
  };
  if (types.size() != 1) return bad();
  Reader in(key);
  Value value;
  switch (types[0].root) {
    case TypeRoot::kInt:
    case TypeRoot::kDate:
    case TypeRoot::kBigInt: value = {in.Le<int64_t>()}; break;
    case TypeRoot::kTime: value = {in.Le<int64_t>() / 1000}; break;
    case TypeRoot::kTimestamp: {
      value = {FromMicros(in.Le<int64_t>())};
      break;
    }
    case TypeRoot::kFloat: value = {in.Le<float>()}; break;
    case TypeRoot::kDouble: value = {in.Le<double>()}; break;
    case TypeRoot::kDecimal: value = {Decimal{FromUnscaledBytes(in.Take(in.left()))}}; break;
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: value = {std::string(in.Take(in.left()))}; break;
    default: return bad();
  }
  if (!in.ok() || !in.done()) return bad();
  return Row{std::move(value)};
}

}  // namespace

KeyEncoding BucketKeyEncoding(LakeFormat format) {
  switch (format) {
    case LakeFormat::kPaimon: return KeyEncoding::kPaimon;
    case LakeFormat::kIceberg: return KeyEncoding::kIceberg;
    case LakeFormat::kNone:
    case LakeFormat::kLance: break;
  }
  return KeyEncoding::kCompacted;
}

KeyEncoding KvKeyEncoding(const model::TableDescriptor& descriptor,
                          const model::TableOptions& options) {
  const bool default_bucket_key = descriptor.bucket_keys == descriptor.PhysicalPrimaryKey();
  if (options.kv_format_version >= 2 && !default_bucket_key) return KeyEncoding::kCompacted;
  return BucketKeyEncoding(options.lake_format);
}

Result<Bytes> EncodeKey(KeyEncoding encoding, Types types, const Row& key) {
  for (const DataType& type : types) {
    if (IsNested(type.root))
      return Err(ErrorCode::kInvalidArgument, "{} cannot be a key", type.ToString());
  }
  switch (encoding) {
    case KeyEncoding::kPaimon: return EncodeAlignedRow(types, key);
    case KeyEncoding::kIceberg: return EncodeIcebergKey(types, key);
    case KeyEncoding::kCompacted: break;
  }
  return EncodeCompactedKey(types, key);
}

Result<Row> DecodeKey(KeyEncoding encoding, Types types, ByteView key) {
  switch (encoding) {
    case KeyEncoding::kPaimon: return DecodeAlignedRow(types, key);
    case KeyEncoding::kIceberg: return DecodeIcebergKey(types, key);
    case KeyEncoding::kCompacted: break;
  }
  return DecodeCompactedKey(types, key);
}

Result<Bytes> EncodeBucketKey(LakeFormat format, Types types, const Row& key) {
  return EncodeKey(BucketKeyEncoding(format), types, key);
}

Result<int32_t> BucketOf(LakeFormat format, ByteView key, int32_t buckets) {
  if (format == LakeFormat::kPaimon) return std::abs(Murmur42(key) % buckets);
  if (key.empty()) return Err(ErrorCode::kInvalidArgument, "an empty key has no bucket");
  if (format == LakeFormat::kIceberg) return (Murmur3(key, 0) & 0x7fffffff) % buckets;
  return FlussMix(Murmur42(key)) % buckets;
}

}  // namespace strom::record
