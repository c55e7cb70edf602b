#pragma once
#include <string>

#include "meta/timed_numbers.h"

namespace strom::coordinator {

/// Log offsets that producers leave before they begin to write, so that after a failure they know
/// what of their writes to undo. Durable when the function that changes them returns. Owner: the
/// coordinator's thread.
class ProducerOffsets {
 public:
  explicit ProducerOffsets(meta::TimedNumbersStore store) : kept_(std::move(store)) {}

  /// Whether the offsets were kept: those of an id that has not expired are not changed. Errors:
  /// kInvalidProducerId, kIo.
  Result<bool> Register(const std::string& id, Millis now, Millis expires,
                        const meta::BucketNumbers& offsets);
  /// Nothing when there are none, or no more.
  const meta::TimedNumbers* Find(const std::string& id, Millis now) const;
  Status Drop(const std::string& id) { return kept_.Drop(id); }

 private:
  meta::TimedNumbersBook kept_;
};

}  // namespace strom::coordinator
