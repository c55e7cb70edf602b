#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "client/batch_decoder.h"
#include "client/connection.h"
#include "client/log_reader.h"

namespace strom::client {

/// Follows the logs of a table's buckets without end: what is there from given offsets on, then
/// what comes, one request for all of them. Partitions that are made later are followed from their
/// beginning. Memory: one fetch. One owner.
class LogFollower {
 public:
  struct Options {
    std::optional<std::vector<int32_t>> columns;  // positions in the table's schema; absent = all
    std::chrono::milliseconds wait{200};          // of one Poll for rows
    int32_t fetch_bytes = 4 << 20;
  };
  using Positions = std::map<model::TableBucket, int64_t>;  // the first offset not given out

  LogFollower(Connection& connection, std::shared_ptr<const Table> table, Positions positions,
              Options options);

  struct Piece {
    model::TableBucket bucket;
    ScannedBatch batch;
  };
  /// What has come, in the order of each bucket; nothing when nothing came in time. Errors: those
  /// of FETCH_LOG (kLogOffsetOutOfRange: retention was faster), kTableNotExist.
  Result<std::vector<Piece>> Poll();
  const Positions& positions() const { return positions_; }

 private:
  Status LookForPartitions();
  Status Take(const wire::PbFetchLogRespForBucket& answer, const model::TableBucket& bucket,
              std::vector<Piece>& pieces);

  Connection& connection_;
  std::shared_ptr<const Table> table_;
  Positions positions_;
  const Options options_;
  const BatchDecoder decoder_;
  /// Of buckets whose next rows are in the remote directory.
  std::map<model::TableBucket, std::unique_ptr<LogReader>> remote_;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace strom::client
