#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace strom::model {

/// A copy of the keys of one bucket in the remote directory: the files of a RocksDB checkpoint.
/// JSON: the published completed-snapshot format, version 1.
struct KvSnapshot {
  struct File {
    std::string remote_path;
    std::string local_name;
    int64_t bytes = 0;
    bool operator==(const File&) const = default;
  };
  TableBucket bucket;
  int64_t snapshot_id = 0;
  std::string location;            // the directory of its private files
  std::vector<File> shared_files;  // which other snapshots may have too
  std::vector<File> private_files;
  int64_t new_bytes = 0;   // of the files that the snapshot before did not have
  int64_t log_offset = 0;  // the first change that it does not have
  std::optional<int64_t> row_count;
  bool operator==(const KvSnapshot&) const = default;
};

std::string KvSnapshotToJson(const KvSnapshot& snapshot);
/// Errors: kCorrupt.
Result<KvSnapshot> KvSnapshotFromJson(const std::string& text);

/// What the metadata tree says of a snapshot.
struct KvSnapshotHandle {
  int64_t snapshot_id = 0;
  int64_t log_offset = 0;
  std::string metadata_path;  // of its JSON
  bool operator==(const KvSnapshotHandle&) const = default;
};

std::string KvSnapshotHandleToJson(const KvSnapshotHandle& handle);
/// Errors: kCorrupt.
Result<KvSnapshotHandle> KvSnapshotHandleFromJson(const std::string& text);

}  // namespace strom::model
