#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

using coordinator::TieringSchedule;

constexpr int32_t kCoordinatorEpoch = 0;  // a single node has one coordinator for ever

/// Hears one entry of a heartbeat; its failure concerns that table alone.
template <class Hear>
wire::PbHeartbeatRespForTable HearEntry(const wire::PbHeartbeatReqForTable& entry, Hear hear) {
  wire::PbHeartbeatRespForTable response;
  response.table_id = entry.table_id;
  Status heard;
  if (entry.coordinator_epoch != kCoordinatorEpoch) {
    heard = Err(ErrorCode::kInvalidCoordinator, "coordinator epoch {} is over, it is {}",
                entry.coordinator_epoch, kCoordinatorEpoch);
  } else {
    heard = hear(TieringSchedule::Assignment{entry.table_id, entry.tiering_epoch});
  }
  if (!heard)
    response.error = wire::ErrorResponse{WireCode(heard.error().code), heard.error().message};
  return response;
}

Result<wire::LakeTieringHeartbeatResponse> Heartbeat(
    MetaService& meta, const wire::LakeTieringHeartbeatRequest& request) {
  TieringSchedule& schedule = meta.coordinator().tiering();
  const Millis now = meta.coordinator().Now();
  wire::LakeTieringHeartbeatResponse response;
  response.coordinator_epoch = kCoordinatorEpoch;
  for (const auto& entry : request.failed_tables) {
    response.failed_table_resp.push_back(HearEntry(entry, [&](const auto& a) {
      return schedule.Fail(a, now, entry.failure.value_or("the worker did not say why"));
    }));
  }
  for (const auto& entry : request.tiering_tables) {
    response.tiering_table_resp.push_back(
        HearEntry(entry, [&](const auto& a) { return schedule.Heartbeat(a, now); }));
  }
  for (const auto& entry : request.finished_tables) {
    const bool again = std::ranges::find(request.force_finished_tables, entry.table_id) !=
                       request.force_finished_tables.end();
    response.finished_table_resp.push_back(HearEntry(entry, [&](const auto& a) {
      TieringSchedule::RoundResult result;
      if (entry.lake_tiering_stats) {
        result.rows = entry.lake_tiering_stats->record_count.value_or(0);
        result.bytes = entry.lake_tiering_stats->file_size.value_or(0);
      }
      return schedule.Finish(a, again, now, result);
    }));
  }
  meta.Reschedule();
  if (!request.request_table.value_or(false)) return response;
  const std::string worker = request.worker.value_or("a worker without a name");
  const auto assignment = request.request_table_id
                              ? schedule.TakeOne(*request.request_table_id, now, worker)
                              : meta.TakeTieringTable(worker);
  if (assignment) {
    if (const meta::TableEntry* table = meta.coordinator().view()->Find(assignment->table_id)) {
      response.tiering_table = wire::PbLakeTieringTableInfo{
          assignment->table_id, ToWire(table->info.path), assignment->epoch};
    }
  }
  return response;
}

Result<wire::PrepareLakeTableSnapshotResponse> Prepare(
    MetaService& meta, const wire::PrepareLakeTableSnapshotRequest& request) {
  wire::PrepareLakeTableSnapshotResponse response;
  for (const wire::PbTableOffsets& table : request.bucket_offsets) {
    coordinator::Coordinator::BucketOffsets offsets;
    for (const wire::PbBucketOffset& bucket : table.bucket_offsets) {
      if (bucket.log_end_offset) offsets[BucketOf(table.table_id, bucket)] = *bucket.log_end_offset;
    }
    wire::PbPrepareLakeTableRespForTable entry;
    entry.table_id = table.table_id;
    auto path = meta.coordinator().PrepareLakeSnapshot(
        table.table_id, offsets, request.ignore_previous_table_offsets.value_or(false));
    if (path) {
      entry.lake_table_offsets_path = std::move(*path);
    } else {
      SetError(entry, path.error());
    }
    response.prepare_lake_table_resp.push_back(std::move(entry));
  }
  return response;
}

