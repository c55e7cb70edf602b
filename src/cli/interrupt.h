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
      if (session_ != nullptr) session_->Interrupt();
    });
  }
  ~InterruptGuard() {
    std::signal(SIGINT, SIG_DFL);
    session_ = nullptr;
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  inline static sql::Session* session_ = nullptr;  // for the signal's handler alone
};

}  // namespace strom::cli
