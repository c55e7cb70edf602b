#pragma once
#include <string>
#include <vector>

#include "io/file_system.h"
#include "lake/lake.h"

namespace strom::lake {

/// Whether lake tables can be made and written in a warehouse of the file system: its folder, or
/// the nearest one above it that exists, takes a file, which is removed again; and there is space.
std::vector<Check> CheckWarehouse(io::FileSystem& files, const std::string& warehouse);

}  // namespace strom::lake
