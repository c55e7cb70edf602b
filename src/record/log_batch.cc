#include "record/log_batch.h"

#include "base/hash.h"

namespace strom::record {
namespace {

constexpr ErrorCode kBad = ErrorCode::kCorruptRecord;

/// Where the fields of a batch stand, by layout.
struct Layout {
  size_t crc_at;
  size_t header;
  bool statistics;
};
constexpr Layout kStatistics1{21, 52, true};  // magic 1 since statistics exist
constexpr Layout kEpoch1{25, 52, false};      // magic 1 of 0.7 to 0.9
constexpr Layout kEpochStatistics2{25, 56, true};

bool CrcHolds(ByteView batch, const Layout& layout) {
  return batch.size() >= layout.header &&
         LoadLe<uint32_t>(batch.data() + layout.crc_at) == Crc32c(batch.substr(layout.crc_at + 4));
}

Result<Bytes> Rewrite(ByteView batch) {
  const auto magic = static_cast<int8_t>(batch[12]);
  Layout layout = magic == 2 ? kEpochStatistics2 : kStatistics1;
  if (magic == 1 && !CrcHolds(batch, kStatistics1)) layout = kEpoch1;
  if (!CrcHolds(batch, layout)) return Err(kBad, "a batch of magic {} has a wrong checksum", magic);
  const ByteView fields = batch.substr(layout.crc_at + 4, 23);  // schema id up to the record count
  size_t statistics = 0;
  if (layout.statistics) {
    const auto length = LoadLe<int32_t>(batch.data() + layout.header - 4);
    if (length < 0 || static_cast<size_t>(length) > batch.size() - layout.header) {
      return Err(kBad, "a batch's statistics are longer than the batch");
    }
    statistics = static_cast<size_t>(length);
  }
  const ByteView payload = batch.substr(layout.header + statistics);
  Bytes out(batch.substr(0, LogBatchView::kCrcAt));
  out.resize(LogBatchView::kCrcFrom);
  out += fields;
  out += payload;
  out[12] = 0;
  StoreLe(out.data() + 8, static_cast<int32_t>(out.size() - LogBatchView::kPrefixBytes));
  StoreLe(out.data() + LogBatchView::kCrcAt, Crc32c(ByteView(out).substr(LogBatchView::kCrcFrom)));
  return out;
}

}  // namespace

const char* ShortName(ChangeType type) {
  switch (type) {
    case ChangeType::kAppendOnly: return "+A";
    case ChangeType::kInsert: return "+I";
    case ChangeType::kUpdateBefore: return "-U";
    case ChangeType::kUpdateAfter: return "+U";
    case ChangeType::kDelete: return "-D";
  }
  return "?";
}

Result<int64_t> LogBatchView::SizeAt(ByteView prefix) {
  const auto length = LoadLe<int32_t>(prefix.data() + 8);
  constexpr auto kLeast = static_cast<int32_t>(kHeaderBytes - kPrefixBytes);
  if (length < kLeast)
    return Err(kBad, "a log batch has length {}, at least {} is needed", length, kLeast);
  return int64_t{length} + static_cast<int64_t>(kPrefixBytes);
}

Result<std::optional<LogBatchView>> LogBatchView::At(ByteView bytes) {
  if (bytes.size() < kPrefixBytes) return std::nullopt;
  STROM_ASSIGN(const int64_t size, SizeAt(bytes));
  if (static_cast<uint64_t>(size) > bytes.size()) return std::nullopt;
  const LogBatchView batch(bytes.substr(0, static_cast<size_t>(size)));
  if (batch.magic() != 0)
    return Err(kBad, "a log batch has magic {}, 0 is expected", batch.magic());
  return batch;
}

Status LogBatchView::Check() const {
  if (const uint32_t actual = Crc32c(bytes_.substr(kCrcFrom)); actual != crc()) {
    return Err(kBad, "a log batch has checksum {:08x}, its bytes give {:08x}", crc(), actual);
  }
  const int32_t expected_delta = record_count() == 0 ? 0 : record_count() - 1;
  if (record_count() < 0 || last_offset_delta() != expected_delta) {
    return Err(kBad, "a log batch of {} records has last offset delta {}", record_count(),
               last_offset_delta());
  }
  if (schema_id() < 1) return Err(kBad, "a log batch has schema id {}", schema_id());
  return {};
}

Result<std::optional<LogBatchView>> LogBatches::Next() {
  STROM_ASSIGN(const auto batch, LogBatchView::At(rest_));
  if (batch) rest_.remove_prefix(batch->bytes().size());
  return batch;
}

Bytes BuildLogBatch(const BatchHeader& header, ByteView payload) {
  Bytes out;
  out.reserve(LogBatchView::kHeaderBytes + payload.size());
  AppendLe(out, header.base_offset);
  AppendLe(out, static_cast<int32_t>(LogBatchView::kHeaderBytes - LogBatchView::kPrefixBytes +
                                     payload.size()));
  AppendLe(out, int8_t{0});
  AppendLe(out, header.timestamp);
  AppendLe(out, uint32_t{0});
  AppendLe(out, header.schema_id);
  AppendLe(out, static_cast<int8_t>(header.append_only ? 1 : 0));
  AppendLe(out, header.record_count == 0 ? 0 : header.record_count - 1);
  AppendLe(out, header.writer_id);
  AppendLe(out, header.sequence);
  AppendLe(out, header.record_count);
  out.append(payload);
  StoreLe(out.data() + LogBatchView::kCrcAt, Crc32c(ByteView(out).substr(LogBatchView::kCrcFrom)));
  return out;
}

Result<SharedBytes> ToMagic0(const SharedBytes& batches) {
  const ByteView all = batches.view();
  Bytes out;
  bool rewritten = false;
  for (size_t at = 0; all.size() - at >= LogBatchView::kPrefixBytes + 1;) {
    STROM_ASSIGN(const int64_t size, LogBatchView::SizeAt(all.substr(at)));
    if (static_cast<uint64_t>(size) > all.size() - at) break;
    const ByteView batch = all.substr(at, static_cast<size_t>(size));
    const auto magic = static_cast<int8_t>(batch[12]);
    if (magic < 0 || magic > 2) return Err(kBad, "a log batch has unknown magic {}", magic);
    if (magic != 0 && !rewritten) {
      rewritten = true;
      out = Bytes(all.substr(0, at));
    }
    if (magic != 0) {
      STROM_ASSIGN(const Bytes plain, Rewrite(batch));
      out += plain;
    } else if (rewritten) {
      out += batch;
    }
    at += static_cast<size_t>(size);
  }
  return rewritten ? SharedBytes::Own(std::move(out)) : batches;
}

Result<std::vector<RawRecord>> RawRecords(const LogBatchView& batch) {
  Reader in(batch.payload());
  std::vector<RawRecord> records;
  for (int32_t i = 0; i < batch.record_count(); ++i) {
    const auto length = in.Le<int32_t>();
    const auto type = in.Le<uint8_t>();
    if (!in.ok() || length < 1 || type > 4)
      return Err(kBad, "record {} of a log batch is damaged", i);
    const ByteView row = in.Take(static_cast<uint64_t>(length) - 1);
    if (!in.ok()) return Err(kBad, "record {} of a log batch is cut", i);
    records.push_back(RawRecord{static_cast<ChangeType>(type), row});
  }
  if (!in.done()) return Err(kBad, "a log batch has {} bytes after its last record", in.left());
  return records;
}

void AppendRawRecord(Bytes& payload, ChangeType change_type, ByteView row) {
  AppendLe(payload, static_cast<int32_t>(row.size() + 1));
  AppendLe(payload, static_cast<uint8_t>(change_type));
  payload.append(row);
}

}  // namespace strom::record
