#pragma once
#include "lake/paimon/paimon_files.h"

namespace strom::lake::paimon {

/// Adds `entries` (and `changelog`, which is no part of the table's content) as one snapshot of
/// kind APPEND, racing fairly with other committers: who loses reads the newer snapshot and tries
/// again on top of it. Errors: kConflict after kMaxAttempts, kIo.
Result<int64_t> CommitFiles(const PaimonFiles& files, const TableSchema& schema,
                            const std::vector<ManifestEntry>& entries,
                            const std::vector<ManifestEntry>& changelog,
                            const std::string& offsets_path);

}  // namespace strom::lake::paimon
