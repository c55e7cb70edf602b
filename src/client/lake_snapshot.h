#pragma once
#include <map>
#include <optional>

#include "client/connection.h"

namespace strom::client {

/// How far the lake has come, as the server knows it.
struct LakeSnapshot {
  int64_t id = 0;
  std::map<model::TableBucket, int64_t> offsets;  // the first offset that is not in the lake
};

/// The newest registered snapshot (with `readable`, of those that readers may use); nothing before
/// the first. Errors: kNetwork, those of the server.
Result<std::optional<LakeSnapshot>> GetLakeSnapshot(Connection& connection,
                                                    const model::TableInfo& table, bool readable);

}  // namespace strom::client
