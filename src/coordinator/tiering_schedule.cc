#include "coordinator/tiering_schedule.h"

#include <algorithm>

namespace strom::coordinator {

void TieringSchedule::Register(model::TableId id, Millis freshness, bool tiered_before,
                               Millis now) {
  Table table;
  table.freshness = freshness;
  table.round_started = tiered_before ? now - freshness : 0;
  tables_[id] = table;
}

void TieringSchedule::SetFreshness(model::TableId id, Millis freshness) {
  const auto it = tables_.find(id);
  if (it == tables_.end()) return;
  Table& table = it->second;
  if (table.status.state == State::kScheduled) table.status.due += freshness - table.freshness;
  table.freshness = freshness;
}

void TieringSchedule::SetCompacted(model::TableId id, bool compacted) {
  if (const auto it = tables_.find(id); it != tables_.end()) it->second.compacted = compacted;
}

void TieringSchedule::RowsArrived(model::TableId id, Millis now) {
  const auto it = tables_.find(id);
  if (it == tables_.end()) return;
  it->second.rows_waiting = true;
  if (it->second.status.state == State::kIdle) Schedule(it->second, now);
}

void TieringSchedule::Enter(Table& table, State state, Millis now) {
  if (table.status.state != state) table.status.since = now;
  table.status.state = state;
}

void TieringSchedule::Schedule(Table& table, Millis now) {
  Enter(table, State::kScheduled, now);
  table.status.due =
      table.round_started == 0 ? now : std::max(now, table.round_started + table.freshness);
}

void TieringSchedule::Enqueue(model::TableId id, Table& table, Millis now) {
  Enter(table, State::kPending, now);
  ++table.status.epoch;
  queue_.push_back(id);
}

void TieringSchedule::Pause(model::TableId id) {
  if (const auto it = tables_.find(id); it != tables_.end()) it->second.status.paused = true;
}

void TieringSchedule::Resume(model::TableId id) {
  if (const auto it = tables_.find(id); it != tables_.end()) it->second.status.paused = false;
}

void TieringSchedule::HurryUp(model::TableId id, Millis now) {
  const auto it = tables_.find(id);
  if (it == tables_.end()) return;
  Table& table = it->second;
  if (table.status.state == State::kIdle) Schedule(table, now);
  if (table.status.state == State::kScheduled) table.status.due = std::min(table.status.due, now);
}

void TieringSchedule::Tick(Millis now) {
  for (auto& [id, table] : tables_) {
    if (table.status.state == State::kTiering && now - table.heartbeat > kHeartbeatTimeout) {
      ++table.status.failures;
      table.status.failure = "the worker " + table.status.worker + " was not heard any more";
      table.rows_waiting = true;
      Enqueue(id, table, now);
    } else if (table.status.state == State::kScheduled && table.status.due <= now &&
               !table.status.paused) {
      Enqueue(id, table, now);
    }
  }
}

void TieringSchedule::GiveTo(Table& table, const std::string& worker, Millis now) {
  Enter(table, State::kTiering, now);
  table.status.worker = worker;
  table.heartbeat = now;
}

std::optional<TieringSchedule::Assignment> TieringSchedule::Take(Millis now,
                                                                 const std::string& worker) {
  while (!queue_.empty()) {
    const model::TableId id = queue_.front();
    queue_.pop_front();
    const auto it = tables_.find(id);
    if (it == tables_.end() || it->second.status.state != State::kPending)
      continue;  // dropped meanwhile
    Table& table = it->second;
    if (table.status.paused) {
      Schedule(table, now);
      continue;
    }
    GiveTo(table, worker, now);
    table.is_round = true;
    table.round_started = now;
    table.rows_waiting = false;
    return Assignment{id, table.status.epoch};
  }
  return std::nullopt;
}

std::optional<TieringSchedule::Assignment> TieringSchedule::TakeOne(model::TableId id, Millis now,
                                                                    const std::string& worker) {
  const auto it = tables_.find(id);
  if (it == tables_.end() || it->second.status.state == State::kTiering) return std::nullopt;
  Table& table = it->second;
  // If a round was due, rows wait, and it is when this is over.
  if (table.status.state != State::kIdle) table.rows_waiting = true;
  GiveTo(table, worker, now);
  table.is_round = false;
  return Assignment{id, ++table.status.epoch};
}

Result<TieringSchedule::Table*> TieringSchedule::Find(const Assignment& assignment) {
  const auto it = tables_.find(assignment.table_id);
  if (it == tables_.end())
    return Err(ErrorCode::kTableNotExist, "table {} is not tiered", assignment.table_id);
  if (it->second.status.epoch != assignment.epoch) {
    return Err(ErrorCode::kFencedTieringEpoch, "tiering epoch {} of table {} is over, it has {}",
               assignment.epoch, assignment.table_id, it->second.status.epoch);
  }
  return &it->second;
}

Status TieringSchedule::Heartbeat(const Assignment& assignment, Millis now) {
  STROM_ASSIGN(Table* const table, Find(assignment));
  if (table->status.state != State::kTiering) {
    return Err(ErrorCode::kUnknownServerError, "table {} is not being tiered", assignment.table_id);
  }
  table->heartbeat = now;
  return {};
}

strom::Status TieringSchedule::Finish(const Assignment& assignment, bool again_at_once, Millis now,
                                      RoundResult result) {
  STROM_ASSIGN(Table* const table, Find(assignment));
  Status& status = table->status;
  if (status.state != State::kTiering) return {};
  if (table->is_round) {
    status.failures = 0;
    status.failure.clear();
    if (result.rows > 0 || status.last_finished == 0) {  // rounds that find nothing tell nothing
      status.last_finished = now;
      status.last_took = now - status.since;
      status.last = result;
    }
  }
  if (again_at_once && !status.paused) {
    Enqueue(assignment.table_id, *table, now);
  } else if (table->rows_waiting || again_at_once || (table->compacted && result.rows > 0)) {
    Schedule(*table, now);
  } else {
    Enter(*table, State::kIdle, now);
  }
  return {};
}

strom::Status TieringSchedule::Fail(const Assignment& assignment, Millis now,
                                    const std::string& why) {
  STROM_ASSIGN(Table* const table, Find(assignment));
  Status& status = table->status;
  if (status.state != State::kTiering) return {};
  if (!table->is_round) return Finish(assignment, false, now);
  const int shift = std::min(status.failures, 10);
  ++status.failures;
  status.failure = why;
  table->rows_waiting = true;
  Enter(*table, State::kScheduled, now);
  status.due = now + std::min(kFirstRetry << shift, std::max(table->freshness, kFirstRetry));
  return {};
}

std::optional<Millis> TieringSchedule::NextDue() const {
  std::optional<Millis> next;
  for (const auto& [id, table] : tables_) {
    const bool scheduled = table.status.state == State::kScheduled && !table.status.paused;
    const bool held = table.status.state == State::kTiering;
    if (!scheduled && !held) continue;
    const Millis due = scheduled ? table.status.due : table.heartbeat + kHeartbeatTimeout + 1;
    next = std::min(next.value_or(due), due);
  }
  return next;
}

std::map<model::TableId, TieringSchedule::Status> TieringSchedule::Report() const {
  std::map<model::TableId, Status> report;
  for (const auto& [id, table] : tables_) report[id] = table.status;
  return report;
}

}  // namespace strom::coordinator
