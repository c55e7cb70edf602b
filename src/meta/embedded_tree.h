#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"
#include "meta/tree.h"

namespace strom::meta {

/// The tree of a single node: in memory, with a journal that is synced before a change counts and a
/// snapshot that replaces it when it has grown.
///
/// Files in `dir` (docs/formats/metadata.md): `snapshot`, one record with every node, replaced
/// atomically; `journal`, one record a change. A record is length u32, CRC-32C u32, sequence number
/// u64 and operations, little endian. A torn record at the end of the journal was never
/// acknowledged and is cut; records the snapshot contains are skipped by their sequence number.
class EmbeddedTree final : public MetaTree {
 public:
  /// Errors: kIo, kCorrupt (a damaged snapshot or a damaged record before the last one).
  static Result<std::unique_ptr<EmbeddedTree>> Open(io::FileSystem& files, const std::string& dir,
                                                    int64_t compact_from_bytes = 4 << 20);

  std::optional<Node> Get(const std::string& path) const override;
  std::vector<std::string> Children(const std::string& path) const override;
  Status Commit(const std::vector<Change>& changes) override;
  void Watch(const std::string& prefix, OnChange on_change) override;

 private:
  EmbeddedTree(io::FileSystem& files, std::string dir, int64_t compact_from_bytes)
      : files_(files), dir_(std::move(dir)), compact_from_bytes_(compact_from_bytes) {}
  Status LoadSnapshot();
  Status ReplayJournal();
  Status CheckChange(const Change& change) const;
  void Apply(const Change& change);
  Status Compact();

  io::FileSystem& files_;
  const std::string dir_;
  const int64_t compact_from_bytes_;
  std::map<std::string, Node> nodes_;
  std::unique_ptr<io::File> journal_;
  uint64_t sequence_ = 0;
  bool broken_ = false;
  std::vector<std::pair<std::string, OnChange>> watches_;
};

}  // namespace strom::meta
