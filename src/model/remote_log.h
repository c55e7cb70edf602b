#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"

namespace strom::model {

/// A closed segment of a bucket's log in the remote directory: a folder named by `id` with copies
/// of the segment's files.
struct RemoteLogSegment {
  std::string id;
  int64_t start_offset = 0;  // of the file
  int64_t end_offset = 0;    // after its last row
  /// What counts of it where segments of several leaders overlap (later versions than 0.9 cut so).
  std::optional<int64_t> logical_start_offset;
  std::optional<int64_t> logical_end_offset;
  Millis max_timestamp = -1;
  int64_t bytes = 0;  // of the .log file
  int64_t first_offset() const { return logical_start_offset.value_or(start_offset); }
  int64_t last_end() const { return logical_end_offset.value_or(end_offset); }
  bool operator==(const RemoteLogSegment&) const = default;
};

/// All of a bucket's remote segments, in the order of their offsets, without gaps. JSON: the
/// published remote log manifest, version 1.
struct RemoteLogManifest {
  TablePath path;
  std::optional<std::string> partition_name;
  TableBucket bucket;
  std::optional<int64_t> highest_copied_end_offset;
  std::vector<RemoteLogSegment> segments;

  bool empty() const { return segments.empty(); }
  /// Only when not empty.
  int64_t start_offset() const { return segments.front().first_offset(); }
  int64_t end_offset() const { return segments.back().last_end(); }
  bool Has(int64_t offset) const {
    return !empty() && offset >= start_offset() && offset < end_offset();
  }
  /// The index of the segment that holds `offset`, which the manifest has.
  size_t IndexOf(int64_t offset) const;
  bool operator==(const RemoteLogManifest&) const = default;
};

std::string RemoteLogManifestToJson(const RemoteLogManifest& manifest);
/// Errors: kCorrupt, also for segments that do not follow each other.
Result<RemoteLogManifest> RemoteLogManifestFromJson(const std::string& text);

/// What the metadata tree says of a bucket's remote log.
struct RemoteLogHandle {
  std::string manifest_path;
  int64_t end_offset = 0;
  bool operator==(const RemoteLogHandle&) const = default;
};

std::string RemoteLogHandleToJson(const RemoteLogHandle& handle);
/// Errors: kCorrupt.
Result<RemoteLogHandle> RemoteLogHandleFromJson(const std::string& text);

}  // namespace strom::model
