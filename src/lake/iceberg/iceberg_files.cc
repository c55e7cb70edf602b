#include "lake/iceberg/iceberg_files.h"

namespace strom::lake::iceberg {
Result<IcebergFiles> IcebergFiles::Make(io::FileSystem& files,
                                        std::shared_ptr<TableVersions> versions,
                                        std::string location) {
  STROM_TRY(io::LocalPath(location));
  return IcebergFiles(files, std::move(versions), std::move(location));
}

Result<Version> IcebergFiles::Load() const {
  STROM_ASSIGN(auto version, versions_->Load());
  if (!version) return Err(ErrorCode::kNotFound, "the lake table {} is gone", location_);
  return std::move(*version);
}

Result<Bytes> IcebergFiles::Read(const std::string& path) const {
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  return io::ReadWholeFile(*files_, local);
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
  STROM_TRY(files_->MakeDirectories(io::ParentOf(local)));
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
