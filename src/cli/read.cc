#include <cstdio>

#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/result_printer.h"
#include "cli/target.h"
#include "sql/lexer.h"

namespace strom::cli {
namespace {

constexpr const char* kReadHelp = R"(strom read: the rows of a table, or its changes

  strom read TABLE [-f]

  -f, --follow                go on with what comes, until interrupted; rows have their kind in `op`
  --from full|earliest|latest|TIME   where to begin (full: lake and log; TIME: milliseconds since
                              1970, or 'YYYY-MM-DD hh:mm:ss' UTC)
  --changelog, --binlog       what happened to the rows, one row a change
  --columns A,B  --where CONDITION  --limit N
  --bootstrap HOST:PORT, --user NAME, --database NAME, -o table|json|ndjson|csv (ndjson)
)";

Result<std::string> ReadQuery(const Target& target, const Arguments& arguments) {
  std::string columns = "*";
  if (arguments.Has("--columns")) {
    STROM_ASSIGN(const auto names, ColumnsIn(target, arguments.Get("--columns")));
    columns = Quoted(names);
  }
  const bool changes = arguments.Has("--changelog") || arguments.Has("--binlog");
  if (changes && (arguments.Has("-f") || arguments.Has("--follow"))) {
    return Err(ErrorCode::kInvalidArgument,
               "-f tells the kind of each change by itself; leave --changelog and --binlog out");
  }
  const model::TablePath& path = target.table->info.path;
  const std::string face = arguments.Has("--changelog") ? "$changelog"
                           : arguments.Has("--binlog")  ? "$binlog"
                                                        : "";
  std::string query = "SELECT " + columns + " FROM " + sql::QuoteName(path.database) + "." +
                      sql::QuoteName(path.table + face);
  if (const std::string from = arguments.Get("--from", "full"); from != "full") {
    const bool by_time = from != "earliest" && from != "latest";
    query += " /*+ OPTIONS('scan.startup.mode' = " + sql::QuoteText(by_time ? "timestamp" : from) +
             (by_time ? ", 'scan.startup.timestamp' = " + sql::QuoteText(from) : "") + ") */";
  }
  if (arguments.Has("--where")) query += " WHERE " + arguments.Get("--where");
  if (arguments.Has("--limit")) query += " LIMIT " + arguments.Get("--limit");
  return query;
}

}  // namespace

int RunRead(const std::vector<std::string>& words) {
  const auto arguments = Arguments::Parse(
      words, {"--help", "-h", "-f", "--follow", "--changelog", "--binlog"},
      {"--bootstrap", "--user", "--database", "-o", "--from", "--columns", "--where", "--limit"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kReadHelp, stdout);
    return kDone;
  }
  if (arguments->rest().size() != 1)
    return Report(Error{ErrorCode::kInvalidArgument, "strom read wants one table"});
  const auto printer = MakePrinter(arguments->Get("-o", "ndjson"), stdout);
  if (!printer) return Report(printer.error());
  const auto target = OpenTarget(*arguments, arguments->rest()[0]);
  if (!target) return Report(target.error());
  const auto query = ReadQuery(*target, *arguments);
  if (!query) return Report(query.error());
  const InterruptGuard guard(*target->session);
  if (arguments->Has("-f") || arguments->Has("--follow")) {
    NoRows nothing;
    const int code =
        RunStatement(*target->session, "SET 'execution.runtime-mode' = 'streaming'", nothing);
    if (code != kDone) return code;
  }
  return RunStatement(*target->session, *query, **printer);
}

}  // namespace strom::cli
