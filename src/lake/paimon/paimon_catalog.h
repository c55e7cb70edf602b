#pragma once
#include "lake/lake.h"

namespace strom::lake::paimon {

/// The Paimon catalog of kind `filesystem`. Options: `warehouse` (required), `metastore`.
Result<std::unique_ptr<LakeCatalog>> OpenPaimonCatalog(const CatalogOptions& options);

}  // namespace strom::lake::paimon
