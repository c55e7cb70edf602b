#pragma once
#include <csignal>

#include "sql/session.h"

namespace strom::cli {

/// While it lives, an interrupt (Ctrl-C) ends the session's query in hand instead of the process.
/// One at a time.
class InterruptGuard {
 public:
  explicit InterruptGuard(sql::Session& session) {
    session_ = &session;
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGINT, [](int) {
      interrupted_ = 1;
      if (session_ != nullptr) session_->Interrupt();
    });
  }
  ~InterruptGuard() {
    std::signal(SIGINT, SIG_DFL);
    session_ = nullptr;
  }
  /// Whether there was one since the last that was taken.
  static bool WasInterrupted() { return interrupted_ != 0; }
  static bool TakeInterrupt() {
    const bool was = interrupted_ != 0;
    interrupted_ = 0;
    return was;
  }

  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  inline static volatile std::sig_atomic_t interrupted_ = 0;
  inline static sql::Session* session_ = nullptr;  // for the signal's handler alone
};

}  // namespace strom::cli
