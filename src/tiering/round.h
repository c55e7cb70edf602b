#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "client/connection.h"
#include "lake/lake.h"
#include "tiering/registered_lake.h"

namespace strom::tiering {

/// One round of one table: reads what the lake does not have yet, writes it, commits it, registers
/// it.
///
/// Exactly once: the lake's snapshot is the truth and names the offsets it reaches, in a file that
/// is written before it. A round that dies before its commit leaves orphan files; one that dies
/// after it is registered by the next round, which goes on from there.
class Round {
 public:
  struct Options {
    lake::CatalogOptions catalog;  // over those the server tells
    std::chrono::milliseconds heartbeat{10'000};
    /// Called about every `heartbeat`; an error ends the round (the assignment is somebody else's).
    std::function<Status()> on_heartbeat;
    std::function<bool()> stop_requested;
  };
  struct Outcome {
    int64_t rows = 0;
    int64_t bytes = 0;
    int64_t snapshot_id = -1;  // -1 when there was nothing to commit
    int64_t commit_ms = 0;     // of it, for the commit and its registration
    bool cut_short = false;    // rows are left: the time of the round was over
  };

  Round(client::Connection& connection, model::TablePath path, model::TableId table_id,
        Options options)
      : connection_(connection),
        path_(std::move(path)),
        table_id_(table_id),
        options_(std::move(options)) {}

  /// Errors: of the server, of the lake; kFencedTieringEpoch and kClosed end it without anything
  /// committed.
  Result<Outcome> Run();

 private:
  struct Range {
    int64_t start;
    int64_t stop;
    bool from_keys = false;  // its changelog is not whole: the rows there are, then the rest of it
    bool replaces = false;   // and what the lake has of it goes
  };
  using Offsets = RegisteredLake::Offsets;

  Result<std::map<model::TableBucket, Range>> Plan(const Offsets& tiered);
  Result<int64_t> CopyBucket(lake::LakeTable& lake, const model::TableBucket& bucket,
                             const Range& range, lake::LakeFiles& files);
  /// What was committed and registered.
  struct Committed {
    int64_t snapshot_id = 0;
    std::string offsets_path;
  };
  /// The values of a bucket's partition; none in a table without partitions.
  Result<record::Row> PartitionOf(const model::TableBucket& bucket) const;
  /// The rows that a bucket has now, as insertions. Returns the offset to go on at.
  Result<int64_t> CopyKeys(lake::LakeTable& lake, const model::TableBucket& bucket,
                           lake::LakeFiles& files);
  Result<Committed> CommitRound(RegisteredLake& registered, const lake::LakeChange& change,
                                const Offsets& reached);
  /// Without rows to tier: the table is at rest, and its files may be merged for its readers.
  Status Rest(RegisteredLake& registered);
  /// Compaction and expiry as the table asks for; their failure is not the round's.
  Status Maintain(RegisteredLake& registered, Committed committed, const Offsets& reached);
  Status Beat();
  bool TimeIsOver() const { return std::chrono::steady_clock::now() >= deadline_; }

  client::Connection& connection_;
  const model::TablePath path_;
  const model::TableId table_id_;
  const Options options_;
  std::shared_ptr<const client::Table> table_;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::steady_clock::time_point next_beat_;
  Outcome outcome_;
};

}  // namespace strom::tiering
