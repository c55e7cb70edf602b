#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "client/connection.h"
#include "lake/lake.h"

namespace strom::tiering {

// Work on a lake table that somebody asks for and that is no round. It takes the table from the
// coordinator as a worker does, so no other worker commits meanwhile; rounds that are due wait.

struct MaintenanceOptions {
  lake::CatalogOptions catalog;       // over those the server tells
  std::string worker;                 // a name for people
  std::chrono::seconds patience{60};  // with a worker that has the table
};

/// Rewrites small and overlapping files into fewer; the id of the snapshot, or nothing when there
/// was nothing to gain. Errors: kInvalidTable (the lake is off), kRequestTimeOut (a worker kept the
/// table), those of the lake.
Result<std::optional<int64_t>> CompactLakeTable(client::Connection& connection,
                                                const model::TablePath& path,
                                                const MaintenanceOptions& options);

struct Expired {
  int64_t snapshots = 0;
  int64_t orphans = 0;  // files that no snapshot has
};
/// Removes the snapshots that the table's options keep no longer, and files that killed writers
/// left, if they are at least `orphan_age` old. Errors: as above.
Result<Expired> ExpireLakeTable(client::Connection& connection, const model::TablePath& path,
                                const MaintenanceOptions& options,
                                std::chrono::milliseconds orphan_age);

}  // namespace strom::tiering
