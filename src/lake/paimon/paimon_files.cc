#include "lake/paimon/paimon_files.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/uuid.h"
#include "record/partition_value.h"
#include "record/row.h"

namespace strom::lake::paimon {
namespace {

std::optional<int64_t> IdIn(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  int64_t id = 0;
  const auto [end, fault] =
      std::from_chars(name.data() + prefix.size(), name.data() + name.size(), id);
  if (fault != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return id;
}

Result<std::vector<int64_t>> IdsIn(io::FileSystem& files, const std::string& dir,
                                   std::string_view prefix) {
  std::vector<int64_t> ids;
  const auto listed = files.List(dir);
  if (!listed && listed.error().code == ErrorCode::kNotFound) return ids;
  if (!listed) return std::unexpected(listed.error());
  for (const io::Entry& entry : *listed) {
    if (const auto id = IdIn(entry.name, prefix)) ids.push_back(*id);
  }
  std::ranges::sort(ids);
  return ids;
}

std::string EscapePath(const std::string& text) {
  if (text.empty()) return "__DEFAULT_PARTITION__";
  constexpr std::string_view kSpecial = "\"#%'*/:=?\\{}[]^\x7f";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || kSpecial.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

Result<std::optional<TableSchema>> PaimonFiles::LatestSchema() const {
  STROM_ASSIGN(const std::vector<int64_t> ids, IdsIn(files_, dir_ + "/schema", "schema-"));
  if (ids.empty()) return std::nullopt;
  STROM_ASSIGN(TableSchema schema, ReadSchema(ids.back()));
  return schema;
}

Result<TableSchema> PaimonFiles::ReadSchema(int64_t id) const {
  STROM_ASSIGN(const Bytes content,
               io::ReadWholeFile(files_, fmt::format("{}/schema/schema-{}", dir_, id)));
  auto schema = SchemaFromJson(content);
  if (!schema) return std::unexpected(schema.error().In(dir_));
  return schema;
}

Status PaimonFiles::CreateSchema(const TableSchema& schema) const {
  STROM_TRY(files_.MakeDirectories(dir_ + "/schema"));
  return io::CreateFileExclusively(files_, fmt::format("{}/schema/schema-{}", dir_, schema.id),
                                   SchemaToJson(schema));
}

Result<std::optional<int64_t>> PaimonFiles::LatestSnapshotId() const {
  const auto hint = io::ReadWholeFile(files_, dir_ + "/snapshot/LATEST");
  if (hint) {
    int64_t id = 0;
    const auto [end, fault] = std::from_chars(hint->data(), hint->data() + hint->size(), id);
    if (fault == std::errc() && end != hint->data()) {
      // The hint may lag behind: it is the newest only when the next one is not there.
      STROM_ASSIGN(const bool newer,
                   files_.Exists(fmt::format("{}/snapshot/snapshot-{}", dir_, id + 1)));
      STROM_ASSIGN(const bool there,
                   files_.Exists(fmt::format("{}/snapshot/snapshot-{}", dir_, id)));
      if (there && !newer) return id;
    }
  }
  STROM_ASSIGN(const std::vector<int64_t> ids, SnapshotIds());
  return ids.empty() ? std::nullopt : std::optional(ids.back());
}

Result<std::vector<int64_t>> PaimonFiles::SnapshotIds() const {
  return IdsIn(files_, dir_ + "/snapshot", "snapshot-");
}

Result<Snapshot> PaimonFiles::ReadSnapshot(int64_t id) const {
  STROM_ASSIGN(const Bytes content,
               io::ReadWholeFile(files_, fmt::format("{}/snapshot/snapshot-{}", dir_, id)));
  auto snapshot = SnapshotFromJson(content);
  if (!snapshot) return std::unexpected(snapshot.error().In(dir_));
  return snapshot;
}

Status PaimonFiles::CreateSnapshot(const Snapshot& snapshot) const {
  STROM_TRY(files_.MakeDirectories(dir_ + "/snapshot"));
  STROM_TRY(io::CreateFileExclusively(
      files_, fmt::format("{}/snapshot/snapshot-{}", dir_, snapshot.id), SnapshotToJson(snapshot)));
  // Hints only: readers find the newest without them.
  (void)io::WriteFileAtomically(files_, dir_ + "/snapshot/LATEST", std::to_string(snapshot.id));
  if (snapshot.id == 1) (void)io::WriteFileAtomically(files_, dir_ + "/snapshot/EARLIEST", "1");
  return {};
}

Result<std::vector<ManifestMeta>> PaimonFiles::ReadManifestList(const std::string& name) const {
  STROM_ASSIGN(const Bytes content, io::ReadWholeFile(files_, dir_ + "/manifest/" + name));
  auto list = DecodeManifestList(content);
  if (!list) return std::unexpected(list.error().In(dir_ + "/manifest/" + name));
  return list;
}

Result<std::vector<ManifestEntry>> PaimonFiles::ReadManifest(const std::string& name) const {
  STROM_ASSIGN(const Bytes content, io::ReadWholeFile(files_, dir_ + "/manifest/" + name));
  auto entries = DecodeManifest(content);
  if (!entries) return std::unexpected(entries.error().In(dir_ + "/manifest/" + name));
  return entries;
}

Result<PaimonFiles::Written> PaimonFiles::WriteMetadata(const std::string& prefix,
                                                        ByteView content) const {
  STROM_TRY(files_.MakeDirectories(dir_ + "/manifest"));
  const std::string name = prefix + "-" + NewUuid() + "-0";
  STROM_TRY(io::WriteFileAtomically(files_, dir_ + "/manifest/" + name, content));
  return Written{name, static_cast<int64_t>(content.size())};
}

void PaimonFiles::Remove(const std::vector<std::string>& manifest_names) const {
  for (const std::string& name : manifest_names)
    (void)files_.Remove(dir_ + "/manifest/" + name);  // orphans do no harm
}

Result<std::vector<ManifestEntry>> PaimonFiles::LiveEntries(const Snapshot& snapshot) const {
  MergedEntries merged;
  for (const std::string& list : {snapshot.base_manifest_list, snapshot.delta_manifest_list}) {
    STROM_ASSIGN(const std::vector<ManifestMeta> manifests, ReadManifestList(list));
    for (const ManifestMeta& manifest : manifests) {
      STROM_ASSIGN(std::vector<ManifestEntry> read, ReadManifest(manifest.file_name));
      for (ManifestEntry& entry : read) merged.Add(std::move(entry));
    }
  }
  std::vector<ManifestEntry> live = merged.Take();
  std::erase_if(live, &ManifestEntry::is_delete);
  return live;
}

std::string PaimonFiles::DataFilePath(const std::string& partition_dir, int32_t bucket,
                                      const std::string& name) const {
  return fmt::format("{}/{}bucket-{}/{}", dir_, partition_dir.empty() ? "" : partition_dir + "/",
                     bucket, name);
}

bool CanPartitionBy(const model::DataType& type) {
  switch (type.root) {
    case model::TypeRoot::kChar:
    case model::TypeRoot::kString:
    case model::TypeRoot::kBoolean:
    case model::TypeRoot::kTinyInt:
    case model::TypeRoot::kSmallInt:
    case model::TypeRoot::kInt:
    case model::TypeRoot::kBigInt:
    case model::TypeRoot::kDate: return true;
    default: return false;
  }
}

Result<std::string> PaimonFiles::PartitionDir(const TableSchema& schema,
                                              ByteView serialized_partition) {
  const std::vector<model::DataType> types = schema.PartitionTypes();
  if (types.empty()) return std::string();
  STROM_ASSIGN(const record::Row row, DecodeRow(types, serialized_partition));
  std::string dir;
  for (size_t i = 0; i < types.size(); ++i) {
    std::string text;
    if (!row[i].is_null()) {
      if (!CanPartitionBy(types[i])) {
        return Err(ErrorCode::kUnsupported, "a lake table cannot be partitioned by '{}' of type {}",
                   schema.partition_keys[i], types[i].ToString());
      }
      STROM_ASSIGN(text, record::PartitionText(types[i], row[i]));
    }
    if (i > 0) dir += "/";
    dir += EscapePath(schema.partition_keys[i]) + "=" + EscapePath(text);
  }
  return dir;
}

}  // namespace strom::lake::paimon
