#include "cli/shell.h"

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <editline/readline.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/result_printer.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp = R"(  \d           tables of the current database
  \d T         columns of a table
  \lake T      what the lake has of a table: how far it is behind, its newest snapshots
  \watch [S]   the last statement again every S seconds (2), until Ctrl-C
  \timing      times on and off
  \o FORMAT    table, json, ndjson or csv
  \q           leave
Tab completes words, names of tables and their faces. Ctrl-C ends a query, or drops a statement
that is not finished.
)";

constexpr auto kWords = std::to_array<const char*>({"ALTER TABLE",     "BETWEEN",
                                                    "CREATE DATABASE", "CREATE TABLE",
                                                    "DELETE FROM",     "DESCRIBE",
                                                    "DISTINCT",        "DROP TABLE",
                                                    "EXPLAIN",         "FROM",
                                                    "GROUP BY",        "HAVING",
                                                    "INSERT INTO",     "JOIN",
                                                    "LEFT JOIN",       "LIMIT",
                                                    "ORDER BY",        "PARTITIONED BY",
                                                    "PRIMARY KEY",     "SELECT",
                                                    "SHOW CATALOGS",   "SHOW CREATE TABLE",
                                                    "SHOW DATABASES",  "SHOW PARTITIONS",
                                                    "SHOW TABLES",     "SUMMARIZE",
                                                    "UPDATE",          "VALUES",
                                                    "WHERE",           "WITH"});
constexpr auto kCommands =
    std::to_array<const char*>({"\\d", "\\lake", "\\o", "\\q", "\\timing", "\\watch"});
constexpr auto kFaces =
    std::to_array<const char*>({"$binlog", "$changelog", "$lake", "$lake$files", "$lake$lag",
                                "$lake$partitions", "$lake$snapshots", "$offsets"});

/// For the line editor's hook, which knows no context.
std::function<std::vector<std::string>(const std::string&)> completer;  // of the one shell
std::vector<std::string> found;                                         // by the last call of it

char* NextFound(const char*, int state) {
  static size_t next = 0;
  if (state == 0) next = 0;
  return next < found.size() ? ::strdup(found[next++].c_str()) : nullptr;
}

char** Complete(const char* word, int, int) {
  rl_attempted_completion_over = 1;  // files are no part of SQL
  found = completer(word);
  return found.empty() ? nullptr : completion_matches(const_cast<char*>(word), NextFound);
}

/// A byte of the terminal; -1 at the end of the input, or at an interrupt.
int NextByte() {
  unsigned char byte = 0;
  if (!InterruptGuard::WaitForInput(STDIN_FILENO)) return -1;
  return ::read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
}

/// A character of the terminal, in UTF-8; -1 as above.
int NextCharacter(FILE*) {
  const int lead = NextByte();
  if (lead < 0xC0) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  int character = lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const int byte = NextByte();
    if (byte < 0) return -1;
    character = character << 6 | (byte & 0x3F);
  }
  return character;
}

bool BeginsAs(const std::string& text, const std::string& word) {
  return text.size() >= word.size() &&
         std::ranges::equal(
             word, text.substr(0, word.size()), {}, [](unsigned char c) { return std::tolower(c); },
             [](unsigned char c) { return std::tolower(c); });
}

}  // namespace

std::vector<std::string> Shell::Completions(const std::string& word) {
  std::vector<std::string> all;
  const auto add = [&](std::string text) {
    if (BeginsAs(text, word)) all.push_back(std::move(text));
  };
  if (word.starts_with('\\')) {
    for (const char* command : kCommands) add(command);
    return all;
  }
  if (const size_t face = word.find('$'); face != std::string::npos) {
    for (const char* name : kFaces) add(word.substr(0, face) + name);
    return all;
  }
  for (std::string& name : session_.Names()) add(std::move(name));
  if (word.empty()) return all;
  const bool lower = std::islower(static_cast<unsigned char>(word[0])) != 0;
  for (const char* keyword : kWords) add(lower ? ToLower(keyword) : keyword);
  return all;
}

