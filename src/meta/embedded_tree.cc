#include "meta/embedded_tree.h"

#include "base/coding.h"
#include "base/hash.h"

namespace strom::meta {
namespace {

constexpr size_t kRecordHead = 16;  // length, CRC, sequence

void AppendText(Bytes& out, ByteView text) {
  AppendLe(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

void AppendOperation(Bytes& out, const Change& change) {
  AppendLe(out, static_cast<uint8_t>(change.kind));
  AppendText(out, change.path);
  AppendLe(out, change.version);
  AppendText(out, change.data);
}

Bytes MakeRecord(uint64_t sequence, ByteView operations) {
  Bytes body;
  AppendLe(body, sequence);
  body.append(operations);
  Bytes record;
  AppendLe(record, static_cast<uint32_t>(body.size()));
  AppendLe(record, Crc32c(body));
  return record + body;
}

struct Record {
  uint64_t sequence = 0;
  std::vector<Change> changes;
  size_t bytes = 0;
};

/// The record at the front of `bytes`; nothing when it is cut or its checksum fails.
std::optional<Record> ReadRecord(ByteView bytes) {
  Reader head(bytes);
  const auto length = head.Le<uint32_t>();
  const auto crc = head.Le<uint32_t>();
  const ByteView body = head.Take(length);
  if (!head.ok() || length < 8 || Crc32c(body) != crc) return std::nullopt;
  Record record;
  record.bytes = kRecordHead - 8 + length;
  Reader in(body);
  record.sequence = in.Le<uint64_t>();
  while (in.ok() && !in.done()) {
    Change change{};
    change.kind = static_cast<Change::Kind>(in.Le<uint8_t>());
    change.path = std::string(in.Take(in.Le<uint32_t>()));
    change.version = in.Le<int64_t>();
    change.data = Bytes(in.Take(in.Le<uint32_t>()));
    record.changes.push_back(std::move(change));
  }
  if (!in.ok()) return std::nullopt;
  return record;
}

bool IsBelow(const std::string& path, const std::string& parent) {
  return path.size() > parent.size() && path.starts_with(parent) && path[parent.size()] == '/';
}

}  // namespace

Result<std::unique_ptr<EmbeddedTree>> EmbeddedTree::Open(io::FileSystem& files,
                                                         const std::string& dir,
                                                         int64_t compact_from_bytes) {
  STROM_TRY(files.MakeDirectories(dir));
  std::unique_ptr<EmbeddedTree> tree(new EmbeddedTree(files, dir, compact_from_bytes));
  STROM_TRY(tree->LoadSnapshot());
  STROM_TRY(tree->ReplayJournal());
  return tree;
}

Status EmbeddedTree::LoadSnapshot() {
  const std::string path = dir_ + "/snapshot";
  const auto content = io::ReadWholeFile(files_, path);
  if (!content && content.error().code == ErrorCode::kNotFound) return {};
  if (!content) return std::unexpected(content.error());
  const auto record = ReadRecord(*content);
  if (!record || record->bytes != content->size()) {
    return Err(ErrorCode::kCorrupt, "metadata snapshot {} is damaged; restore it from a backup",
               path);
  }
  sequence_ = record->sequence;
  for (const Change& change : record->changes)
    nodes_[change.path] = Node{change.data, change.version};
  return {};
}

Status EmbeddedTree::ReplayJournal() {
  const std::string path = dir_ + "/journal";
  STROM_ASSIGN(journal_, files_.OpenForAppend(path));
  Bytes content(static_cast<size_t>(journal_->size()), '\0');
  STROM_ASSIGN(const size_t got, journal_->ReadAt(0, content.data(), content.size()));
  const ByteView all = ByteView(content).substr(0, got);
  size_t at = 0;
  while (const auto record = ReadRecord(all.substr(at))) {
    at += record->bytes;
    if (record->sequence <= sequence_) continue;
    if (record->sequence != sequence_ + 1) {
      return Err(ErrorCode::kCorrupt, "metadata journal {}: change {} follows change {}", path,
                 record->sequence, sequence_);
    }
    sequence_ = record->sequence;
    for (const Change& change : record->changes) Apply(change);
  }
  if (at == all.size()) return {};
  // What follows a torn record was never acknowledged; a whole record behind it would mean damage
  // in the middle.
  for (size_t probe = at + 1; probe + kRecordHead <= all.size(); ++probe) {
    if (const auto later = ReadRecord(all.substr(probe));
        later && later->sequence > sequence_ && !later->changes.empty()) {
      return Err(ErrorCode::kCorrupt,
                 "metadata journal {} is damaged at byte {}; restore it from a backup", path, at);
    }
  }
  STROM_TRY(journal_->Truncate(static_cast<int64_t>(at)));
  return journal_->Sync();
}

std::optional<Node> EmbeddedTree::Get(const std::string& path) const {
  const auto it = nodes_.find(path);
  return it == nodes_.end() ? std::nullopt : std::optional(it->second);
}

std::vector<std::string> EmbeddedTree::Children(const std::string& path) const {
  std::vector<std::string> names;
  const std::string prefix = path == "/" ? path : path + "/";
  for (auto it = nodes_.lower_bound(prefix); it != nodes_.end() && it->first.starts_with(prefix);
       ++it) {
    const size_t end = it->first.find('/', prefix.size());
    std::string name =
        it->first.substr(prefix.size(), end == std::string::npos ? end : end - prefix.size());
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Status EmbeddedTree::CheckChange(const Change& change) const {
  const auto it = nodes_.find(change.path);
  const bool exists = it != nodes_.end();
  if (change.kind == Change::Kind::kCreate) {
    if (exists) return Err(ErrorCode::kConflict, "metadata node {} already exists", change.path);
    return {};
  }
  if (!exists && (change.kind != Change::Kind::kDelete || change.version != Change::kAnyVersion)) {
    return Err(ErrorCode::kConflict, "metadata node {} does not exist", change.path);
  }
  if (exists && change.version != Change::kAnyVersion && change.version != it->second.version) {
    return Err(ErrorCode::kConflict, "metadata node {} has version {}, {} was expected",
               change.path, it->second.version, change.version);
  }
  return {};
}

void EmbeddedTree::Apply(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kCreate: nodes_[change.path] = Node{change.data, 0}; break;
    case Change::Kind::kSet: {
      Node& node = nodes_[change.path];
      node.data = change.data;
      ++node.version;
      break;
    }
    case Change::Kind::kDelete: {
      nodes_.erase(change.path);
      auto it = nodes_.lower_bound(change.path + "/");
      while (it != nodes_.end() && IsBelow(it->first, change.path)) it = nodes_.erase(it);
      break;
    }
    case Change::Kind::kCheck: break;
  }
}

Status EmbeddedTree::Commit(const std::vector<Change>& changes) {
  if (broken_)
    return Err(ErrorCode::kIo,
               "metadata in {} refuses changes after a failed write; restart the server", dir_);
  Bytes operations;
  for (const Change& change : changes) {
    STROM_TRY(CheckChange(change));
    AppendOperation(operations, change);
  }
  Status written = journal_->Append(MakeRecord(sequence_ + 1, operations));
  if (written) written = journal_->Sync();
  if (!written) {
    broken_ = true;
    return written;
  }
  ++sequence_;
  for (const Change& change : changes) Apply(change);
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::kCheck) continue;
    for (const auto& [prefix, on_change] : watches_) {
      if (change.path == prefix || IsBelow(change.path, prefix)) on_change(change.path);
    }
  }
  if (journal_->size() > compact_from_bytes_) return Compact();
  return {};
}

Status EmbeddedTree::Compact() {
  Bytes operations;
  for (const auto& [path, node] : nodes_)
    AppendOperation(operations, Change{Change::Kind::kCreate, path, node.data, node.version});
  STROM_TRY(io::WriteFileAtomically(files_, dir_ + "/snapshot", MakeRecord(sequence_, operations)));
  return journal_->Truncate(0);
}

void EmbeddedTree::Watch(const std::string& prefix, OnChange on_change) {
  watches_.emplace_back(prefix, std::move(on_change));
}

}  // namespace strom::meta
