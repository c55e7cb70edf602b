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

void TieringSchedule::RowsArrived(model::TableId id, Millis now) {
  const auto it = tables_.find(id);
  if (it == tables_.end()) return;
  it->second.rows_waiting = true;
  if (it->second.status.state == State::kIdle) Schedule(it->second, now);
}

void TieringSchedule::Schedule(Table& table, Millis now) {
  table.status.state = State::kScheduled;
  table.status.due =
      table.round_started == 0 ? now : std::max(now, table.round_started + table.freshness);
}

void TieringSchedule::Enqueue(model::TableId id, Table& table) {
  table.status.state = State::kPending;
  ++table.status.epoch;
  queue_.push_back(id);
}

void TieringSchedule::Tick(Millis now) {
  for (auto& [id, table] : tables_) {
    if (table.status.state == State::kTiering && now - table.heartbeat > kHeartbeatTimeout) {
      ++table.status.failures;
      Enqueue(id, table);
    } else if (table.status.state == State::kScheduled && table.status.due <= now) {
      Enqueue(id, table);
    }
  }
}

std::optional<TieringSchedule::Assignment> TieringSchedule::Take(Millis now) {
  while (!queue_.empty()) {
    const model::TableId id = queue_.front();
    queue_.pop_front();
    const auto it = tables_.find(id);
    if (it == tables_.end() || it->second.status.state != State::kPending)
      continue;  // dropped meanwhile
    Table& table = it->second;
    table.status.state = State::kTiering;
    table.heartbeat = now;
    table.round_started = now;
    table.rows_waiting = false;
    return Assignment{id, table.status.epoch};
  }
  return std::nullopt;
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

Status TieringSchedule::Finish(const Assignment& assignment, bool again_at_once, Millis now) {
  STROM_ASSIGN(Table* const table, Find(assignment));
  if (table->status.state != State::kTiering) return {};
  table->status.failures = 0;
  table->status.last_finished = now;
  if (again_at_once) {
    Enqueue(assignment.table_id, *table);
  } else if (table->rows_waiting) {
    Schedule(*table, now);
  } else {
    table->status.state = State::kIdle;
  }
  return {};
}

Status TieringSchedule::Fail(const Assignment& assignment, Millis now) {
  STROM_ASSIGN(Table* const table, Find(assignment));
  if (table->status.state != State::kTiering) return {};
  const int shift = std::min(table->status.failures, 10);
  ++table->status.failures;
  table->rows_waiting = true;
  table->status.state = State::kScheduled;
  table->status.due = now + std::min(kFirstRetry << shift, std::max(table->freshness, kFirstRetry));
  return {};
}

std::optional<Millis> TieringSchedule::NextDue() const {
  std::optional<Millis> next;
  for (const auto& [id, table] : tables_) {
    const bool scheduled = table.status.state == State::kScheduled;
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
