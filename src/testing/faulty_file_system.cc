#include "testing/faulty_file_system.h"

#include <algorithm>

#include "base/check.h"

namespace strom::testing {

Status FaultyFileSystem::Faults::Count() {
  if (left < 0) return {};
  if (left > 0) {
    --left;
    return {};
  }
  fired = true;
  return Err(ErrorCode::kIo, "the disk failed, as the test asked for");
}

class FaultyFileSystem::MemoryFile final : public io::File {
 public:
  MemoryFile(std::shared_ptr<Content> content, std::shared_ptr<Faults> faults)
      : content_(std::move(content)), faults_(std::move(faults)) {}

  Result<size_t> ReadAt(int64_t offset, char* into, size_t size) const override {
    const auto at = static_cast<size_t>(offset);
    if (at >= content_->bytes.size()) return size_t{0};
    return content_->bytes.copy(into, size, at);
  }
  Status Append(std::span<const ByteView> parts) override {
    const Status fault = faults_->Count();
    for (const ByteView part : parts) {
      if (!fault) {  // a failing write leaves a part of itself behind
        content_->bytes.append(part.substr(0, part.size() / 2));
        return fault;
      }
      content_->bytes.append(part);
    }
    return {};
  }
  Status Sync() override {
    STROM_TRY(faults_->Count());
    content_->synced = content_->bytes.size();
    return {};
  }
  Status Truncate(int64_t size) override {
    STROM_TRY(faults_->Count());
    content_->bytes.resize(static_cast<size_t>(size));
    content_->synced = std::min(content_->synced, content_->bytes.size());
    return {};
  }
  int64_t size() const override { return static_cast<int64_t>(content_->bytes.size()); }

 private:
  const std::shared_ptr<Content> content_;
  const std::shared_ptr<Faults> faults_;
};

FaultyFileSystem::FaultyFileSystem() : faults_(std::make_shared<Faults>()) {}
FaultyFileSystem::~FaultyFileSystem() = default;

void FaultyFileSystem::FailFrom(int nth) {
  *faults_ = Faults{nth, false};
}
bool FaultyFileSystem::fired() const {
  return faults_->fired;
}

void FaultyFileSystem::Crash(int64_t torn_bytes) {
  *faults_ = Faults{};
  for (auto& [path, content] : files_) {
    const size_t kept =
        std::min(content->bytes.size(), content->synced + static_cast<size_t>(torn_bytes));
    // Handles of the process that died keep the old content; new ones see what the disk has.
    content = std::make_shared<Content>(Content{content->bytes.substr(0, kept), kept});
  }
}

void FaultyFileSystem::FlipByte(const std::string& path, int64_t offset) {
  auto& bytes = files_.at(path)->bytes;
  bytes.at(static_cast<size_t>(offset)) = static_cast<char>(~bytes.at(static_cast<size_t>(offset)));
}

Result<std::unique_ptr<io::File>> FaultyFileSystem::OpenForAppend(const std::string& path) {
  auto& content = files_[path];
  if (!content) content = std::make_shared<Content>();
  return std::make_unique<MemoryFile>(content, faults_);
}

Result<std::unique_ptr<io::File>> FaultyFileSystem::OpenForRead(const std::string& path) {
  const auto it = files_.find(path);
  if (it == files_.end()) return Err(ErrorCode::kNotFound, "no file {}", path);
  return std::make_unique<MemoryFile>(it->second, faults_);
}

Result<bool> FaultyFileSystem::Exists(const std::string& path) {
  return files_.contains(path) || folders_.contains(path);
}

Result<Millis> FaultyFileSystem::ModifiedAt(const std::string& path) {
  if (!files_.contains(path)) return Err(ErrorCode::kNotFound, "{} does not exist", path);
  return kModifiedAt;
}

Result<std::vector<io::Entry>> FaultyFileSystem::List(const std::string& path) {
  std::map<std::string, bool> entries;
  const std::string prefix = path + "/";
  const auto add = [&](const std::string& full, bool folder) {
    if (!full.starts_with(prefix)) return;
    const std::string rest = full.substr(prefix.size());
    const size_t slash = rest.find('/');
    entries[rest.substr(0, slash)] = folder || slash != std::string::npos;
  };
  for (const std::string& folder : folders_) add(folder, true);
  for (const auto& [file, content] : files_) add(file, false);
  if (entries.empty() && !folders_.contains(path))
    return Err(ErrorCode::kNotFound, "no folder {}", path);
  std::vector<io::Entry> list;
  for (const auto& [name, folder] : entries) list.push_back({name, folder});
  return list;
}

Status FaultyFileSystem::MakeDirectories(const std::string& path) {
  folders_.insert(path);
  return {};
}

Status FaultyFileSystem::Remove(const std::string& path) {
  files_.erase(path);
  return {};
}

Status FaultyFileSystem::RemoveTree(const std::string& path) {
  const auto inside = [&](const std::string& full) {
    return full == path || full.starts_with(path + "/");
  };
  std::erase_if(files_, [&](const auto& file) { return inside(file.first); });
  std::erase_if(folders_, inside);
  return {};
}

Status FaultyFileSystem::Replace(const std::string& from, const std::string& to) {
  STROM_TRY(faults_->Count());
  const auto it = files_.find(from);
  STROM_CHECK(it != files_.end());
  files_[to] = it->second;
  files_.erase(from);
  return {};
}

Status FaultyFileSystem::LinkNew(const std::string& from, const std::string& to) {
  STROM_TRY(faults_->Count());
  if (files_.contains(to)) return Err(ErrorCode::kAlreadyExists, "{} exists", to);
  files_[to] = files_.at(from);
  return {};
}

Status FaultyFileSystem::SyncDirectory(const std::string&) {
  return faults_->Count();
}

Status FaultyFileSystem::SyncAll(const std::string&) {
  STROM_TRY(faults_->Count());
  for (auto& [path, content] : files_) content->synced = content->bytes.size();
  return {};
}

}  // namespace strom::testing
