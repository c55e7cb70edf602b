#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::meta {

/// One step of an atomic change. A version of kAnyVersion matches every version.
struct Change {
  enum class Kind { kCreate, kSet, kDelete, kCheck };
  static constexpr int64_t kAnyVersion = -1;

  Kind kind;
  std::string path;  // "/a/b"; parents of a created node come into being with it
  Bytes data;
  int64_t version = kAnyVersion;

  static Change Create(std::string path, Bytes data) {
    return {Kind::kCreate, std::move(path), std::move(data), kAnyVersion};
  }
  static Change Set(std::string path, Bytes data, int64_t version = kAnyVersion) {
    return {Kind::kSet, std::move(path), std::move(data), version};
  }
  /// Deletes the node and everything below it.
  static Change Delete(std::string path, int64_t version = kAnyVersion) {
    return {Kind::kDelete, std::move(path), Bytes(), version};
  }
  static Change Check(std::string path, int64_t version) {
    return {Kind::kCheck, std::move(path), Bytes(), version};
  }
};

struct Node {
  Bytes data;
  int64_t version = 0;  // grows by one with each Set
};

/// The facts of a cluster as a tree of small documents, with the paths and contents that Apache
/// Fluss keeps in ZooKeeper.
///
/// A change is all or nothing and durable before Commit returns. Owner: the coordinator's thread.
class MetaTree {
 public:
  virtual ~MetaTree() = default;

  virtual std::optional<Node> Get(const std::string& path) const = 0;
  /// Names of the nodes right below `path`, sorted; empty when there is none.
  virtual std::vector<std::string> Children(const std::string& path) const = 0;
  /// Errors: kConflict (a version differs, a node to create exists, one to set or check is
  /// missing), kIo (nothing happened, and the tree refuses changes from then on).
  virtual Status Commit(const std::vector<Change>& changes) = 0;

  /// Called after each change below `prefix`, with the path that changed, on the thread that
  /// committed.
  using OnChange = std::function<void(const std::string& path)>;
  virtual void Watch(const std::string& prefix, OnChange on_change) = 0;

  /// Writes a node, whether it is there or not. Errors: as Commit.
  Status Put(const std::string& path, Bytes data);

  /// The value of a counter before it grows by `step`: eight bytes big endian, absent = 0. Errors:
  /// as Commit.
  Result<int64_t> NextId(const std::string& path, int64_t step = 1);
};

}  // namespace strom::meta
