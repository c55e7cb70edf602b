#include "lake/lake.h"

namespace strom::lake {

Result<std::unique_ptr<LakeCatalog>> OpenCatalog(model::LakeFormat format, const CatalogOptions&) {
  return Err(ErrorCode::kUnsupported, "lake tables of format '{}' are not supported by this version", NameOf(format));
}

}  // namespace strom::lake
