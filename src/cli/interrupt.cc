#include "cli/interrupt.h"

#include <csignal>
#include <cstdint>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

namespace strom::cli {
namespace {

// For the signal's handler, which any thread may run: whoever waits is told through the descriptor.
sql::Session* interrupted_session = nullptr;
int interrupts = -1;

void OnInterrupt(int) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(interrupts, &one, sizeof one);
  if (interrupted_session != nullptr) interrupted_session->Interrupt();
}

}  // namespace

InterruptGuard::InterruptGuard(sql::Session& session) {
  interrupts = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  STROM_CHECK(interrupts >= 0);
  interrupted_session = &session;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, OnInterrupt);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  interrupted_session = nullptr;
  ::close(interrupts);
}

bool InterruptGuard::TakeInterrupt() {
  uint64_t count = 0;
  return ::read(interrupts, &count, sizeof count) == sizeof count;
}

bool InterruptGuard::WaitForInput(int fd) {
  pollfd both[] = {{interrupts, POLLIN, 0}, {fd, POLLIN, 0}};
  while (::poll(both, 2, -1) < 0) {
  }
  return both[0].revents == 0;
}

void InterruptGuard::Wait(std::chrono::milliseconds time) {
  pollfd one{interrupts, POLLIN, 0};
  ::poll(&one, 1, static_cast<int>(time.count()));
}

}  // namespace strom::cli
