#pragma once
#include <memory>

#include "lake/lake.h"
#include "lake/paimon/paimon_files.h"

namespace strom::lake::paimon {

/// Whether our writer can honour a table's types and options. Errors: kInvalidConfig, kInvalidTable
/// naming what it cannot.
Status CheckWritable(const TableSchema& schema);

std::unique_ptr<LakeTable> OpenPaimonTable(PaimonFiles files, TableSchema schema);

}  // namespace strom::lake::paimon
