#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/coding.h"
#include "base/result.h"

namespace strom::record {

enum class ChangeType : uint8_t {
  kAppendOnly = 0,
  kInsert = 1,
  kUpdateBefore = 2,
  kUpdateAfter = 3,
  kDelete = 4
};

/// "+A", "+I", "-U", "+U", "-D".
const char* ShortName(ChangeType type);

inline constexpr int64_t kNoWriter = -1;

/// One log record batch (docs/formats/log.md; Apache Fluss 0.9, magic 0), read in place. Little
/// endian.
///
/// Offset  0 base offset i64 | 8 length i32 (total - 12) | 12 magic i8 | 13 commit timestamp i64 |
/// 21 CRC-32C u32 Offset 25 schema id i16 | 27 attributes i8 | 28 last offset delta i32 | 32 writer
/// i64 | 40 sequence i32 | 44 count i32
class LogBatchView {
 public:
  static constexpr size_t kPrefixBytes = 12;  // up to and including the length
  static constexpr size_t kHeaderBytes = 48;
  static constexpr size_t kTimestampAt = 13;
  static constexpr size_t kCrcAt = 21;
  static constexpr size_t kCrcFrom = 25;

  /// The batch at the front of `bytes`, or nothing when `bytes` ends before it does. Errors:
  /// kCorruptRecord for a length that no batch can have or another magic.
  static Result<std::optional<LogBatchView>> At(ByteView bytes);
  /// Total size by the first kPrefixBytes of a batch. Errors: kCorruptRecord.
  static Result<int64_t> SizeAt(ByteView prefix);

  explicit LogBatchView(ByteView bytes) : bytes_(bytes) {}

  ByteView bytes() const { return bytes_; }
  int64_t base_offset() const { return Get<int64_t>(0); }
  int8_t magic() const { return Get<int8_t>(12); }
  Millis timestamp() const { return Get<int64_t>(kTimestampAt); }
  uint32_t crc() const { return Get<uint32_t>(kCrcAt); }
  int16_t schema_id() const { return Get<int16_t>(25); }
  bool append_only() const { return (Get<int8_t>(27) & 1) != 0; }
  int32_t last_offset_delta() const { return Get<int32_t>(28); }
  int64_t writer_id() const { return Get<int64_t>(32); }
  int32_t sequence() const { return Get<int32_t>(40); }
  int32_t record_count() const { return Get<int32_t>(44); }
  int64_t last_offset() const { return base_offset() + last_offset_delta(); }
  int64_t next_offset() const { return last_offset() + 1; }
  ByteView payload() const { return bytes_.substr(kHeaderBytes); }

  /// Whether the checksum and the counts of the header hold. Errors: kCorruptRecord.
  Status Check() const;

 private:
  template <class T>
  T Get(size_t at) const {
    return LoadLe<T>(bytes_.data() + at);
  }
  ByteView bytes_;
};

/// Steps through batches that follow each other; stops before a batch that is cut.
class LogBatches {
 public:
  explicit LogBatches(ByteView bytes) : rest_(bytes) {}
  /// The next whole batch, or nothing at the end. Errors: kCorruptRecord.
  Result<std::optional<LogBatchView>> Next();

 private:
  ByteView rest_;
};

/// The fields of a batch header that a writer decides.
struct BatchHeader {
  int64_t base_offset = 0;
  Millis timestamp = 0;
  int16_t schema_id = 1;
  bool append_only = true;
  int64_t writer_id = kNoWriter;
  int32_t sequence = -1;
  int32_t record_count = 0;
};

/// A whole batch: header, CRC and `payload` (change types first unless append only).
Bytes BuildLogBatch(const BatchHeader& header, ByteView payload);

/// Batches of magic 1 and 2 (with leader epoch or statistics) as one of magic 0; magic 0 comes back
/// as it is. Errors: kCorruptRecord.
Result<SharedBytes> ToMagic0(const SharedBytes& batches);

/// The rows of an INDEXED or COMPACTED payload: change type and row bytes. Errors: kCorruptRecord.
struct RawRecord {
  ChangeType change_type;
  ByteView row;
};
Result<std::vector<RawRecord>> RawRecords(const LogBatchView& batch);

/// Appends one record of an INDEXED or COMPACTED payload.
void AppendRawRecord(Bytes& payload, ChangeType change_type, ByteView row);

}  // namespace strom::record
