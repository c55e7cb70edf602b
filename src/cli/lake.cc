#include <algorithm>
#include <cstdio>

#include "cli/command.h"
#include "cli/result_printer.h"
#include "sql/lexer.h"
#include "sql/session.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp = R"(strom lake: what the lake has of tables

  strom lake status                 each table of the database: on or off, rows the lake lacks
  strom lake enable|disable TABLE   the lake of a table; it goes on where it stopped
  strom lake lag TABLE              per bucket: how far the lake is
  strom lake snapshots TABLE        the snapshots of its lake table
  strom lake files TABLE            the data files of the newest one
  strom lake verify TABLE           per bucket: that stream and lake have the same rows, by
                                    number and checksum; exit code 1 when they do not

  --bootstrap HOST:PORT, --database NAME, -o table|json|ndjson|csv
)";

/// Keeps a result.
class KeptRows final : public sql::RowSink {
 public:
  void Begin(const std::vector<sql::ResultColumn>& columns) override {
    columns_ = columns;
    rows_.clear();
  }
  void Row(const std::vector<sql::Cell>& cells) override { rows_.push_back(cells); }
  void End() override {}

  void PrintTo(sql::RowSink& printer) const {
    printer.Begin(columns_);
    for (const auto& cells : rows_) printer.Row(cells);
    printer.End();
  }
  const std::vector<std::vector<sql::Cell>>& rows() const { return rows_; }

 private:
  std::vector<sql::ResultColumn> columns_;
  std::vector<std::vector<sql::Cell>> rows_;
};

int RunQuery(sql::Session& session, const std::string& statement, sql::RowSink& sink) {
  const auto report = session.Run(statement, sink);
  return report ? int{kDone} : Report(report.error());
}

int Switch(sql::Session& session, const std::string& table, bool on, sql::RowSink& printer) {
  const int code = RunQuery(session,
                            fmt::format("ALTER TABLE {} SET ('table.datalake.enabled' = '{}')",
                                        table, on ? "true" : "false"),
                            printer);
  if (code == kDone)
    std::fprintf(stderr, "the lake of %s is %s\n", table.c_str(), on ? "on" : "off");
  return code;
}

int Status(sql::Session& session, sql::RowSink& printer) {
  KeptRows tables;
  if (const int code = RunQuery(session, "SHOW TABLES", tables); code != kDone) return code;
  printer.Begin(
      {{"table", "VARCHAR", false}, {"lake", "VARCHAR", false}, {"rows_behind", "BIGINT", true}});
  for (const auto& row : tables.rows()) {
    KeptRows lag;
    const auto report = session.Run(
        "SELECT sum(rows_behind)::BIGINT FROM " + sql::QuoteName(row[0].text + "$lake$lag"), lag);
    if (!report && report.error().code != ErrorCode::kUnsupported) return Report(report.error());
    const sql::Cell state{false, report ? "on" : "off", report ? "\"on\"" : "\"off\""};
    const sql::Cell none{true, "", "null"};
    printer.Row({row[0], state, report && !lag.rows().empty() ? lag.rows()[0][0] : none});
  }
  printer.End();
  return kDone;
}

/// Rows that come while it runs may make it see a difference that is none: then it looks again.
int Verify(sql::Session& session, const std::string& table, sql::RowSink& printer) {
  constexpr int kAttempts = 3;
  KeptRows found;
  bool equal = false;
  for (int attempt = 0; attempt < kAttempts && !equal; ++attempt) {
    const std::string query = "SELECT * FROM " + sql::QuoteName(table + "$lake$verify");
    if (const int code = RunQuery(session, query, found); code != kDone) return code;
    equal = std::ranges::all_of(found.rows(),
                                [](const auto& cells) { return cells.back().text == "true"; });
  }
  found.PrintTo(printer);
  if (equal) return kDone;
  return Report(Error{ErrorCode::kCorrupt, "stream and lake of table " + table +
                                               " differ in the buckets that are not equal"});
}

}  // namespace

int RunLake(const std::vector<std::string>& words) {
  const auto arguments =
      Arguments::Parse(words, {"--help", "-h"}, {"--bootstrap", "--database", "-o"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  const std::vector<std::string>& rest = arguments->rest();
  const std::string verb = rest.empty() ? "" : rest[0];
  const bool of_table = verb != "status";
  const char* const kOfTables[] = {"enable", "disable", "lag", "snapshots", "files", "verify"};
  const bool known = !of_table || std::ranges::find(kOfTables, verb) != std::end(kOfTables);
  if (!known || rest.size() != (of_table ? 2U : 1U)) {
    return Report(
        Error{ErrorCode::kInvalidArgument,
              known ? "strom lake " + verb + (of_table ? " wants one table" : " wants no table")
                    : "unknown verb '" + verb + "'; see strom lake --help"});
  }
  auto printer = MakePrinter(arguments->Get("-o", "table"), stdout);
  if (!printer) return Report(printer.error());
  auto opened = sql::Session::Open(arguments->Get("--bootstrap", "127.0.0.1:9123"));
  if (!opened) return Report(opened.error());
  sql::Session& session = **opened;
  KeptRows nothing;
  if (arguments->Has("--database")) {
    const int code =
        RunQuery(session, "USE " + sql::QuoteName(arguments->Get("--database")), nothing);
    if (code != kDone) return code;
  }
  if (!of_table) return Status(session, **printer);
  const std::string& table = rest[1];
  if (verb == "enable" || verb == "disable")
    return Switch(session, sql::QuoteName(table), verb == "enable", nothing);
  if (verb == "verify") return Verify(session, table, **printer);
  return RunQuery(session, "SELECT * FROM " + sql::QuoteName(table + "$lake$" + verb), **printer);
}

}  // namespace strom::cli
