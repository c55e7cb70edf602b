#pragma once
#include <memory>

#include "base/result.h"
#include "lake/lake.h"

namespace strom::lake::iceberg {

/// A catalog of the file system kind ("hadoop"). Options: `type` (hadoop), `warehouse`. Errors:
/// kInvalidConfig, kUnsupported.
Result<std::unique_ptr<LakeCatalog>> OpenIcebergCatalog(const CatalogOptions& options);

}  // namespace strom::lake::iceberg
