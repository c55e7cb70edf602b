#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"
#include "lake/iceberg/iceberg_metadata.h"
#include "lake/lake.h"
#include "model/ids.h"

namespace strom::lake::iceberg {

/// One version of a table's metadata.
struct Version {
  std::string path;  // of its file
  TableMetadata metadata;
};

/// Which metadata of one table is the newest, as its catalog keeps it. Blocking; any number of
/// processes may commit, and each version has one successor. Errors of all: kIo, kNetwork,
/// kCorrupt, kUnsupported, kAuthenticate, kAuthorization.
class TableVersions {
 public:
  virtual ~TableVersions() = default;

  /// Nothing when there is no table.
  virtual Result<std::optional<Version>> Load() = 0;
  /// Errors: kAlreadyExists when there is such a table.
  virtual Status Create(const TableMetadata& first) = 0;
  /// Makes `change` of `base` the newest version. Errors: kAlreadyExists when somebody else was
  /// first; kOutcomeUnknown.
  virtual Status Commit(const Version& base, const MetadataChange& change) = 0;
};

/// The kinds of catalogs: folders ("hadoop"), a service ("rest"), a database ("jdbc").
class VersionCatalog {
 public:
  virtual ~VersionCatalog() = default;

  virtual std::shared_ptr<TableVersions> VersionsOf(const model::TablePath& path) = 0;
  /// Makes the namespace of a database, if there is none.
  virtual Status MakeNamespace(const std::string& database) = 0;
  /// Where the files of a new table go.
  virtual std::string LocationOf(const model::TablePath& path) const = 0;
  /// See LakeCatalog::Preflight.
  virtual std::vector<Check> Preflight() = 0;
};

/// `warehouse`: a local path or a file: URI, without a slash at its end. Errors: kUnsupported.
Result<std::unique_ptr<VersionCatalog>> OpenFolderCatalog(io::FileSystem& files,
                                                          std::string warehouse);
/// Options: `uri`, `warehouse`, `prefix`, `token` or `credential`, `scope`, `oauth2-server-uri`,
/// `header.X`. Asks the service for its configuration. Errors: kInvalidConfig, kNetwork,
/// kAuthenticate.
Result<std::unique_ptr<VersionCatalog>> OpenRestCatalog(const CatalogOptions& options);
/// Options: `uri` ("jdbc:sqlite:PATH"), `warehouse`, `name` of the catalog. Makes the tables of the
/// database if there are none. Errors: kInvalidConfig, kUnsupported, kIo.
Result<std::unique_ptr<VersionCatalog>> OpenSqlCatalog(io::FileSystem& files,
                                                       const CatalogOptions& options);

/// The metadata file at `path`. Errors: kNotFound, kIo, kCorrupt, kUnsupported.
Result<Version> ReadVersion(io::FileSystem& files, const std::string& path);

}  // namespace strom::lake::iceberg
