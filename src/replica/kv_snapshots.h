#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "kv/kv_store.h"
#include "kv/snapshot_image.h"
#include "model/kv_snapshot.h"
#include "replica/coordinator_link.h"

namespace strom::replica {

/// One snapshot of one bucket as a job for a thread that may wait: brings the image up to date,
/// copies what is new of it to the remote directory, commits, and removes what no snapshot needs
/// any more.
struct KvSnapshotJob {
  model::TableBucket bucket;
  std::string image_dir;   // local
  std::string remote_dir;  // of the bucket
  std::unique_ptr<kv::KvStore::Cursor> rows;
  kv::SpaceState state;
  bool counts_rows = true;
  bool sweep = false;  // remove what an interrupted job may have left
  CoordinatorLink* link = nullptr;
  io::FileSystem* files = nullptr;

  struct Done {
    int64_t log_offset = 0;         // of the snapshot that was made
    int64_t oldest_log_offset = 0;  // of the oldest one that is kept
  };
  Result<Done> Run();

 private:
  Result<model::KvSnapshot> Upload(const std::vector<kv::SnapshotImage::File>& image,
                                   const kv::SnapshotImage& note);
  void RemoveUnneeded(const CoordinatorLink::Committed& committed);
  Status Sweep() const;
};

/// Reads the rows of a bucket's newest readable snapshot into the store; an older one when the
/// newest is damaged. Returns the state that the space has then; the beginning when there is no
/// snapshot. Errors: kIo, kCorrupt (snapshots exist and none can be read).
Result<kv::SpaceState> RestoreKeys(kv::KvStore& store, const model::TableBucket& bucket,
                                   CoordinatorLink& link, io::FileSystem& files,
                                   const std::string& scratch_dir);

}  // namespace strom::replica
