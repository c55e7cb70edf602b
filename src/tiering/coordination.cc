#include "tiering/coordination.h"

namespace strom::tiering {

Result<std::optional<Coordination::Job>> Coordination::Take(std::optional<model::TableId> id) {
  wire::LakeTieringHeartbeatRequest request;
  request.request_table = true;
  request.worker = worker_;
  request.request_table_id = id;
  STROM_ASSIGN(const auto response, connection_.Call(request));
  coordinator_epoch_ = response.coordinator_epoch;
  if (!response.tiering_table) return std::nullopt;
  const wire::PbLakeTieringTableInfo& table = *response.tiering_table;
  return Job{{table.table_path.database_name, table.table_path.table_name},
             table.table_id,
             table.tiering_epoch};
}

wire::PbHeartbeatReqForTable Coordination::Entry(const Job& job) const {
  return {job.table_id, coordinator_epoch_, job.epoch, std::nullopt, std::nullopt};
}

Status Coordination::Heartbeat(const Job& job) {
  wire::LakeTieringHeartbeatRequest request;
  request.worker = worker_;
  request.tiering_tables.push_back(Entry(job));
  STROM_ASSIGN(const auto response, connection_.Call(request));
  for (const auto& answer : response.tiering_table_resp) {
    if (answer.error) {
      return Err(static_cast<ErrorCode>(answer.error->error_code), "{}",
                 answer.error->error_message.value_or("fenced"));
    }
  }
  return {};
}

Status Coordination::Finish(const Job& job, bool again, int64_t rows, int64_t bytes) {
  wire::LakeTieringHeartbeatRequest request;
  request.worker = worker_;
  request.finished_tables.push_back(Entry(job));
  request.finished_tables.back().lake_tiering_stats = wire::PbLakeTieringStats{bytes, rows};
  if (again) request.force_finished_tables.push_back(job.table_id);
  STROM_TRY(connection_.Call(request));
  return {};
}

Status Coordination::Fail(const Job& job, const std::string& why) {
  wire::LakeTieringHeartbeatRequest request;
  request.worker = worker_;
  request.failed_tables.push_back(Entry(job));
  request.failed_tables.back().failure = why;
  STROM_TRY(connection_.Call(request));
  return {};
}

}  // namespace strom::tiering
