#include "client/lake_admin.h"

#include "base/text.h"

namespace strom::client {
namespace {

constexpr std::string_view kFormats[] = {"paimon", "iceberg", "lance", "hudi"};

}  // namespace

Result<LakeStatus> GetLakeStatus(Connection& connection,
                                 const std::optional<model::TablePath>& table) {
  wire::LakeStatusRequest request;
  if (table) request.table_path = ToWire(*table);
  STROM_ASSIGN(const auto response, connection.Call(request));
  LakeStatus status{response.enabled, response.format, {}};
  for (const wire::PbLakeTableStatus& one : response.tables) {
    LakeTableStatus out;
    out.path = wire::PathOf(one.table_path);
    out.table_id = one.table_id;
    out.enabled = one.enabled;
    out.paused = one.paused;
    out.format = one.format;
    out.state = one.state;
    out.freshness_ms = one.freshness_ms;
    out.due_ms = one.due_ms;
    out.since_ms = one.since_ms;
    out.worker = one.worker;
    out.failures = one.failures;
    out.failure = one.failure;
    if (one.last_finished_ms) {
      out.last = LakeTableStatus::Round{*one.last_finished_ms, one.last_took_ms.value_or(0),
                                        one.last_rows.value_or(0), one.last_bytes.value_or(0)};
    }
    status.tables.push_back(std::move(out));
  }
  return status;
}

Status ControlLakeTable(Connection& connection, const model::TablePath& table, LakeAction action) {
  STROM_TRY(connection.Call(wire::LakeControlRequest{ToWire(table), static_cast<int32_t>(action)}));
  return {};
}

Result<std::vector<LakeCheck>> PreflightLake(Connection& connection, const Settings& settings) {
  wire::LakePreflightRequest request;
  for (const auto& [key, value] : settings) request.settings.push_back({key, value});
  STROM_ASSIGN(const auto response, connection.Call(request));
  std::vector<LakeCheck> checks;
  for (const wire::PbLakeCheck& check : response.checks)
    checks.push_back({check.what, check.ok, check.detail});
  return checks;
}

Status SetClusterConfigs(Connection& connection, const Settings& settings) {
  constexpr int32_t kSet = 0;
  wire::AlterClusterConfigsRequest request;
  std::string format;
  for (const auto& [key, value] : settings) {
    request.alter_configs.push_back({key, value, kSet});
    if (key == "datalake.format") format = value;
  }
  if (!format.empty()) {
    STROM_ASSIGN(const auto present, connection.Call(wire::DescribeClusterConfigsRequest{}));
    for (const auto& config : present.configs) {
      // datalake.<format>.<option>
      const std::vector<std::string> parts = Split(config.config_key, '.');
      if (parts.size() < 3 || parts[0] != "datalake" || parts[1] == ToLower(format)) continue;
      const bool of_format =
          std::ranges::find(kFormats, parts[1]) != std::end(kFormats) && config.config_value;
      if (of_format) request.alter_configs.push_back({config.config_key, std::nullopt, kSet});
    }
  }
  STROM_TRY(connection.Call(request));
  return {};
}

}  // namespace strom::client