Result<wire::CommitLakeTableSnapshotResponse> Commit(
    MetaService& meta, const wire::CommitLakeTableSnapshotRequest& request) {
  wire::CommitLakeTableSnapshotResponse response;
  const auto answer = [&](model::TableId id, const Status& status) {
    wire::PbCommitLakeTableSnapshotRespForTable entry;
    entry.table_id = id;
    if (!status) SetError(entry, status.error());
    response.table_resp.push_back(std::move(entry));
  };
  for (const wire::PbLakeTableSnapshotMetadata& table : request.lake_table_snapshot_metadata) {
    answer(table.table_id, meta.coordinator().CommitLakeSnapshot(
                               table.table_id,
                               {table.snapshot_id, table.tiered_bucket_offsets_file_path,
                                table.readable_bucket_offsets_file_path},
                               table.earliest_snapshot_id_to_keep));
  }
  if (!request.lake_table_snapshot_metadata.empty()) return response;
  // The form of clients up to 0.8: offsets inside the request.
  for (const wire::PbLakeTableSnapshotInfo& table : request.tables_req) {
    const model::TableId id = table.table_id.value_or(-1);
    coordinator::Coordinator::BucketOffsets offsets;
    for (const auto& bucket : table.buckets_req) {
      if (bucket.log_end_offset) offsets[BucketOf(id, bucket)] = *bucket.log_end_offset;
    }
    const auto path =
        meta.coordinator().PrepareLakeSnapshot(id, offsets, /*ignore_previous=*/false);
    answer(id, path ? meta.coordinator().CommitLakeSnapshot(id, {table.snapshot_id, *path, *path},
                                                            std::nullopt)
                    : Status(std::unexpected(path.error())));
  }
  return response;
}

Result<wire::GetLakeSnapshotResponse> Snapshot(MetaService& meta,
                                               const wire::GetLakeSnapshotRequest& request) {
  const auto view = meta.coordinator().view();
  STROM_ASSIGN(const meta::TableEntry* table, FindTable(*view, PathOf(request.table_path)));
  const bool readable = request.readable.value_or(false);
  if (readable && request.snapshot_id) {
    return Err(ErrorCode::kUnknownServerError, "a snapshot id and 'readable' exclude each other");
  }
  const auto lake = view->lakes.find(table->info.table_id);
  const meta::LakeState::Snapshot* found = nullptr;
  if (lake != view->lakes.end()) {
    for (const meta::LakeState::Snapshot& snapshot :
         lake->second->snapshots) {  // the newest that fits
      const bool fits = request.snapshot_id ? snapshot.snapshot_id == *request.snapshot_id
                                            : !readable || snapshot.readable_path;
      if (fits) found = &snapshot;
    }
  }
  if (found == nullptr) {
    return Err(ErrorCode::kLakeSnapshotNotExist, "table {} has no such lake snapshot",
               table->info.path.ToString());
  }
  coordinator::Coordinator::BucketOffsets offsets = lake->second->offsets;
  const std::string& path = readable ? *found->readable_path : found->tiered_path;
  if (path != lake->second->snapshots.back().tiered_path) {
    STROM_ASSIGN(offsets, meta.coordinator().ReadLakeOffsets(path));
  }
  wire::GetLakeSnapshotResponse response;
  response.table_id = table->info.table_id;
  response.snapshot_id = found->snapshot_id;
  for (const auto& [bucket, offset] : offsets) {
    response.bucket_snapshots.push_back({PartitionOf(bucket), bucket.bucket, offset, std::nullopt});
  }
  return response;
}

const char* NameOf(TieringSchedule::State state) {
  switch (state) {
    case TieringSchedule::State::kIdle: return "idle";
    case TieringSchedule::State::kScheduled: return "scheduled";
    case TieringSchedule::State::kPending: return "pending";
    case TieringSchedule::State::kTiering: return "tiering";
  }
  return "unknown";
}

template <class T>
std::optional<T> Unless(bool absent, T value) {
  return absent ? std::nullopt : std::optional<T>(std::move(value));
}

wire::PbLakeTableStatus StatusOf(const meta::TableEntry& table,
                                 const TieringSchedule::Status* tiering) {
  const model::TableOptions& options = table.info.options;
  wire::PbLakeTableStatus status;
  status.table_path = ToWire(table.info.path);
  status.table_id = table.info.table_id;
  status.enabled = options.lake_enabled;
  status.freshness_ms = options.lake_freshness_ms;
  status.format = model::NameOf(options.lake_format);
  status.state = "off";
  if (tiering == nullptr) return status;
  const bool scheduled = tiering->state == TieringSchedule::State::kScheduled;
  const bool failed = scheduled && tiering->failures > 0;
  status.state = failed ? "failed" : NameOf(tiering->state);
  status.paused = tiering->paused;
  status.due_ms = Unless(!scheduled, tiering->due);
  status.since_ms = Unless(tiering->since == 0, tiering->since);
  status.worker = Unless(tiering->worker.empty(), tiering->worker);
  status.failures = tiering->failures;
  status.failure = Unless(tiering->failure.empty(), tiering->failure);
  if (tiering->last_finished != 0) {
    status.last_finished_ms = tiering->last_finished;
    status.last_rows = tiering->last.rows;
    status.last_bytes = tiering->last.bytes;
    status.last_took_ms = tiering->last_took;
  }
  return status;
}

