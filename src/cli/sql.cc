#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include <unistd.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/result_printer.h"
#include "cli/shell.h"
#include "cli/statement_runner.h"
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

}  // namespace

int RunSql(const std::vector<std::string>& words) {
  const auto arguments =
      Arguments::Parse(words, {"--help", "-h"}, {"--bootstrap", "--user", "-c", "-f", "-o"});
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
  auto session = sql::Session::Open(ClusterIn(*arguments));
  if (!session) return Report(session.error());
  const InterruptGuard guard(**session);

  const bool terminal = isatty(STDIN_FILENO) != 0;
  const bool script = arguments->Has("-c") || arguments->Has("-f") || !terminal;
  StatementRunner runner(**session, std::move(*printer), !script || isatty(STDERR_FILENO) != 0);
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
    Shell(**session, runner).Run();
  }
  return code;
}

}  // namespace strom::cli
