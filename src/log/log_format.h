#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::log {

// Files of a bucket's log, byte compatible with Apache Fluss 0.9 (docs/formats/log.md):
//   <base offset, 20 digits>.log        batches one after the other
//   <base offset, 20 digits>.index      {relative last offset i32, position i32} big endian
//   <base offset, 20 digits>.timeindex  {timestamp i64, relative base offset i32} big endian
//   <end offset, 20 digits>.writer_snapshot   JSON

inline constexpr const char* kLogSuffix = ".log";
inline constexpr const char* kIndexSuffix = ".index";
inline constexpr const char* kTimeIndexSuffix = ".timeindex";
inline constexpr const char* kWriterSnapshotSuffix = ".writer_snapshot";

std::string FileNameOf(int64_t offset, const char* suffix);
/// The offset in a file name that ends with `suffix`, or nothing.
std::optional<int64_t> OffsetInName(const std::string& name, const char* suffix);

/// The size of one entry in the files.
inline constexpr int64_t kIndexEntryBytes = 8;
inline constexpr int64_t kTimeIndexEntryBytes = 12;

/// An append of which `last_offset` is the last one, starting at `position` of its segment.
struct IndexEntry {
  int64_t last_offset;
  int64_t position;
  bool operator==(const IndexEntry&) const = default;
};
/// The largest commit timestamp up to the batch at `base_offset`.
struct TimeIndexEntry {
  int64_t timestamp;
  int64_t base_offset;
  bool operator==(const TimeIndexEntry&) const = default;
};

Bytes EncodeIndex(const std::vector<IndexEntry>& entries, int64_t segment_base);
Bytes EncodeTimeIndex(const std::vector<TimeIndexEntry>& entries, int64_t segment_base);
/// Reads entries while they ascend; zeros that a crash left behind, and everything after the first
/// fault, are dropped.
std::vector<IndexEntry> DecodeIndex(ByteView bytes, int64_t segment_base);
std::vector<TimeIndexEntry> DecodeTimeIndex(ByteView bytes, int64_t segment_base);

}  // namespace strom::log
