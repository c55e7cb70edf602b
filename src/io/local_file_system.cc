#include <cerrno>
#include <filesystem>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/file_system.h"

namespace strom::io {
namespace {

std::unexpected<Error> IoError(const char* verb, const std::string& path) {
  const int number = errno;
  const ErrorCode code = number == ENOENT   ? ErrorCode::kNotFound
                         : number == EEXIST ? ErrorCode::kAlreadyExists
                                            : ErrorCode::kIo;
  return Err(code, "cannot {} {}: {}", verb, path, std::strerror(number));
}

class LocalFile final : public File {
 public:
  LocalFile(std::string path, int fd, int64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~LocalFile() override { ::close(fd_); }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  Result<size_t> ReadAt(int64_t offset, char* into, size_t size) const override {
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          ::pread(fd_, into + done, size - done, offset + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return IoError("read", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status Append(std::span<const ByteView> parts) override {
    constexpr size_t kBatch = 512;  // below the system's IOV_MAX
    std::vector<iovec> vectors;
    for (size_t first = 0; first < parts.size(); first += kBatch) {
      vectors.clear();
      for (const ByteView part : parts.subspan(first, std::min(kBatch, parts.size() - first))) {
        vectors.push_back(iovec{const_cast<char*>(part.data()), part.size()});
      }
      STROM_TRY(WriteAll(vectors));
    }
    return {};
  }

  Status Sync() override {
    if (::fdatasync(fd_) != 0) return IoError("sync", path_);
    return {};
  }

  Status Truncate(int64_t size) override {
    if (::ftruncate(fd_, size) != 0) return IoError("truncate", path_);
    size_ = size;
    return {};
  }

  int64_t size() const override { return size_.load(std::memory_order_acquire); }

 private:
  Status WriteAll(std::span<iovec> vectors) {
    while (!vectors.empty()) {
      const int64_t at = size_;
      const ssize_t wrote = ::pwritev(fd_, vectors.data(), static_cast<int>(vectors.size()), at);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return IoError("write", path_);
      size_ = at + wrote;
      auto left = static_cast<size_t>(wrote);
      while (!vectors.empty() && left >= vectors.front().iov_len) {
        left -= vectors.front().iov_len;
        vectors = vectors.subspan(1);
      }
      if (!vectors.empty()) {
        vectors.front().iov_base = static_cast<char*>(vectors.front().iov_base) + left;
        vectors.front().iov_len -= left;
      }
    }
    return {};
  }

  const std::string path_;
  const int fd_;
  std::atomic<int64_t> size_;
};

class LocalFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> OpenForAppend(const std::string& path) override {
    return Open(path, O_RDWR | O_CREAT | O_CLOEXEC);
  }
  Result<std::unique_ptr<File>> OpenForRead(const std::string& path) override {
    return Open(path, O_RDONLY | O_CLOEXEC);
  }

  Result<bool> Exists(const std::string& path) override {
    struct stat facts;
    if (::stat(path.c_str(), &facts) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return IoError("look at", path);
  }

  Result<Millis> ModifiedAt(const std::string& path) override {
    struct stat facts;
    if (::stat(path.c_str(), &facts) != 0) return IoError("look at", path);
    return Millis{facts.st_mtim.tv_sec} * 1000 + facts.st_mtim.tv_nsec / 1'000'000;
  }

  Result<std::vector<Entry>> List(const std::string& path) override {
    std::vector<Entry> entries;
    std::error_code fault;
    for (std::filesystem::directory_iterator it(path, fault), end; !fault && it != end;
         it.increment(fault)) {
      entries.push_back(Entry{it->path().filename().string(), it->is_directory()});
    }
    if (fault) {
      errno = fault.value();
      return IoError("list", path);
    }
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  Status MakeDirectories(const std::string& path) override {
    std::error_code fault;
    std::filesystem::create_directories(path, fault);
    return Translate(fault, "create", path);
  }
  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return IoError("remove", path);
    return {};
  }
  Status RemoveTree(const std::string& path) override {
    std::error_code fault;
    std::filesystem::remove_all(path, fault);
    return Translate(fault, "remove", path);
  }
  Status Replace(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return IoError("replace", to);
    return {};
  }
  Status LinkNew(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return IoError("create", to);
    return {};
  }
  Result<int64_t> FreeBytes(const std::string& path) override {
    struct statvfs facts;
    if (::statvfs(path.c_str(), &facts) != 0) return IoError("look at", path);
    return static_cast<int64_t>(facts.f_bavail) * static_cast<int64_t>(facts.f_frsize);
  }
  Status SyncDirectory(const std::string& path) override { return SyncBy(::fsync, path); }
  Status SyncAll(const std::string& path) override { return SyncBy(::syncfs, path); }

 private:
  static Status SyncBy(int (*sync)(int), const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return IoError("open", path);
    const int result = sync(fd);
    ::close(fd);
    if (result != 0) return IoError("sync", path);
    return {};
  }
  static Result<std::unique_ptr<File>> Open(const std::string& path, int flags) {
    constexpr int kMode = 0644;
    const int fd = ::open(path.c_str(), flags, kMode);
    if (fd < 0) return IoError("open", path);
    struct stat facts;
    if (::fstat(fd, &facts) != 0) {
      ::close(fd);
      return IoError("look at", path);
    }
    return std::make_unique<LocalFile>(path, fd, facts.st_size);
  }
  static Status Translate(const std::error_code& fault, const char* verb, const std::string& path) {
    if (!fault) return {};
    errno = fault.value();
    return IoError(verb, path);
  }
};

}  // namespace

FileSystem& LocalFiles() {
  static LocalFileSystem files;
  return files;
}

}  // namespace strom::io
