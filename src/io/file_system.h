#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace strom::io {

/// An open file. Reads may come from several threads; writes from its owner only. All offsets are
/// in bytes.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to `size` bytes at `offset`; fewer only at the end of the file. Errors: kIo.
  virtual Result<size_t> ReadAt(int64_t offset, char* into, size_t size) const = 0;
  /// Writes all of `parts`, one after the other, at the end. Errors: kIo; the tail is then unknown.
  virtual Status Append(std::span<const ByteView> parts) = 0;
  /// Waits until everything written before the call is on the disk. Any thread. Errors: kIo.
  virtual Status Sync() = 0;
  virtual Status Truncate(int64_t size) = 0;
  virtual int64_t size() const = 0;

  Status Append(ByteView bytes) { return Append(std::span<const ByteView>(&bytes, 1)); }
};

struct Entry {
  std::string name;
  bool is_directory = false;
};

/// Files and folders by path. Any thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Opens for reading and appending, creating an empty file when there is none.
  virtual Result<std::unique_ptr<File>> OpenForAppend(const std::string& path) = 0;
  /// Errors: kNotFound.
  virtual Result<std::unique_ptr<File>> OpenForRead(const std::string& path) = 0;
  virtual Result<bool> Exists(const std::string& path) = 0;
  /// When the file's content was last changed. Errors: kNotFound.
  virtual Result<Millis> ModifiedAt(const std::string& path) = 0;
  /// Sorted by name. Errors: kNotFound.
  virtual Result<std::vector<Entry>> List(const std::string& path) = 0;
  /// Creates the folder and its parents; fine when it is there.
  virtual Status MakeDirectories(const std::string& path) = 0;
  /// Removes a file; fine when it is gone already.
  virtual Status Remove(const std::string& path) = 0;
  virtual Status RemoveTree(const std::string& path) = 0;
  /// Puts `from` in the place of `to`, at once.
  virtual Status Replace(const std::string& from, const std::string& to) = 0;
  /// Gives the contents of `from` the name `to` as well. Errors: kAlreadyExists when `to` exists;
  /// never overwrites.
  virtual Status LinkNew(const std::string& from, const std::string& to) = 0;
  /// What is left of the file system of `path` for this process.
  virtual Result<int64_t> FreeBytes(const std::string& path) = 0;
  /// Waits until the names in a folder are on the disk.
  virtual Status SyncDirectory(const std::string& path) = 0;
  /// Waits until everything that was written on the file system of `path`, names too, is on the
  /// disk: cheaper than to wait for each of many files.
  virtual Status SyncAll(const std::string& path) = 0;
};

/// The files of this machine.
FileSystem& LocalFiles();

/// The whole content. Errors: kNotFound, kIo.
Result<Bytes> ReadWholeFile(FileSystem& files, const std::string& path);

/// Reads exactly `size` bytes at `offset` of the file called `path`. Errors: kIo, kCorrupt when it
/// ends before.
Status ReadExactly(const File& file, const std::string& path, int64_t offset, char* into,
                   size_t size);

/// Removes everything in a folder whose path is not among `kept`; returns the paths of what went,
/// nothing when there is no folder.
Result<std::vector<std::string>> RemoveAllBut(FileSystem& files, const std::string& folder,
                                              const std::set<std::string>& kept);

/// Writes beside the target, syncs, then replaces it: readers see the old content or the new, also
/// after a crash.
Status WriteFileAtomically(FileSystem& files, const std::string& path, ByteView content);

/// Creates `path` with `content` at once, or fails with kAlreadyExists; of two racers exactly one
/// wins.
Status CreateFileExclusively(FileSystem& files, const std::string& path, ByteView content);

/// Makes `to`, which must not exist, a synced copy of `from`.
Status CopyFile(FileSystem& files, const std::string& from, const std::string& to);
/// As CopyFile, but both names may come to stand for the same file: `from` must never change any
/// more, and must be synced.
Status CopyOrLink(FileSystem& files, const std::string& from, const std::string& to);

std::string ParentOf(const std::string& path);

/// The local path of a location as users write it ("./lake", "/x", "file:/x", "file:///x").
/// Errors: kUnsupported for another scheme.
Result<std::string> LocalPath(const std::string& location);

}  // namespace strom::io
