#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "cli/statement_runner.h"

namespace strom::cli {

/// The conversation of `strom sql` on a terminal: lines with a history and completion, statements
/// over several lines, backslash commands. An InterruptGuard lives beside it. One at a time.
class Shell {
 public:
  Shell(sql::Session& session, StatementRunner& runner) : session_(session), runner_(runner) {}
  /// Until the input ends, or \q.
  void Run();

 private:
  /// Takes a line; false when the shell is to end.
  bool Take(const std::string& line);
  bool RunCommand(const std::string& line);
  void Watch(std::chrono::milliseconds pause);
  /// What a word may be completed to.
  std::vector<std::string> Completions(const std::string& word);

  sql::Session& session_;
  StatementRunner& runner_;
  std::string pending_;  // of a statement that has not ended
  std::string last_;     // the statements run last
};

}  // namespace strom::cli