void Shell::Watch(std::chrono::milliseconds pause) {
  if (last_.empty()) {
    std::fputs("no statement was run yet; \\watch runs the last one again\n", stderr);
    return;
  }
  InterruptGuard::TakeInterrupt();
  // An interrupt during the statement ends the wait at once, too.
  while (runner_.RunScript(last_) == kDone) {
    InterruptGuard::Wait(pause);
    if (InterruptGuard::TakeInterrupt()) return;
  }
  InterruptGuard::TakeInterrupt();
}

bool Shell::RunCommand(const std::string& line) {
  const std::vector<std::string> words = Split(line, ' ');
  const std::string& command = words[0];
  if (command == "\\q") return false;
  if (command == "\\d") {
    runner_.RunOne(words.size() > 1 ? "DESCRIBE " + words[1] : "SHOW TABLES");
  } else if (command == "\\lake" && words.size() > 1) {
    const int code = runner_.RunOne("SELECT * FROM " + words[1] + "$lake$lag");
    constexpr const char* kNewest = "$lake$snapshots ORDER BY 1 DESC LIMIT 10";
    if (code == kDone) runner_.RunOne("SELECT * FROM " + words[1] + kNewest);
  } else if (command == "\\watch") {
    constexpr double kDefaultSeconds = 2;
    constexpr double kMostSeconds = 86'400;
    double seconds = kDefaultSeconds;
    if (words.size() > 1) {
      const std::string& text = words[1];
      const auto end = std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (end.ec != std::errc() || *end.ptr != '\0' || !(seconds > 0 && seconds <= kMostSeconds)) {
        std::fprintf(stderr, "\\watch wants seconds, not '%s'\n", text.c_str());
        return true;
      }
    }
    Watch(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  } else if (command == "\\timing") {
    std::fprintf(stderr, "timing is %s\n", runner_.ToggleTiming() ? "on" : "off");
  } else if (command == "\\o" && words.size() > 1) {
    auto printer = MakePrinter(words[1], stdout);
    if (printer) {
      runner_.SetPrinter(std::move(*printer));
    } else {
      Report(printer.error());
    }
  } else {
    std::fputs(kHelp, stderr);
  }
  return true;
}

bool Shell::Take(const std::string& line) {
  if (Trim(line).empty() && pending_.empty()) return true;
  add_history(line.c_str());
  if (pending_.empty() && Trim(line).starts_with('\\')) return RunCommand(std::string(Trim(line)));
  pending_ += line + "\n";
  if (!Trim(pending_).ends_with(';')) return true;
  last_ = std::exchange(pending_, "");
  runner_.RunScript(last_);
  InterruptGuard::TakeInterrupt();
  return true;
}

void Shell::Run() {
  // Before the line editor begins: it asks then which bytes are letters, and how they are read.
  std::setlocale(LC_CTYPE, "");
  rl_getc_function = NextCharacter;
  const char* const home = std::getenv("HOME");
  const std::string history = home == nullptr ? "" : std::string(home) + "/.strom_history";
  using_history();
  if (!history.empty()) read_history(history.c_str());
  completer = [this](const std::string& word) { return Completions(word); };
  rl_attempted_completion_function = Complete;
  rl_basic_word_break_characters = " \t\n\"'`()=<>;,";
  std::fputs("strom sql; statements end with ';', \\? helps, \\q leaves\n", stderr);
  while (true) {
    const std::string prompt = pending_.empty() ? session_.current_database() + "> " : "   ...> ";
    char* const raw = readline(prompt.c_str());
    if (InterruptGuard::TakeInterrupt()) {
      pending_.clear();
      std::free(raw);
      std::fputs("\n", stderr);
      continue;
    }
    if (raw == nullptr) break;
    const std::string line = raw;
    std::free(raw);
    if (!Take(line)) break;
  }
  if (!history.empty()) write_history(history.c_str());
}

}  // namespace strom::cli