Result<wire::LakeStatusResponse> ReportStatus(MetaService& meta,
                                              const wire::LakeStatusRequest& request,
                                              const Rights& rights) {
  const auto view = meta.coordinator().view();
  const auto report = meta.coordinator().tiering().Report();
  wire::LakeStatusResponse response;
  response.enabled = meta.coordinator().rules().lake_enabled;
  response.format = model::NameOf(meta.coordinator().rules().lake_format);
  const auto add = [&](const meta::TableEntry& table) {
    const auto tiering = report.find(table.info.table_id);
    response.tables.push_back(
        StatusOf(table, tiering == report.end() ? nullptr : &tiering->second));
  };
  if (request.table_path) {
    const model::TablePath path = PathOf(*request.table_path);
    STROM_TRY(rights.Check(security::Operation::kDescribe, security::Resource::Table(path)));
    STROM_ASSIGN(const meta::TableEntry* table, FindTable(*view, path));
    add(*table);
  } else {
    for (const auto& [path, table] : view->tables) {
      if (rights.Allow(security::Operation::kDescribe, security::Resource::Table(path)))
        add(*table);
    }
  }
  return response;
}

Result<wire::LakeControlResponse> Control(MetaService& meta,
                                          const wire::LakeControlRequest& request) {
  enum Action { kPause = 0, kResume = 1, kNow = 2 };
  const auto view = meta.coordinator().view();
  STROM_ASSIGN(const meta::TableEntry* table, FindTable(*view, PathOf(request.table_path)));
  if (!table->info.options.lake_enabled) {
    return Err(ErrorCode::kInvalidTable, "table {} is not datalake enabled",
               table->info.path.ToString());
  }
  coordinator::Coordinator& coordinator = meta.coordinator();
  const model::TableId id = table->info.table_id;
  switch (request.action) {
    case kPause:
    case kResume: STROM_TRY(coordinator.PauseTiering(id, request.action == kPause)); break;
    case kNow: coordinator.tiering().HurryUp(id, coordinator.Now()); break;
    default:
      return Err(ErrorCode::kUnsupported, "unknown action {} on a lake table", request.action);
  }
  meta.Reschedule();
  return wire::LakeControlResponse();
}

Result<wire::LakePreflightResponse> Preflight(MetaService& meta,
                                              const wire::LakePreflightRequest& request) {
  coordinator::Coordinator::Settings changed;
  for (const wire::PbKeyValue& setting : request.settings) changed[setting.key] = setting.value;
  wire::LakePreflightResponse response;
  for (lake::Check& check : MetaService::Preflight(meta.coordinator().EffectiveSettings(changed)))
    response.checks.push_back({std::move(check.what), check.ok, std::move(check.detail)});
  return response;
}

}  // namespace

void LakeStatus(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::LakeStatusRequest>(
      server, std::move(call), [rights](MetaService& meta, const wire::LakeStatusRequest& request) {
        return ReportStatus(meta, request, rights);
      });
}
void LakeControl(Server& server, Call call) {
  AnswerOnCoordinator<wire::LakeControlRequest>(server, std::move(call), Control);
}
void LakePreflight(Server& server, Call call) {
  AnswerOnCoordinator<wire::LakePreflightRequest>(server, std::move(call), Preflight);
}
void LakeTieringHeartbeat(Server& server, Call call) {
  AnswerOnCoordinator<wire::LakeTieringHeartbeatRequest>(server, std::move(call), Heartbeat);
}
void PrepareLakeTableSnapshot(Server& server, Call call) {
  AnswerOnCoordinator<wire::PrepareLakeTableSnapshotRequest>(server, std::move(call), Prepare);
}
void CommitLakeTableSnapshot(Server& server, Call call) {
  AnswerOnCoordinator<wire::CommitLakeTableSnapshotRequest>(server, std::move(call), Commit);
}
void GetLakeSnapshot(Server& server, Call call) {
  AnswerOnCoordinator<wire::GetLakeSnapshotRequest>(server, std::move(call), Snapshot);
}

}  // namespace strom::server
