#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>

#include "io/file_system.h"

namespace strom::testing {

/// Files in memory whose writes can be made to fail, and that can lose what was not synced, as a
/// machine that loses power does.
///
/// Names are durable at once (folders are not modelled to lose entries); contents are durable up to
/// the last Sync of a file.
class FaultyFileSystem final : public io::FileSystem {
 public:
  static constexpr Millis kModifiedAt = 1'000'000;

  FaultyFileSystem();
  ~FaultyFileSystem() override;

  /// The n-th write, sync or truncation from now on (0 = the next) fails, and every one after it,
  /// as on a broken disk.
  void FailFrom(int nth);
  /// Whether a failure came.
  bool fired() const;
  /// All files lose what was not synced, or, with `torn_bytes`, all but that many bytes of it;
  /// failures end.
  void Crash(int64_t torn_bytes = 0);
  /// Turns one byte of a file over.
  void FlipByte(const std::string& path, int64_t offset);

  Result<std::unique_ptr<io::File>> OpenForAppend(const std::string& path) override;
  Result<std::unique_ptr<io::File>> OpenForRead(const std::string& path) override;
  Result<bool> Exists(const std::string& path) override;
  /// The same for every file: kModifiedAt.
  Result<Millis> ModifiedAt(const std::string& path) override;
  Result<std::vector<io::Entry>> List(const std::string& path) override;
  Status MakeDirectories(const std::string& path) override;
  Status Remove(const std::string& path) override;
  Status RemoveTree(const std::string& path) override;
  Status Replace(const std::string& from, const std::string& to) override;
  Status LinkNew(const std::string& from, const std::string& to) override;
  Result<int64_t> FreeBytes(const std::string&) override { return int64_t{1} << 40; }
  Status SyncDirectory(const std::string& path) override;
  Status SyncAll(const std::string& path) override;

 private:
  struct Content {
    std::string bytes;
    size_t synced = 0;
  };
  struct Faults {
    int left = -1;  // operations until the first failure; -1 = none planned
    bool fired = false;
    Status Count();
  };
  class MemoryFile;

  std::shared_ptr<Faults> faults_;
  std::map<std::string, std::shared_ptr<Content>> files_;
  std::set<std::string> folders_;
};

}  // namespace strom::testing
