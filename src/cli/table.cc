#include <cstdio>

#include "base/text.h"
#include "cli/command.h"
#include "cli/result_printer.h"
#include "cli/target.h"
#include "sql/lexer.h"
#include "sql/session.h"

namespace strom::cli {
namespace {

constexpr const char* kTableHelp = R"(strom table: tables and their parts

  strom table list                     those of the database
  strom table create 'CREATE TABLE ...'   as strom sql takes it
  strom table describe TABLE           its columns and keys
  strom table ddl TABLE                the statement that makes it
  strom table alter TABLE KEY=VALUE... its options; KEY= takes one away
  strom table drop TABLE --yes         its lake table is kept
  strom table offsets TABLE            per bucket: where its log begins and ends, and the lake
  strom table partitions TABLE
  strom table stats TABLE              number of rows
  strom table profile TABLE            per column: types, extremes, distinct values, nulls

  --bootstrap HOST:PORT, --user NAME, --database NAME, -o table|json|ndjson|csv
)";
constexpr const char* kDbHelp = R"(strom db: databases

  strom db list
  strom db create NAME [--if-not-exists]
  strom db drop NAME --yes [--cascade]   with --cascade its tables too
  strom db describe NAME                 its tables

  --bootstrap HOST:PORT, -o table|json|ndjson|csv
)";

Error Wrong(std::string what) {
  return Error{ErrorCode::kInvalidArgument, std::move(what)};
}

/// A session to run one verb's statements in.
struct Shell {
  std::unique_ptr<sql::Session> session;
  std::unique_ptr<sql::RowSink> printer;

  static Result<Shell> Open(const Arguments& arguments) {
    Shell shell;
    STROM_ASSIGN(shell.printer, MakePrinter(arguments.Get("-o", "table"), stdout));
    STROM_ASSIGN(shell.session, sql::Session::Open(ClusterIn(arguments)));
    if (arguments.Has("--database")) {
      STROM_TRY(
          shell.session->Run("USE " + sql::QuoteName(arguments.Get("--database")), *shell.printer));
    }
    return shell;
  }
  int Run(const std::string& statement) const {
    const auto report = session->Run(statement, *printer);
    if (!report) return Report(report.error());
    if (!report->has_rows && !report->message.empty())
      std::fprintf(stderr, "%s\n", report->message.c_str());
    return kDone;
  }
};

/// ALTER TABLE statements: what is set, and what is taken away. Errors: kInvalidArgument.
Result<std::vector<std::string>> Alterations(const std::vector<std::string>& words) {
  std::vector<std::string> set;
  std::vector<std::string> reset;
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == std::string::npos || equals == 0)
      return Err(ErrorCode::kInvalidArgument, "'{}' is no KEY=VALUE", words[i]);
    const std::string key = sql::QuoteText(words[i].substr(0, equals));
    const std::string value = words[i].substr(equals + 1);
    if (value.empty()) {
      reset.push_back(key);
    } else {
      set.push_back(key + " = " + sql::QuoteText(value));
    }
  }
  const std::string alter = "ALTER TABLE " + QuotedTable(words[1]);
  std::vector<std::string> statements;
  if (!set.empty()) statements.push_back(alter + " SET (" + Join(set, ", ") + ")");
  if (!reset.empty()) statements.push_back(alter + " RESET (" + Join(reset, ", ") + ")");
  if (statements.empty())
    return Err(ErrorCode::kInvalidArgument, "strom table alter wants KEY=VALUE");
  return statements;
}

Result<std::vector<std::string>> TableStatements(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.rest();
  const std::string verb = words.empty() ? "" : words[0];
  using Statements = std::vector<std::string>;
  if (verb == "list" && words.size() == 1) return Statements{"SHOW TABLES"};
  if (verb == "create" && words.size() == 2) {
    if (!ToUpper(std::string(Trim(words[1]))).starts_with("CREATE TABLE"))
      return Err(ErrorCode::kInvalidArgument, "strom table create wants a CREATE TABLE statement");
    return Statements{words[1]};
  }
  if (verb == "alter" && words.size() >= 2) return Alterations(words);
  if (words.size() == 2) {
    const std::string table = QuotedTable(words[1]);
    if (verb == "describe") return Statements{"DESCRIBE " + table};
    if (verb == "ddl") return Statements{"SHOW CREATE TABLE " + table};
    if (verb == "offsets") return Statements{"SELECT * FROM " + QuotedTable(words[1], "$offsets")};
    if (verb == "partitions") return Statements{"SHOW PARTITIONS " + table};
    if (verb == "stats") return Statements{"SELECT count(*) AS row_count FROM " + table};
    if (verb == "profile") return Statements{"SUMMARIZE " + table};
    if (verb == "drop") {
      if (!arguments.Has("--yes"))
        return Err(ErrorCode::kInvalidArgument, "table {} would be dropped; say --yes", words[1]);
      return Statements{"DROP TABLE " + table};
    }
  }
  return Err(ErrorCode::kInvalidArgument, "'{}' is not understood; see strom table --help",
             Join(words, " "));
}

Result<std::vector<std::string>> DatabaseStatements(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.rest();
  const std::string verb = words.empty() ? "" : words[0];
  using Statements = std::vector<std::string>;
  if (verb == "list" && words.size() == 1) return Statements{"SHOW DATABASES"};
  if (words.size() == 2) {
    const std::string name = sql::QuoteName(words[1]);
    if (verb == "create") {
      return Statements{std::string("CREATE DATABASE ") +
                        (arguments.Has("--if-not-exists") ? "IF NOT EXISTS " : "") + name};
    }
    if (verb == "describe") return Statements{"SHOW TABLES FROM " + name};
    if (verb == "drop") {
      if (!arguments.Has("--yes"))
        return Err(ErrorCode::kInvalidArgument, "database {} would be dropped; say --yes",
                   words[1]);
      return Statements{"DROP DATABASE " + name + (arguments.Has("--cascade") ? " CASCADE" : "")};
    }
  }
  return Err(ErrorCode::kInvalidArgument, "'{}' is not understood; see strom db --help",
             Join(words, " "));
}

int RunStatements(const std::vector<std::string>& words, const std::vector<std::string>& flags,
                  const char* help,
                  Result<std::vector<std::string>> (*statements)(const Arguments& arguments)) {
  const auto arguments =
      Arguments::Parse(words, flags, {"--bootstrap", "--user", "--database", "-o"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(help, stdout);
    return kDone;
  }
  if (arguments->rest().empty()) return Report(Wrong("a verb is missing; see --help"));
  const auto list = statements(*arguments);
  if (!list) return Report(list.error());
  const auto shell = Shell::Open(*arguments);
  if (!shell) return Report(shell.error());
  for (const std::string& statement : *list) {
    if (const int code = shell->Run(statement); code != kDone) return code;
  }
  return kDone;
}

}  // namespace

int RunTable(const std::vector<std::string>& words) {
  return RunStatements(words, {"--help", "-h", "--yes"}, kTableHelp, TableStatements);
}

int RunDb(const std::vector<std::string>& words) {
  return RunStatements(words, {"--help", "-h", "--yes", "--if-not-exists", "--cascade"}, kDbHelp,
                       DatabaseStatements);
}

}  // namespace strom::cli
