#pragma once
#include <map>
#include <string>

#include "base/clock.h"
#include "io/file_system.h"
#include "meta/bucket_numbers.h"
#include "meta/tree.h"

namespace strom::meta {

/// Numbers of buckets that somebody left here until they expire.
struct TimedNumbers {
  Millis expires = 0;
  BucketNumbers numbers;
};

/// Such numbers under ids as they are kept (Apache Fluss 0.9): a node `<nodes>/<id>` names, for
/// each table, a file `<remote dir>/<folder>/<id>/<table>/<uuid><suffix>` with the numbers.
///
/// Owner: the coordinator's thread. Every change is durable when its function returns.
class TimedNumbersStore {
 public:
  struct Layout {
    const char* nodes;
    const char* folder;
    const char* suffix;
    const char* path_field;  // of a file, in the node
    const char* what;        // the numbers in a file are "bucket_<what>"
    const char* noun;        // for errors and the log
    ErrorCode invalid_id;    // an id that cannot name a node
  };
  /// A reader's claim on key snapshots, one of a bucket.
  static constexpr Layout kSnapshotLeases{
      "/leases/kv_snapshot",      "lease/kv-snapshot", ".metadata",
      "lease_metadata_path",      "snapshots",         "lease",
      ErrorCode::kInvalidArgument};
  /// How far a producer had written when it took a checkpoint of its own.
  static constexpr Layout kProducerOffsets{"/producers",
                                           "producers",
                                           ".offsets",
                                           "offsets_path",
                                           "offsets",
                                           "producer",
                                           ErrorCode::kInvalidProducerId};

  TimedNumbersStore(MetaTree& tree, io::FileSystem& files, std::string remote_dir, Layout layout)
      : tree_(tree), files_(files), remote_dir_(std::move(remote_dir)), layout_(layout) {}

  /// Everything by its id. What cannot be read counts no more, which the log tells.
  std::map<std::string, TimedNumbers> Load() const;
  /// Writes an entry, over an earlier one of the id. Errors: the layout's for an id that cannot
  /// name a node, kIo.
  Status Put(const std::string& id, const TimedNumbers& entry);
  /// Fine when there is none. Errors: kIo.
  Status Drop(const std::string& id);

 private:
  std::string NodeOf(const std::string& id) const;
  std::string DirectoryOf(const std::string& id) const;
  Status CheckId(const std::string& id) const;
  Result<TimedNumbers> Read(ByteView node) const;
  /// Of the files of an id, the node of which names others by now.
  Status RemoveFilesBut(const std::string& id, const std::map<model::TableId, std::string>& named);

  MetaTree& tree_;
  io::FileSystem& files_;
  const std::string remote_dir_;
  const Layout layout_;
};

/// A store with what is in it at hand. Owner and errors: as of the store.
class TimedNumbersBook {
 public:
  using Entries = std::map<std::string, TimedNumbers>;

  explicit TimedNumbersBook(TimedNumbersStore store)
      : store_(std::move(store)), entries_(store_.Load()) {}

  const Entries& entries() const { return entries_; }
  const TimedNumbers* Find(const std::string& id) const {
    const auto it = entries_.find(id);
    return it == entries_.end() ? nullptr : &it->second;
  }
  Status Put(const std::string& id, TimedNumbers entry);
  Status Drop(const std::string& id);
  /// All that have expired, but for one.
  Status DropExpired(Millis now, const std::string& kept);

 private:
  TimedNumbersStore store_;
  Entries entries_;  // as in the store
};

}  // namespace strom::meta
