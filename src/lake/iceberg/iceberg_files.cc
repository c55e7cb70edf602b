#include "lake/iceberg/iceberg_files.h"

#include "base/text.h"
#include "model/duration.h"

namespace strom::lake::iceberg {
namespace {

constexpr const char* kHint = "/metadata/version-hint.text";
constexpr std::string_view kVersionEnd = ".metadata.json";

/// The number in "v12.metadata.json"; 0 for other names.
int64_t VersionIn(const std::string& name) {
  if (!name.starts_with('v') || !name.ends_with(kVersionEnd)) return 0;
  return model::ParseInteger(name.substr(1, name.size() - 1 - kVersionEnd.size()), 1, INT64_MAX)
      .value_or(0);
}

}  // namespace

Result<IcebergFiles> IcebergFiles::Make(io::FileSystem& files, std::string location) {
  STROM_ASSIGN(std::string dir, io::LocalPath(location));
  return IcebergFiles(files, std::move(location), std::move(dir));
}

std::string IcebergFiles::VersionPath(int64_t number) const {
  return fmt::format("{}/metadata/v{}{}", location_, number, kVersionEnd);
}

Result<Bytes> IcebergFiles::Read(const std::string& path) const {
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  return io::ReadWholeFile(*files_, local);
}

Result<std::optional<IcebergFiles::Version>> IcebergFiles::Load() const {
  int64_t number = 0;
  const auto hint = io::ReadWholeFile(*files_, dir_ + kHint);
  if (hint) {
    number = model::ParseInteger(Trim(*hint), 1, INT64_MAX).value_or(0);
  } else if (hint.error().code != ErrorCode::kNotFound) {
    return std::unexpected(hint.error());
  }
  if (number == 0) {
    const auto names = files_->List(dir_ + "/metadata");
    if (!names && names.error().code == ErrorCode::kNotFound) return std::nullopt;
    if (!names) return std::unexpected(names.error());
    for (const io::Entry& entry : *names) number = std::max(number, VersionIn(entry.name));
    if (number == 0) return std::nullopt;
  }
  while (true) {  // the hint may be late
    STROM_ASSIGN(const std::string next, io::LocalPath(VersionPath(number + 1)));
    STROM_ASSIGN(const bool exists, files_->Exists(next));
    if (!exists) break;
    ++number;
  }
  const std::string path = VersionPath(number);
  STROM_ASSIGN(Bytes document, Read(path));
  auto metadata = TableMetadata::Parse(std::move(document));
  if (!metadata) return std::unexpected(metadata.error().In(path));
  return Version{number, path, std::move(*metadata)};
}

Status IcebergFiles::Create(int64_t number, const TableMetadata& metadata) const {
  STROM_TRY(files_->MakeDirectories(dir_ + "/metadata"));
  STROM_ASSIGN(const std::string path, io::LocalPath(VersionPath(number)));
  const Status created = io::CreateFileExclusively(*files_, path, metadata.document());
  if (!created && created.error().code == ErrorCode::kAlreadyExists) return created;
  if (!created) return Err(ErrorCode::kOutcomeUnknown, "{}", created.error().message);
  // Readers find the version without the hint, too.
  (void)io::WriteFileAtomically(*files_, dir_ + kHint, std::to_string(number));
  return {};
}

Result<std::vector<ManifestFile>> IcebergFiles::ReadList(const Snapshot& snapshot) const {
  STROM_ASSIGN(const Bytes file, Read(snapshot.manifest_list));
  return DecodeManifestList(file);
}

Result<std::vector<FileEntry>> IcebergFiles::ReadManifest(const TableMetadata& metadata,
                                                          const ManifestFile& manifest) const {
  const auto spec = metadata.specs().find(manifest.spec_id);
  if (spec == metadata.specs().end())
    return Err(ErrorCode::kCorrupt, "{}: it has an unknown partition spec", manifest.path);
  STROM_ASSIGN(const Bytes file, Read(manifest.path));
  auto entries = DecodeManifest(file, manifest, spec->second);
  if (!entries) return std::unexpected(entries.error().In(manifest.path));
  return entries;
}

Result<IcebergFiles::Live> IcebergFiles::LiveFiles(const TableMetadata& metadata,
                                                   const Snapshot& snapshot) const {
  Live live;
  STROM_ASSIGN(const std::vector<ManifestFile> manifests, ReadList(snapshot));
  for (const ManifestFile& manifest : manifests) {
    STROM_ASSIGN(std::vector<FileEntry> entries, ReadManifest(metadata, manifest));
    for (FileEntry& entry : entries) {
      if (entry.status == FileEntry::Status::kDeleted) continue;
      (manifest.deletes ? live.deletes : live.data).push_back(std::move(entry));
    }
  }
  return live;
}

Result<std::string> IcebergFiles::WriteMetadata(const std::string& name, ByteView content) const {
  std::string path = location_ + "/metadata/" + name;
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  STROM_TRY(io::CreateFileExclusively(*files_, local, content));
  return path;
}

void IcebergFiles::Remove(const std::string& path) const {
  if (const auto local = io::LocalPath(path)) (void)files_->Remove(*local);
}

Result<const IcebergFiles::Live*> TableState::LiveFiles() {
  if (!live_) {
    IcebergFiles::Live live;
    if (const Snapshot* const current = metadata().current()) {
      STROM_ASSIGN(live, files_.LiveFiles(metadata(), *current));
    }
    live_ = std::move(live);
  }
  return &*live_;
}

}  // namespace strom::lake::iceberg
