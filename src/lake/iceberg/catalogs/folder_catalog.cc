#include "base/text.h"
#include "lake/iceberg/catalogs/metadata_files_internal.h"
#include "lake/preflight.h"
#include "model/duration.h"

namespace strom::lake::iceberg {
namespace {

constexpr const char* kHint = "/metadata/version-hint.text";
/// Hadoop's local file system keeps one beside each file of its own and checks what it reads by it.
constexpr const char* kHintChecksum = "/metadata/.version-hint.text.crc";
constexpr std::string_view kVersionEnd = ".metadata.json";

/// The number in "v12.metadata.json"; 0 for other names.
int64_t VersionIn(std::string_view name) {
  if (!name.starts_with('v') || !name.ends_with(kVersionEnd)) return 0;
  return model::ParseInteger(std::string(name.substr(1, name.size() - 1 - kVersionEnd.size())), 1,
                             INT64_MAX)
      .value_or(0);
}

/// metadata/v<N>.metadata.json, of which exactly one committer makes each N; version-hint.text says
/// how far it got at least.
class FolderVersions final : public TableVersions {
 public:
  FolderVersions(io::FileSystem& files, std::string location)
      : files_(files), location_(std::move(location)) {}

  Result<std::optional<Version>> Load() override {
    STROM_ASSIGN(const std::string dir, io::LocalPath(location_));
    int64_t number = 0;
    const auto hint = io::ReadWholeFile(files_, dir + kHint);
    if (hint) {
      number = model::ParseInteger(Trim(*hint), 1, INT64_MAX).value_or(0);
    } else if (hint.error().code != ErrorCode::kNotFound) {
      return std::unexpected(hint.error());
    }
    if (number == 0) {
      const auto names = files_.List(dir + "/metadata");
      if (!names && names.error().code == ErrorCode::kNotFound) return std::nullopt;
      if (!names) return std::unexpected(names.error());
      for (const io::Entry& entry : *names) number = std::max(number, VersionIn(entry.name));
      if (number == 0) return std::nullopt;
    }
    while (true) {  // the hint may be late
      STROM_ASSIGN(const std::string next, io::LocalPath(PathOf(number + 1)));
      STROM_ASSIGN(const bool exists, files_.Exists(next));
      if (!exists) break;
      ++number;
    }
    STROM_ASSIGN(Version version, ReadVersion(files_, PathOf(number)));
    return version;
  }

  Status Create(const TableMetadata& first) override { return Make(1, first); }

  Status Commit(const Version& base, const MetadataChange& change) override {
    const int64_t number = VersionIn(ByteView(base.path).substr(base.path.rfind('/') + 1));
    STROM_ASSIGN(const TableMetadata next,
                 base.metadata.With(change, base.path, SystemClock().Now()));
    STROM_TRY(Make(number + 1, next));
    RemoveForgotten(files_, base.metadata, next);
    return {};
  }

 private:
  std::string PathOf(int64_t number) const {
    return fmt::format("{}/metadata/v{}{}", location_, number, kVersionEnd);
  }

  Status Make(int64_t number, const TableMetadata& metadata) {
    STROM_ASSIGN(const std::string path, io::LocalPath(PathOf(number)));
    STROM_TRY(files_.MakeDirectories(io::ParentOf(path)));
    const Status created = io::CreateFileExclusively(files_, path, metadata.document());
    if (!created && created.error().code == ErrorCode::kAlreadyExists) return created;
    if (!created) return Err(ErrorCode::kOutcomeUnknown, "{}", created.error().message);
    // Readers find the version without the hint, too.
    STROM_ASSIGN(const std::string dir, io::LocalPath(location_));
    (void)files_.Remove(dir + kHintChecksum);
    (void)io::WriteFileAtomically(files_, dir + kHint, std::to_string(number));
    return {};
  }

  io::FileSystem& files_;
  const std::string location_;
};

class FolderCatalog final : public VersionCatalog {
 public:
  FolderCatalog(io::FileSystem& files, std::string warehouse)
      : files_(files), warehouse_(std::move(warehouse)) {}

  std::shared_ptr<TableVersions> VersionsOf(const model::TablePath& path) override {
    return std::make_shared<FolderVersions>(files_, LocationOf(path));
  }
  Status MakeNamespace(const std::string&) override { return {}; }
  std::string LocationOf(const model::TablePath& path) const override {
    return fmt::format("{}/{}/{}", warehouse_, path.database, path.table);
  }
  std::vector<Check> Preflight() override { return CheckWarehouse(files_, warehouse_); }

 private:
  io::FileSystem& files_;
  const std::string warehouse_;
};

}  // namespace

Result<Version> ReadVersion(io::FileSystem& files, const std::string& path) {
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  STROM_ASSIGN(Bytes document, io::ReadWholeFile(files, local));
  auto metadata = TableMetadata::Parse(std::move(document));
  if (!metadata) return std::unexpected(metadata.error().In(path));
  return Version{path, std::move(*metadata)};
}

void RemoveForgotten(io::FileSystem& files, const TableMetadata& before,
                     const TableMetadata& after) {
  if (after.Property("write.metadata.delete-after-commit.enabled", "false") != "true") return;
  for (const std::string& path : before.log()) {
    if (std::ranges::find(after.log(), path) != after.log().end()) continue;
    if (const auto local = io::LocalPath(path)) (void)files.Remove(*local);
  }
}

Result<std::unique_ptr<VersionCatalog>> OpenFolderCatalog(io::FileSystem& files,
                                                          std::string warehouse) {
  STROM_TRY(io::LocalPath(warehouse));
  return std::make_unique<FolderCatalog>(files, std::move(warehouse));
}

}  // namespace strom::lake::iceberg
