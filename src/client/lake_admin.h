#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/connection.h"

namespace strom::client {

// What people ask of a cluster's lake. Only a server of Strom answers the first three.

/// How the tiering of one table stands.
struct LakeTableStatus {
  model::TablePath path;
  model::TableId table_id = 0;
  bool enabled = false;
  bool paused = false;
  std::string format;
  std::string state;  // off, idle, scheduled, pending, tiering, failed (and scheduled again)
  Millis freshness_ms = 0;
  std::optional<Millis> due_ms;    // when the next round is due
  std::optional<Millis> since_ms;  // when the state began
  std::optional<std::string> worker;
  int64_t failures = 0;  // in a row
  std::optional<std::string> failure;
  struct Round {
    Millis finished_ms = 0;
    Millis took_ms = 0;
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  std::optional<Round> last;
};
struct LakeStatus {
  bool enabled = false;
  std::string format;
  std::vector<LakeTableStatus> tables;
};
/// Of all tables, or one. Errors: kTableNotExist, those of the connection.
Result<LakeStatus> GetLakeStatus(Connection& connection,
                                 const std::optional<model::TablePath>& table);

enum class LakeAction { kPause = 0, kResume = 1, kTierNow = 2 };
/// Errors: kTableNotExist, kInvalidTable (its lake is off), those of the connection.
Status ControlLakeTable(Connection& connection, const model::TablePath& table, LakeAction action);

struct LakeCheck {
  std::string what;
  bool ok = false;
  std::string detail;
};
using Settings = std::vector<std::pair<std::string, std::string>>;
/// Whether the lake could be used if `settings` were set over those in force; changes nothing.
Result<std::vector<LakeCheck>> PreflightLake(Connection& connection, const Settings& settings);

/// Sets settings of the cluster, all or none; one of `datalake.format` takes those of other formats
/// away. Errors: kInvalidConfig.
Status SetClusterConfigs(Connection& connection, const Settings& settings);

}  // namespace strom::client
