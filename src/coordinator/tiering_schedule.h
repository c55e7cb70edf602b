#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"

namespace strom::coordinator {

/// Decides which lake table is tiered when, and who may do it.
///
/// No clock, no thread: facts and `now` come in. A table is idle until rows arrive that the lake
/// does not have; its first round is then due at once and later ones one freshness after the start
/// of the one before, so that a row is in the lake one freshness and one round after it arrived.
/// Each assignment has a new epoch, and only its holder is heard (upstream's rules; what differs is
/// that a failed table waits before it is tried again, and that an idle table is not handed out).
class TieringSchedule {
 public:
  static constexpr Millis kHeartbeatTimeout = 120'000;
  static constexpr Millis kFirstRetry = 1'000;

  struct Assignment {
    model::TableId table_id;
    int64_t epoch;
  };
  enum class State { kIdle, kScheduled, kPending, kTiering };
  /// What a round that is over wrote.
  struct RoundResult {
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  struct Status {
    State state = State::kIdle;
    bool paused = false;  // no round begins
    int64_t epoch = 0;
    Millis due = 0;
    Millis since = 0;     // when the state began
    std::string worker;   // who holds it, or held it last
    int failures = 0;     // since the last round that went well
    std::string failure;  // why the last one did not
    // Of the last round that had rows.
    Millis last_finished = 0;
    Millis last_took = 0;
    RoundResult last;
  };

  /// `tiered_before`: the lake has a snapshot already, so the first round may wait.
  void Register(model::TableId id, Millis freshness, bool tiered_before, Millis now);
  void Remove(model::TableId id) { tables_.erase(id); }
  void SetFreshness(model::TableId id, Millis freshness);
  /// Whether the table's lake table is compacted: then one more round comes when it has got no rows
  /// for a freshness after one that had.
  void SetCompacted(model::TableId id, bool compacted);
  /// The table has rows that no round has seen.
  void RowsArrived(model::TableId id, Millis now);

  // What people ask for; nothing happens to a table that is not known.
  void Pause(model::TableId id);
  void Resume(model::TableId id);
  /// The next round need not wait for the freshness.
  void HurryUp(model::TableId id, Millis now);

  /// Moves tables that are due into the queue and takes back those whose holder is silent.
  void Tick(Millis now);
  /// The next table to be tiered, now in the caller's hands.
  std::optional<Assignment> Take(Millis now, const std::string& worker = {});
  /// One certain table, for work on its lake table that is no round; nothing while somebody has it.
  std::optional<Assignment> TakeOne(model::TableId id, Millis now, const std::string& worker);
  /// Errors of the three: kTableNotExist, kFencedTieringEpoch; of a heartbeat also
  /// kUnknownServerError (not being tiered).
  strom::Status Heartbeat(const Assignment& assignment, Millis now);
  strom::Status Finish(const Assignment& assignment, bool again_at_once, Millis now,
                       RoundResult result);
  strom::Status Finish(const Assignment& assignment, bool again_at_once, Millis now) {
    return Finish(assignment, again_at_once, now, RoundResult());
  }
  strom::Status Fail(const Assignment& assignment, Millis now, const std::string& why = {});

  /// When Tick has something to do next.
  std::optional<Millis> NextDue() const;
  std::map<model::TableId, Status> Report() const;

 private:
  struct Table {
    Status status;
    Millis freshness = 0;
    Millis round_started = 0;  // of the newest round; 0 = none yet
    Millis heartbeat = 0;
    bool rows_waiting = false;
    bool compacted = false;
    bool is_round = true;  // of the one who holds it
  };
  void Enter(Table& table, State state, Millis now);
  void GiveTo(Table& table, const std::string& worker, Millis now);
  Result<Table*> Find(const Assignment& assignment);
  void Schedule(Table& table, Millis now);
  void Enqueue(model::TableId id, Table& table, Millis now);

  std::map<model::TableId, Table> tables_;
  std::deque<model::TableId> queue_;
};

}  // namespace strom::coordinator
