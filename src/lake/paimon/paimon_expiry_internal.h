#pragma once
#include <cstdint>
#include <vector>

#include "lake/paimon/paimon_files.h"

namespace strom::lake::paimon {

/// How long snapshots are kept: at least the `least` newest and those younger than `age`, at most
/// `most`.
struct Retention {
  int64_t least = 10;
  int64_t most = INT32_MAX;
  Millis age = 3'600'000;
  int64_t step = 50;  // removed at a time

  /// From `snapshot.num-retained.min|max`, `snapshot.time-retained`, `snapshot.expire.limit`.
  /// Errors: kInvalidConfig.
  static Result<Retention> Of(const TableSchema& schema);
};

/// Removes snapshots that are kept no longer, with the files that only they have; those that a tag
/// or a consumer needs stay. Never removes `registered` or what comes after it. Returns how many
/// went. Errors: kIo, kCorrupt; a later call goes on where this one ended.
Result<int64_t> ExpireSnapshots(const PaimonFiles& files, const TableSchema& schema,
                                const Retention& retention, int64_t registered, Millis now);

/// The snapshots that tags hold on to.
Result<std::vector<Snapshot>> TaggedSnapshots(const PaimonFiles& files);

/// See LakeTable::RemoveOrphans.
Result<int64_t> RemoveOrphans(const PaimonFiles& files, Millis before);

}  // namespace strom::lake::paimon
