#pragma once
#include <cstdint>
#include <functional>
#include <limits>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::record {

/// A part of a file in which batches lie one after the other: a segment of a log, here or in the
/// remote directory.
struct BatchSpan {
  int64_t position = 0;      // where a batch begins
  int64_t end_position = 0;  // of the file
  int64_t max_bytes = 0;
  int64_t end_offset = std::numeric_limits<int64_t>::max();  // only batches that end at or below
  bool at_least_one = true;  // one batch even when it is larger than max_bytes
};

/// Whole batches.
struct BatchRun {
  SharedBytes bytes;
  int64_t next_offset = -1;  // after the last batch; -1 when there is none
};

/// Fills `size` bytes at `position` of the file, or fails.
using ReadExactly = std::function<Status(int64_t position, char* into, size_t size)>;

/// Reads the batches of a span. Errors: those of `read`, kCorruptRecord.
Result<BatchRun> ReadBatches(const ReadExactly& read, const BatchSpan& span);

}  // namespace strom::record
