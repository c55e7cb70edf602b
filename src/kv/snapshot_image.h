#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kv/kv_store.h"

namespace strom::kv {

/// The keys of one bucket as a RocksDB of their own, in the form that clients of Apache Fluss open
/// with their RocksDB 6.20 (default column family, format version 5, CRC-32C checksums, LZ4). It is
/// kept from one snapshot to the next and opened only while one is made, so that a snapshot writes
/// what changed and shares the other files with the one before. Blocking; any thread, one at a
/// time.
class SnapshotImage {
 public:
  explicit SnapshotImage(std::string dir) : dir_(std::move(dir)) {}

  struct File {
    std::string path;  // below the image; until the next Update
    std::string name;  // as RocksDB knows it
    int64_t bytes = 0;
    bool shared = false;  // its content never changes under this name
  };
  /// Makes the image equal to the rows of `rows` and returns the files of it. Errors: kIo, kCorrupt
  /// (then Discard helps).
  Result<std::vector<File>> Update(KvStore::Cursor& rows);

  /// Removes the image; the next Update writes all of it.
  Status Discard();
  /// Where something may be kept that shall go with the image.
  std::string NotePath() const { return dir_ + "/note.json"; }

 private:
  const std::string dir_;
};

/// Visits the keys of a checkpoint's files in `dir`, in order. Errors: kCorrupt, kIo.
Status ReadCheckpoint(const std::string& dir,
                      const std::function<Status(ByteView key, ByteView value)>& visit);

}  // namespace strom::kv
