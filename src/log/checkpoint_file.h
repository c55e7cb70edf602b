#pragma once
#include <map>
#include <string>

#include "base/result.h"
#include "io/file_system.h"
#include "model/ids.h"

namespace strom::log {

using OffsetCheckpoint = std::map<model::TableBucket, int64_t>;

/// Offsets of many buckets in one text file, replaced as a whole: version 0, the number of entries,
/// then per entry "table bucket offset" or "table partition bucket offset" (Apache Fluss 0.9). A
/// file that is not there is empty. Errors: kCorrupt, kIo.
Result<OffsetCheckpoint> ReadCheckpoint(io::FileSystem& files, const std::string& path);
Status WriteCheckpoint(io::FileSystem& files, const std::string& path,
                       const OffsetCheckpoint& offsets);

}  // namespace strom::log
