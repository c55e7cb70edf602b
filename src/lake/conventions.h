#pragma once
#include <string_view>

namespace strom::lake {

// What every lake table of a stream table has, whatever its format (Apache Fluss 0.9).

inline constexpr const char* kBucketColumn = "__bucket";
inline constexpr const char* kOffsetColumn = "__offset";
inline constexpr const char* kTimestampColumn = "__timestamp";
inline bool IsSystemColumn(std::string_view name) {
  return name == kBucketColumn || name == kOffsetColumn || name == kTimestampColumn;
}
/// Who commits, and the snapshot property that names the offsets file.
inline constexpr const char* kCommitUser = "__fluss_lake_tiering";
inline constexpr const char* kOffsetsProperty = "fluss-offsets";

}  // namespace strom::lake
