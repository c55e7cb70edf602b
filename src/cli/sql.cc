#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include <editline/readline.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/result_printer.h"
#include "sql/lexer.h"
#include "sql/session.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp = R"(strom sql: SQL over stream and lake

  strom sql [--bootstrap HOST:PORT] [-c SQL | -f FILE] [-o table|json|ndjson|csv]

Without -c and -f it is a shell; input that is no terminal is run as a script.
  t                   a table: its lake files and the log from where they end
  t$lake              the lake alone      t$lake$snapshots   its snapshots
Statements about tables are spelled as in Flink; the rest is DuckDB's SQL.
)";
constexpr const char* kShellHelp = R"(  \d           tables of the current database
  \d T         columns of a table
  \timing      times on and off
  \o FORMAT    table, json, ndjson or csv
  \q           leave
)";

/// Where the rows came from, for the line below a result.
std::string Sources(const sql::StatementReport& report) {
  std::string text;
  for (const sql::ScanReport& scan : report.scans) {
    const int64_t total = scan.lake_rows + scan.stream_rows;
    const int64_t lake_percent = total == 0 ? 0 : scan.lake_rows * 100 / total;
    text += fmt::format("; {}: ", scan.table);
    if (scan.snapshot_id)
      text += fmt::format("lake {} rows in {} files (snapshot {}, {} %)", scan.lake_rows,
                          scan.lake_files, *scan.snapshot_id, lake_percent);
    if (!scan.snapshot_id) text += "no lake snapshot";
    if (!scan.lake_only) text += fmt::format(", stream {} rows", scan.stream_rows);
  }
  if (report.row_groups > 0) {
    text +=
        fmt::format("; {} of {} row groups skipped", report.row_groups_skipped, report.row_groups);
  }
  return text;
}

class Runner {
 public:
  Runner(sql::Session& session, std::unique_ptr<sql::RowSink> printer, bool chatty)
      : session_(session), printer_(std::move(printer)), chatty_(chatty) {}

  /// Runs a script up to its first error; returns the exit code.
  int RunScript(const std::string& script) {
    const auto statements = sql::SplitStatements(script);
    if (!statements) return Report(statements.error());
    for (const std::string& statement : *statements) {
      if (const int code = RunOne(statement); code != kDone) return code;
    }
    return kDone;
  }

  int RunOne(const std::string& statement) {
    const auto started = std::chrono::steady_clock::now();
    const auto report = session_.Run(statement, *printer_);
    if (!report) {
      std::fflush(stdout);
      return Report(report.error());
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::steady_clock::now() - started)
                          .count();
    for (const sql::ScanReport& scan : report->scans) {
      if (scan.note) std::fprintf(stderr, "warning[LAKE_EMPTY_YET]: %s\n", scan.note->c_str());
    }
    if (report->explains && !report->scans.empty())
      std::fprintf(stderr, "%s\n", Sources(*report).substr(2).c_str());
    if (!chatty_ || report->explains) return report->interrupted ? kInterrupted : kDone;
    const std::string time = timing_ ? fmt::format(", {} ms", took) : "";
    const std::string line =
        report->has_rows
            ? fmt::format("({} rows{}{})", report->rows, time, Sources(*report))
            : fmt::format("{}{}", report->message.empty() ? "done" : report->message, time);
    std::fprintf(stderr, "%s\n", line.c_str());
    return report->interrupted ? kInterrupted : kDone;
  }

  void SetPrinter(std::unique_ptr<sql::RowSink> printer) { printer_ = std::move(printer); }
  bool ToggleTiming() { return timing_ = !timing_; }

 private:
  sql::Session& session_;
  std::unique_ptr<sql::RowSink> printer_;
  const bool chatty_;
  bool timing_ = true;
};

/// Runs a backslash command; false when the shell is to end.
bool RunShellCommand(const std::string& line, Runner& runner) {
  const std::vector<std::string> words = Split(line, ' ');
  if (words[0] == "\\q") return false;
  if (words[0] == "\\d") {
    runner.RunOne(words.size() > 1 ? "DESCRIBE " + words[1] : "SHOW TABLES");
  } else if (words[0] == "\\timing") {
    std::fprintf(stderr, "timing is %s\n", runner.ToggleTiming() ? "on" : "off");
  } else if (words[0] == "\\o" && words.size() > 1) {
    auto printer = MakePrinter(words[1], stdout);
    if (printer) {
      runner.SetPrinter(std::move(*printer));
    } else {
      Report(printer.error());
    }
  } else {
    std::fputs(kShellHelp, stderr);
  }
  return true;
}

int RunShell(sql::Session& session, Runner& runner) {
  const char* const home = std::getenv("HOME");
  const std::string history = home == nullptr ? "" : std::string(home) + "/.strom_history";
  using_history();
  if (!history.empty()) read_history(history.c_str());
  std::fprintf(stderr, "strom sql; statements end with ';', \\? helps, \\q leaves\n");
  std::string pending;
  while (true) {
    char* const raw =
        readline(pending.empty() ? (session.current_database() + "> ").c_str() : "   ...> ");
    if (raw == nullptr) break;
    const std::string line = raw;
    std::free(raw);
    if (Trim(line).empty() && pending.empty()) continue;
    add_history(line.c_str());
    if (pending.empty() && Trim(line).starts_with('\\')) {
      if (!RunShellCommand(std::string(Trim(line)), runner)) break;
      continue;
    }
    pending += line + "\n";
    if (!Trim(pending).ends_with(';')) continue;
    runner.RunScript(pending);
    pending.clear();
  }
  if (!history.empty()) write_history(history.c_str());
  return kDone;
}

}  // namespace

int RunSql(const std::vector<std::string>& words) {
  const auto arguments =
      Arguments::Parse(words, {"--help", "-h"}, {"--bootstrap", "-c", "-f", "-o"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  if (!arguments->rest().empty()) {
    return Report(Error{ErrorCode::kInvalidArgument,
                        "'" + arguments->rest()[0] + "' is not understood; SQL goes after -c"});
  }
  auto printer = MakePrinter(arguments->Get("-o", "table"), stdout);
  if (!printer) return Report(printer.error());
  auto session = sql::Session::Open(arguments->Get("--bootstrap", "127.0.0.1:9123"));
  if (!session) return Report(session.error());
  const InterruptGuard guard(**session);

  const bool terminal = isatty(STDIN_FILENO) != 0;
  const bool script = arguments->Has("-c") || arguments->Has("-f") || !terminal;
  Runner runner(**session, std::move(*printer), !script || isatty(STDERR_FILENO) != 0);
  int code = kDone;
  if (arguments->Has("-f")) {
    std::ifstream file(arguments->Get("-f"));
    if (!file) return Report(Error{ErrorCode::kNotFound, "cannot read " + arguments->Get("-f")});
    code =
        runner.RunScript({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  } else if (arguments->Has("-c")) {
    for (const std::string& text : arguments->All("-c")) {
      if (code == kDone) code = runner.RunScript(text);
    }
  } else if (!terminal) {
    code = runner.RunScript(
        {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()});
  } else {
    code = RunShell(**session, runner);
  }
  return code;
}

}  // namespace strom::cli
