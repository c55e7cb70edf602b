#include "base/log_line.h"

#include <atomic>

#include <time.h>
#include <unistd.h>

#include "base/clock.h"

namespace strom {
namespace {

std::atomic<Level> g_level{Level::kInfo};

const char* NameOf(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warn";
    case Level::kError: return "error";
  }
  return "?";
}

}  // namespace

void SetLogLevel(Level level) {
  g_level = level;
}

void WriteLogLine(Level level, std::string_view text) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  const Millis now = SystemClock().Now();
  const time_t seconds = now / 1000;
  tm utc;
  gmtime_r(&seconds, &utc);
  const std::string line = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {} {}\n",
                                       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                                       utc.tm_min, utc.tm_sec, now % 1000, NameOf(level), text);
  // One write keeps the line whole between threads; nothing can be done about a closed standard
  // error.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace strom
