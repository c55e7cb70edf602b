#include "log/log_format.h"

#include <charconv>

#include "base/coding.h"

namespace strom::log {

constexpr size_t kOffsetDigits = 20;

std::string FileNameOf(int64_t offset, const char* suffix) {
  return fmt::format("{:020}{}", offset, suffix);
}

std::optional<int64_t> OffsetInName(const std::string& name, const char* suffix) {
  if (name.size() != kOffsetDigits + std::strlen(suffix) || !name.ends_with(suffix))
    return std::nullopt;
  int64_t offset = 0;
  const auto [end, fault] = std::from_chars(name.data(), name.data() + kOffsetDigits, offset);
  if (fault != std::errc() || end != name.data() + kOffsetDigits || offset < 0) return std::nullopt;
  return offset;
}

Bytes EncodeIndex(const std::vector<IndexEntry>& entries, int64_t segment_base) {
  Bytes out;
  for (const IndexEntry& entry : entries) {
    AppendBe(out, static_cast<int32_t>(entry.last_offset - segment_base));
    AppendBe(out, static_cast<int32_t>(entry.position));
  }
  return out;
}

Bytes EncodeTimeIndex(const std::vector<TimeIndexEntry>& entries, int64_t segment_base) {
  Bytes out;
  for (const TimeIndexEntry& entry : entries) {
    AppendBe(out, entry.timestamp);
    AppendBe(out, static_cast<int32_t>(entry.base_offset - segment_base));
  }
  return out;
}

std::vector<IndexEntry> DecodeIndex(ByteView bytes, int64_t segment_base) {
  std::vector<IndexEntry> entries;
  Reader in(bytes);
  while (in.left() >= kIndexEntryBytes) {
    const IndexEntry entry{segment_base + in.Be<int32_t>(), in.Be<int32_t>()};
    const bool ascends = entries.empty() ? entry.last_offset >= segment_base && entry.position >= 0
                                         : entry.last_offset > entries.back().last_offset &&
                                               entry.position > entries.back().position;
    if (!ascends) break;
    entries.push_back(entry);
  }
  return entries;
}

std::vector<TimeIndexEntry> DecodeTimeIndex(ByteView bytes, int64_t segment_base) {
  std::vector<TimeIndexEntry> entries;
  Reader in(bytes);
  while (in.left() >= kTimeIndexEntryBytes) {
    const auto timestamp = in.Be<int64_t>();
    const TimeIndexEntry entry{timestamp, segment_base + in.Be<int32_t>()};
    const bool ascends = entries.empty() ? entry.base_offset >= segment_base && timestamp > 0
                                         : timestamp > entries.back().timestamp &&
                                               entry.base_offset > entries.back().base_offset;
    if (!ascends) break;
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace strom::log
