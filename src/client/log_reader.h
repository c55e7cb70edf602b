#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <arrow/type_fwd.h>

#include "client/batch_decoder.h"
#include "client/connection.h"
#include "io/file_system.h"

namespace strom::client {

/// Reads a range [start, stop) of one bucket's log, batch by batch; what the server has in its
/// remote directory alone is read from there. Rows written under an older schema come with nulls
/// for newer columns. Memory: one fetch.
class LogReader {
 public:
  struct Range {
    model::TableBucket bucket;
    int64_t start_offset = 0;
    int64_t stop_offset = 0;
  };
  struct Options {
    std::optional<std::vector<int32_t>>
        columns;  // positions in the table's schema, any order; absent = all
    int32_t fetch_bytes = 4 << 20;
    int32_t wait_ms = 1000;                      // of one fetch for rows that are not there yet
    std::atomic<int64_t>* bytes_read = nullptr;  // grows by what comes, when somebody counts
  };

  LogReader(Connection& connection, std::shared_ptr<const Table> table, Range range,
            Options options);

  /// The next batch, cut to the range, or nothing when its end is reached. Errors: those of
  /// FETCH_LOG and of decoding.
  Result<std::optional<ScannedBatch>> Next();
  /// Every row below was given out or skipped.
  int64_t position() const { return position_; }

 private:
  /// Fills pending_ with what comes next, from the remote file at hand or from the server.
  Status ReadMore();
  Status FetchMore();
  Status OpenRemote(const wire::PbRemoteLogFetchInfo& info);
  Status ReadRemote();
  Status Hold(const SharedBytes& batches, bool projected);

  Connection& connection_;
  const std::shared_ptr<const Table> table_;
  const Range range_;
  const Options options_;
  const BatchDecoder decoder_;
  int64_t position_;
  struct RemoteFile {
    std::string path;
    std::unique_ptr<io::File> file;
    int64_t position = 0;
    int64_t end_offset = 0;
  };
  std::optional<RemoteFile> remote_;     // the segment that is read at the moment
  std::shared_ptr<const void> fetched_;  // keeps the bytes of pending_ alive
  bool fetched_projected_ = false;
  std::deque<record::LogBatchView> pending_;
};

/// Offsets of buckets by the published kinds. Errors: the first bucket's error.
enum class OffsetKind { kEarliest = 0, kLatest = 1, kTimestamp = 2 };
Result<std::map<model::TableBucket, int64_t>> ListOffsets(Connection& connection,
                                                          const Table& table, OffsetKind kind,
                                                          Millis timestamp = 0);

}  // namespace strom::client
