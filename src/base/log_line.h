#pragma once
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace strom {

enum class Level { kDebug, kInfo, kWarn, kError };

/// Lines below `level` are dropped; the default is kInfo. Any thread.
void SetLogLevel(Level level);
/// Writes one line "time level text" to standard error. Any thread; a line is written whole.
void WriteLogLine(Level level, std::string_view text);

template <class... Args>
void LogInfo(fmt::format_string<Args...> text, Args&&... args) {
  WriteLogLine(Level::kInfo, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void LogWarn(fmt::format_string<Args...> text, Args&&... args) {
  WriteLogLine(Level::kWarn, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void LogError(fmt::format_string<Args...> text, Args&&... args) {
  WriteLogLine(Level::kError, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace strom
