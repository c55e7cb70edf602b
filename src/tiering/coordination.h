#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "client/connection.h"

namespace strom::tiering {

/// A worker's side of the tiering protocol: takes tables, says that it lives, and reports. One
/// owner.
class Coordination {
 public:
  /// A table in this worker's hands until it reports, or is silent for too long.
  struct Job {
    model::TablePath path;
    model::TableId table_id = 0;
    int64_t epoch = 0;
  };

  /// `worker`: a name for people.
  Coordination(client::Connection& connection, std::string worker)
      : connection_(connection), worker_(std::move(worker)) {}

  /// The next table that is due for a round; nothing when none is. Errors: those of the connection.
  Result<std::optional<Job>> TakeTable() { return Take(std::nullopt); }
  /// One certain table, for work on its lake table; nothing while another worker has it. Only a
  /// server of Strom knows this.
  Result<std::optional<Job>> TakeTable(model::TableId id) { return Take(id); }

  /// Errors: kFencedTieringEpoch (it is somebody else's now), kTableNotExist.
  Status Heartbeat(const Job& job);
  /// `again`: rows are left, and the next round is due at once.
  Status Finish(const Job& job, bool again, int64_t rows, int64_t bytes);
  Status Fail(const Job& job, const std::string& why);

 private:
  Result<std::optional<Job>> Take(std::optional<model::TableId> id);
  wire::PbHeartbeatReqForTable Entry(const Job& job) const;

  client::Connection& connection_;
  const std::string worker_;
  int32_t coordinator_epoch_ = 0;
};

}  // namespace strom::tiering
