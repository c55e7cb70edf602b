#include "record/kv_batch.h"

#include <utility>

#include "base/hash.h"

namespace strom::record {
namespace {

constexpr ErrorCode kBad = ErrorCode::kCorruptRecord;
constexpr size_t kLengthBytes = 4;
constexpr size_t kValueBatchHeaderBytes = 9;

/// Whether `bytes` begin with their own length and have magic 0.
Status CheckFrame(ByteView bytes, size_t header_bytes, const char* what) {
  if (bytes.size() < header_bytes) {
    return Err(kBad, "a {} of {} bytes is shorter than its header", what, bytes.size());
  }
  const auto length = LoadLe<int32_t>(bytes.data());
  if (length < 0 || static_cast<size_t>(length) != bytes.size() - kLengthBytes) {
    return Err(kBad, "a {} of {} bytes has length {}", what, bytes.size(), length);
  }
  if (bytes[4] != 0) {
    return Err(kBad, "a {} has magic {}, 0 is expected", what, static_cast<int8_t>(bytes[4]));
  }
  return {};
}

}  // namespace

Result<KvBatchView> KvBatchView::Read(ByteView bytes) {
  STROM_TRY(CheckFrame(bytes, kHeaderBytes, "key batch"));
  const auto crc = LoadLe<uint32_t>(bytes.data() + kCrcAt);
  if (const uint32_t actual = Crc32c(bytes.substr(kCrcFrom)); actual != crc)
    return Err(kBad, "a key batch has checksum {:08x}, its bytes give {:08x}", crc, actual);
  const KvBatchView batch(bytes);
  if (batch.record_count() < 0)
    return Err(kBad, "a key batch has {} records", batch.record_count());
  return batch;
}

Result<std::optional<KvRecord>> KvRecords::Next() {
  if (left_ == 0) {
    if (!in_.done()) return Err(kBad, "a key batch is longer than its records");
    return std::nullopt;
  }
  --left_;
  Reader record(in_.Take(static_cast<uint32_t>(in_.Le<int32_t>())));
  KvRecord out;
  out.key = record.Take(record.Varint());
  if (!in_.ok() || !record.ok()) return Err(kBad, "a record of a key batch is cut");
  if (!record.done()) out.row = record.Take(record.left());
  return out;
}

void KvBatchBuilder::Append(const KvRecord& record) {
  const size_t row_bytes = record.row ? record.row->size() : 0;
  AppendLe(records_,
           static_cast<int32_t>(VarintSize(record.key.size()) + record.key.size() + row_bytes));
  AppendVarint(records_, record.key.size());
  records_.append(record.key);
  if (record.row) records_.append(*record.row);
  ++count_;
}

Bytes KvBatchBuilder::Build(const KvBatchHeader& header) {
  Bytes out;
  out.reserve(bytes());
  AppendLe(out, static_cast<int32_t>(bytes() - kLengthBytes));
  AppendLe(out, int8_t{0});
  AppendLe(out, uint32_t{0});
  AppendLe(out, header.schema_id);
  AppendLe(out, int8_t{0});
  AppendLe(out, header.writer_id);
  AppendLe(out, header.sequence);
  AppendLe(out, std::exchange(count_, 0));
  out += std::exchange(records_, {});
  StoreLe(out.data() + KvBatchView::kCrcAt, Crc32c(ByteView(out).substr(KvBatchView::kCrcFrom)));
  return out;
}

Bytes StoredHead(int16_t schema_id) {
  Bytes out;
  AppendLe(out, schema_id);
  return out;
}

Bytes EncodeStoredValue(int16_t schema_id, ByteView row) {
  Bytes out;
  out.reserve(sizeof schema_id + row.size());
  out += StoredHead(schema_id);
  out.append(row);
  return out;
}

Result<StoredValue> DecodeStoredValue(ByteView bytes) {
  if (bytes.size() < sizeof(int16_t))
    return Err(ErrorCode::kCorrupt, "a stored value of {} bytes has no schema id", bytes.size());
  return StoredValue{LoadLe<int16_t>(bytes.data()), bytes.substr(sizeof(int16_t))};
}

void ValueBatchBuilder::Append(ByteView stored_value) {
  AppendLe(values_, static_cast<int32_t>(stored_value.size()));
  values_.append(stored_value);
  ++count_;
}

Bytes ValueBatchBuilder::Build() {
  Bytes out;
  out.reserve(kValueBatchHeaderBytes + values_.size());
  AppendLe(out, static_cast<int32_t>(kValueBatchHeaderBytes - kLengthBytes + values_.size()));
  AppendLe(out, int8_t{0});
  AppendLe(out, std::exchange(count_, 0));
  out += std::exchange(values_, {});
  return out;
}

Result<std::vector<ByteView>> ReadValueBatch(ByteView bytes) {
  STROM_TRY(CheckFrame(bytes, kValueBatchHeaderBytes, "value batch"));
  Reader in(bytes.substr(kLengthBytes + 1));
  const auto count = in.Le<int32_t>();
  std::vector<ByteView> values;
  for (int32_t i = 0; i < count && in.ok(); ++i)
    values.push_back(in.Take(static_cast<uint32_t>(in.Le<int32_t>())));
  if (!in.ok() || !in.done() || count < 0)
    return Err(kBad, "a value batch does not hold the {} values that it says", count);
  return values;
}

}  // namespace strom::record
