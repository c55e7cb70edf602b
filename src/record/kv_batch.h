#pragma once
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/coding.h"
#include "base/result.h"
#include "record/log_batch.h"

namespace strom::record {

/// One row of a key batch: the encoded key, and the row in the table's kv format or nothing for a
/// delete.
struct KvRecord {
  ByteView key;
  std::optional<ByteView> row;
};

/// One batch of a PUT_KV request (docs/formats/kv.md; Apache Fluss 0.9, magic 0), read in place.
/// Little endian.
///
/// Offset 0 length i32 (total - 4) | 4 magic i8 | 5 CRC-32C u32 | 9 schema id i16 | 11 attributes
/// i8 | 12 writer i64 | 20 sequence i32 | 24 count i32 | 28 records
class KvBatchView {
 public:
  static constexpr size_t kHeaderBytes = 28;
  static constexpr size_t kCrcAt = 5;
  static constexpr size_t kCrcFrom = 9;

  /// The one batch that `bytes` must be. Errors: kCorruptRecord (length, magic or checksum).
  static Result<KvBatchView> Read(ByteView bytes);

  int16_t schema_id() const { return Get<int16_t>(9); }
  int64_t writer_id() const { return Get<int64_t>(12); }
  int32_t sequence() const { return Get<int32_t>(20); }
  int32_t record_count() const { return Get<int32_t>(24); }
  ByteView records() const { return bytes_.substr(kHeaderBytes); }

 private:
  explicit KvBatchView(ByteView bytes) : bytes_(bytes) {}
  template <class T>
  T Get(size_t at) const {
    return LoadLe<T>(bytes_.data() + at);
  }
  ByteView bytes_;
};

/// Steps through the records of a key batch.
class KvRecords {
 public:
  explicit KvRecords(const KvBatchView& batch)
      : in_(batch.records()), left_(batch.record_count()) {}
  /// The next record, or nothing after the last. Errors: kCorruptRecord, also when bytes are left
  /// over.
  Result<std::optional<KvRecord>> Next();

 private:
  Reader in_;
  int32_t left_;
};

/// What a writer decides of a key batch.
struct KvBatchHeader {
  int16_t schema_id = 1;
  int64_t writer_id = kNoWriter;
  int32_t sequence = -1;
};

/// Collects records and makes a batch of them.
class KvBatchBuilder {
 public:
  void Append(const KvRecord& record);
  int32_t record_count() const { return count_; }
  size_t bytes() const { return KvBatchView::kHeaderBytes + records_.size(); }
  /// The whole batch; the builder is empty afterwards.
  Bytes Build(const KvBatchHeader& header);

 private:
  Bytes records_;
  int32_t count_ = 0;
};

/// What the store keeps for a key, and lookups answer: the schema id that the row was written with,
/// and the row in the table's kv format.
struct StoredValue {
  int16_t schema_id = 0;
  ByteView row;
};
/// What a stored value has in front of its row.
Bytes StoredHead(int16_t schema_id);
Bytes EncodeStoredValue(int16_t schema_id, ByteView row);
/// Errors: kCorrupt.
Result<StoredValue> DecodeStoredValue(ByteView bytes);

/// Collects stored values for the answer of a limited scan or of SCAN_KV: length i32, magic i8,
/// count i32, then each value behind its length i32.
class ValueBatchBuilder {
 public:
  void Append(ByteView stored_value);
  int32_t record_count() const { return count_; }
  size_t bytes() const { return values_.size(); }
  Bytes Build();

 private:
  Bytes values_;
  int32_t count_ = 0;
};

/// The stored values of such an answer. Errors: kCorruptRecord.
Result<std::vector<ByteView>> ReadValueBatch(ByteView bytes);

}  // namespace strom::record
