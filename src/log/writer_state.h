#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "record/log_batch.h"

namespace strom::log {

/// Remembers the last batches of each idempotent writer of one bucket, so that a batch sent twice
/// is written once.
///
/// Owner: the bucket's LogTablet. Snapshot file: Apache Fluss's JSON with one member of our own,
/// `recent`, that keeps all five batches; a reader that does not know it sees the newest.
class WriterState {
 public:
  static constexpr size_t kRememberedBatches = 5;

  struct Batch {
    int32_t sequence;
    int64_t last_offset;
    int32_t offset_delta;
    Millis timestamp;
    int64_t first_offset() const { return last_offset - offset_delta; }
  };

  /// The remembered batch that a writer's batch repeats, if any. The number alone decides: keys put
  /// a second time may make other changes, and more of them, than the first time.
  std::optional<Batch> FindDuplicate(int64_t writer_id, int32_t sequence) const;
  /// Whether `batch` may come next. Errors: kOutOfOrderSequence.
  Status CheckSequence(const record::LogBatchView& batch) const;
  /// Remembers a batch that was written at `base_offset` and `timestamp`.
  void Remember(const record::LogBatchView& batch, int64_t base_offset, Millis timestamp);
  /// Forgets writers whose newest batch is older than `before`.
  void Expire(Millis before);
  void Clear() { writers_.clear(); }
  size_t size() const { return writers_.size(); }

  std::string ToJson() const;
  /// Errors: kCorrupt.
  Status LoadJson(ByteView json);

 private:
  std::unordered_map<int64_t, std::deque<Batch>> writers_;
};

}  // namespace strom::log
