#include "lake/iceberg/iceberg_catalog.h"
#include "lake/lake.h"
#include "lake/paimon/paimon_catalog.h"

namespace strom::lake {

CatalogOptions CatalogOptionsIn(const std::map<std::string, std::string>& values,
                                std::string_view scope, model::LakeFormat format) {
  const std::string prefix = fmt::format("{}{}.", scope, NameOf(format));
  CatalogOptions options;
  for (const auto& [key, value] : values) {
    if (key.starts_with(prefix)) options[key.substr(prefix.size())] = value;
  }
  return options;
}

Result<std::unique_ptr<LakeCatalog>> OpenCatalog(model::LakeFormat format,
                                                 const CatalogOptions& options) {
  switch (format) {
    case model::LakeFormat::kPaimon: return paimon::OpenPaimonCatalog(options);
    case model::LakeFormat::kIceberg: return iceberg::OpenIcebergCatalog(options);
    default:
      return Err(ErrorCode::kUnsupported,
                 "lake tables of format '{}' are not supported by this version", NameOf(format));
  }
}

}  // namespace strom::lake
