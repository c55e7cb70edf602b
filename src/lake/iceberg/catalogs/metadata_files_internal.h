#pragma once
#include "lake/iceberg/iceberg_versions.h"

namespace strom::lake::iceberg {

/// Removes metadata files that the log of `after` has dropped, where the table asks for it
/// (write.metadata.delete-after-commit.enabled). What cannot be removed stays an orphan.
void RemoveForgotten(io::FileSystem& files, const TableMetadata& before,
                     const TableMetadata& after);

}  // namespace strom::lake::iceberg
