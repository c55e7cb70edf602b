#pragma once
#include <chrono>

#include "sql/session.h"

namespace strom::cli {

/// While it lives, an interrupt (Ctrl-C) ends the session's query in hand instead of the process,
/// and whatever waits here. One at a time.
class InterruptGuard {
 public:
  explicit InterruptGuard(sql::Session& session);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether there was one since the last that was taken.
  static bool TakeInterrupt();
  /// Waits until `fd` has input; false when an interrupt came first, which is not taken.
  static bool WaitForInput(int fd);
  /// Waits that long, or until an interrupt, which is not taken.
  static void Wait(std::chrono::milliseconds time);
};

}  // namespace strom::cli
