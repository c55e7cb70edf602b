#include "meta/timed_numbers.h"

#include <algorithm>

#include "base/json.h"
#include "base/log_line.h"
#include "base/uuid.h"

namespace strom::meta {

std::string TimedNumbersStore::DirectoryOf(const std::string& id) const {
  return fmt::format("{}/{}/{}", remote_dir_, layout_.folder, id);
}

std::string TimedNumbersStore::NodeOf(const std::string& id) const {
  return fmt::format("{}/{}", layout_.nodes, id);
}

Status TimedNumbersStore::CheckId(const std::string& id) const {
  return model::CheckName(id, (std::string(layout_.noun) + " id").c_str(), layout_.invalid_id);
}

Result<TimedNumbers> TimedNumbersStore::Read(ByteView node) const {
  STROM_ASSIGN(const Json json, ParseJson(node, "its node"));
  TimedNumbers entry;
  STROM_ASSIGN(entry.expires, JsonInt(json, "expiration_time"));
  const auto tables = json.find("tables");
  if (tables == json.end() || !tables->is_array()) return entry;
  for (const Json& table : *tables) {
    STROM_ASSIGN(const std::string location, JsonString(table, layout_.path_field));
    STROM_ASSIGN(const std::string path, io::LocalPath(location));
    STROM_ASSIGN(const Bytes content, io::ReadWholeFile(files_, path));
    STROM_ASSIGN(BucketNumbers numbers, BucketNumbersFromJson(layout_.what, content));
    entry.numbers.merge(std::move(numbers));
  }
  return entry;
}

std::map<std::string, TimedNumbers> TimedNumbersStore::Load() const {
  std::map<std::string, TimedNumbers> entries;
  for (const std::string& id : tree_.Children(layout_.nodes)) {
    const auto node = tree_.Get(NodeOf(id));
    if (!node) continue;
    auto entry = Read(node->data);
    if (entry) {
      entries.emplace(id, std::move(*entry));
    } else {
      LogWarn("what the {} {} left cannot be read and counts no more: {}", layout_.noun, id,
              entry.error().message);
    }
  }
  return entries;
}

Status TimedNumbersStore::Put(const std::string& id, const TimedNumbers& entry) {
  STROM_TRY(CheckId(id));
  std::map<model::TableId, BucketNumbers> by_table;
  for (const auto& [bucket, number] : entry.numbers) by_table[bucket.table_id][bucket] = number;
  std::map<model::TableId, std::string> named;
  Json tables = Json::array();
  for (const auto& [table_id, numbers] : by_table) {
    const std::string dir = fmt::format("{}/{}", DirectoryOf(id), table_id);
    const std::string name = NewUuid() + layout_.suffix;
    STROM_TRY(files_.MakeDirectories(dir));
    STROM_TRY(io::WriteFileAtomically(files_, fmt::format("{}/{}", dir, name),
                                      BucketNumbersToJson(layout_.what, table_id, numbers)));
    tables.push_back(
        Json{{"table_id", table_id}, {layout_.path_field, fmt::format("{}/{}", dir, name)}});
    named[table_id] = name;
  }
  const Json node{{"version", 1}, {"expiration_time", entry.expires}, {"tables", tables}};
  STROM_TRY(tree_.Put(NodeOf(id), node.dump()));
  if (const Status removed = RemoveFilesBut(id, named); !removed)
    LogWarn("old files of the {} {} stay: {}", layout_.noun, id, removed.error().message);
  return {};
}

Status TimedNumbersStore::RemoveFilesBut(const std::string& id,
                                         const std::map<model::TableId, std::string>& named) {
  const auto tables = files_.List(DirectoryOf(id));
  if (!tables) return {};
  for (const io::Entry& table : *tables) {
    const std::string dir = fmt::format("{}/{}", DirectoryOf(id), table.name);
    STROM_ASSIGN(const auto entries, files_.List(dir));
    for (const io::Entry& file : entries) {
      const bool kept = std::ranges::any_of(named, [&](const auto& one) {
        return std::to_string(one.first) == table.name && one.second == file.name;
      });
      if (!kept) STROM_TRY(files_.Remove(fmt::format("{}/{}", dir, file.name)));
    }
  }
  return {};
}

Status TimedNumbersStore::Drop(const std::string& id) {
  const std::string path = NodeOf(id);
  if (!CheckId(id) || !tree_.Get(path)) return {};
  STROM_TRY(tree_.Commit({Change::Delete(path)}));
  if (const Status removed = files_.RemoveTree(DirectoryOf(id)); !removed)
    LogWarn("the files of the dropped {} {} stay: {}", layout_.noun, id, removed.error().message);
  return {};
}

Status TimedNumbersBook::Put(const std::string& id, TimedNumbers entry) {
  STROM_TRY(store_.Put(id, entry));
  entries_.insert_or_assign(id, std::move(entry));
  return {};
}

Status TimedNumbersBook::Drop(const std::string& id) {
  STROM_TRY(store_.Drop(id));
  entries_.erase(id);
  return {};
}

Status TimedNumbersBook::DropExpired(Millis now, const std::string& kept) {
  std::vector<std::string> expired;
  for (const auto& [id, entry] : entries_) {
    if (id != kept && entry.expires <= now) expired.push_back(id);
  }
  for (const std::string& id : expired) STROM_TRY(Drop(id));
  return {};
}

}  // namespace strom::meta
