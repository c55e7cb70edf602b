#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "model/table.h"

namespace strom::lake {

/// Catalog options as the cluster has them, without their `datalake.<format>.` prefix ("warehouse", "metastore", ...).
using CatalogOptions = std::map<std::string, std::string>;

/// The tables of one lake. Blocking; one caller at a time.
class LakeCatalog {
 public:
  virtual ~LakeCatalog() = default;

  /// Creates the lake table of a stream table, with its system columns. An empty table of ours with equal columns is taken over;
  /// so is one with rows when `may_have_rows` (the lake is switched on again).
  /// Errors: kLakeTableAlreadyExist (a foreign, different or filled table; nothing was changed), kIo.
  virtual Status CreateTable(const model::TablePath& path, const model::TableDescriptor& descriptor, bool may_have_rows) = 0;
  /// Adds the columns of `after` that the lake table lacks. Errors: kLakeTableAlreadyExist (it differs otherwise), kNotFound, kIo.
  virtual Status AddColumns(const model::TablePath& path, const model::TableDescriptor& after) = 0;
  /// Where the table's files lie.
  virtual std::string LocationOf(const model::TablePath& path) const = 0;
};

/// Errors: kInvalidConfig naming the option, kUnsupported for a format or catalog kind that cannot be written.
Result<std::unique_ptr<LakeCatalog>> OpenCatalog(model::LakeFormat format, const CatalogOptions& options);

}  // namespace strom::lake
