#include "lake/lake.h"
#include "lake/paimon/paimon_catalog.h"

namespace strom::lake {

Result<std::unique_ptr<LakeCatalog>> OpenCatalog(model::LakeFormat format,
                                                 const CatalogOptions& options) {
  switch (format) {
    case model::LakeFormat::kPaimon: return paimon::OpenPaimonCatalog(options);
    default:
      return Err(ErrorCode::kUnsupported,
                 "lake tables of format '{}' are not supported by this version", NameOf(format));
  }
}

}  // namespace strom::lake
