#pragma once
#include <chrono>
#include <cstdint>

namespace strom {

/// Milliseconds since 1970-01-01 UTC.
using Millis = int64_t;

/// Where the time comes from; tests hand in one that they move themselves.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Millis Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Millis Now() const override {
    using std::chrono::milliseconds;
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace strom
