#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "cli/command.h"
#include "cli/lake_service.h"
#include "cli/result_printer.h"
#include "cli/target.h"
#include "sql/lexer.h"
#include "sql/session.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp =
    R"(strom lake: what the lake has of tables, and the service that fills it

Looking
  strom lake status                 each table of the database: on or off, rows the lake lacks
  strom lake jobs                   how tiering stands: state, worker, next round, last failure
  strom lake why TABLE              why the lake lacks rows, and what to do
  strom lake lag TABLE              per bucket: how far the lake is
  strom lake snapshots TABLE        the snapshots of its lake table
  strom lake files TABLE            the data files of the newest one
  strom lake verify TABLE           per bucket: that stream and lake have the same rows, by
                                    number and checksum; exit code 1 when they do not
Switching
  strom lake preflight              whether the lake can be used: changes nothing
  strom lake enable                 the lake of the cluster, after a preflight
  strom lake disable [--tables]     refused while tables use it; --tables switches them off first
  strom lake enable|disable TABLE   the lake of a table; it goes on where it stopped
Working
  strom lake tier TABLE             the next round at once
  strom lake pause|resume TABLE     no rounds until resumed, or until the server starts again
  strom lake compact TABLE          small and overlapping files into fewer, as one more snapshot
  strom lake expire TABLE           snapshots that its options keep no longer, and files that
                                    killed writers left [--orphans-older-than 1d]

  --bootstrap HOST:PORT, --user NAME, --database NAME, -o table|json|ndjson|csv
  --datalake.format F, --datalake.F.X VALUE    settings that enable and preflight try or set;
                                    options of the catalog for compact and expire
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
    const std::string query = "SELECT * FROM " + QuotedTable(table, "$lake$verify");
    if (const int code = RunQuery(session, query, found); code != kDone) return code;
    equal = std::ranges::all_of(found.rows(),
                                [](const auto& cells) { return cells.back().text == "true"; });
  }
  found.PrintTo(printer);
  if (equal) return kDone;
  return Report(Error{ErrorCode::kCorrupt, "stream and lake of table " + table +
                                               " differ in the buckets that are not equal"});
}

/// How many tables a verb wants.
enum class Wants { kNone, kMaybe, kOne };
struct Verb {
  const char* name;
  Wants table;
};
constexpr Verb kVerbs[] = {
    {"status", Wants::kNone},  {"jobs", Wants::kNone},     {"preflight", Wants::kNone},
    {"enable", Wants::kMaybe}, {"disable", Wants::kMaybe}, {"why", Wants::kOne},
    {"lag", Wants::kOne},      {"snapshots", Wants::kOne}, {"files", Wants::kOne},
    {"verify", Wants::kOne},   {"tier", Wants::kOne},      {"pause", Wants::kOne},
    {"resume", Wants::kOne},   {"compact", Wants::kOne},   {"expire", Wants::kOne}};

/// Errors: kInvalidArgument.
Result<Verb> FindVerb(const std::vector<std::string>& words) {
  const std::string name = words.empty() ? "" : words[0];
  const auto* const verb = std::ranges::find(kVerbs, name, &Verb::name);
  if (verb == std::end(kVerbs)) {
    const std::string near = Nearest(name, LakeVerbNames());
    return Err(ErrorCode::kInvalidArgument, "unknown verb '{}'{}; see strom lake --help", name,
               near.empty() ? "" : ", did you mean '" + near + "'?");
  }
  const size_t tables = words.size() - 1;
  if (tables > 1 || (verb->table == Wants::kNone && tables != 0) ||
      (verb->table == Wants::kOne && tables != 1)) {
    return Err(ErrorCode::kInvalidArgument, "strom lake {} wants {}", name,
               verb->table == Wants::kNone  ? "no table"
               : verb->table == Wants::kOne ? "one table"
                                            : "one table at most");
  }
  return *verb;
}

/// The verbs that need no SQL; nothing for the others.
std::optional<int> RunService(const LakeVerb& verb, const std::string& name,
                              const std::string& table) {
  if (name == "jobs") return LakeJobs(verb);
  if (name == "why") return LakeWhy(verb, table);
  if (name == "preflight") return LakePreflight(verb);
  if (name == "enable" && table.empty()) return LakeEnable(verb);
  if (name == "disable" && table.empty()) return LakeDisable(verb);
  if (name == "tier" || name == "pause" || name == "resume") return LakeControl(verb, name, table);
  if (name == "compact") return LakeCompact(verb, table);
  if (name == "expire") return LakeExpire(verb, table);
  return std::nullopt;
}

}  // namespace

std::vector<std::string> LakeVerbNames() {
  std::vector<std::string> names;
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  return names;
}

int RunLake(const std::vector<std::string>& words) {
  const auto arguments = Arguments::Parse(
      words, {"--help", "-h", "--tables"},
      {"--bootstrap", "--user", "--database", "-o", "--orphans-older-than", "--datalake."}, true);
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  for (const auto& [key, value] : arguments->values()) {
    const char* const known[] = {"--tables",   "--bootstrap", "--user",
                                 "--database", "-o",          "--orphans-older-than"};
    if (key.starts_with("--datalake.") || std::ranges::find(known, key) != std::end(known))
      continue;
    return Report(
        Error{ErrorCode::kInvalidArgument, "unknown option " + key + "; see strom lake --help"});
  }
  const auto verb = FindVerb(arguments->rest());
  if (!verb) return Report(verb.error());
  const std::string name = verb->name;
  const std::string table = arguments->rest().size() > 1 ? arguments->rest()[1] : "";
  auto printer = MakePrinter(arguments->Get("-o", "table"), stdout);
  if (!printer) return Report(printer.error());
  const client::Cluster cluster = ClusterIn(*arguments);
  const std::string database = arguments->Get("--database", "fluss");
  const auto connection = client::Connection::Open(cluster);
  if (!connection) return Report(connection.error());
  const LakeVerb service{**connection, *arguments, database, **printer};
  if (const auto code = RunService(service, name, table)) return *code;

  auto opened = sql::Session::Open(cluster);
  if (!opened) return Report(opened.error());
  sql::Session& session = **opened;
  KeptRows nothing;
  if (const int code = RunQuery(session, "USE " + sql::QuoteName(database), nothing); code != kDone)
    return code;
  if (name == "status") return Status(session, **printer);
  if (name == "enable" || name == "disable")
    return Switch(session, QuotedTable(table), name == "enable", nothing);
  if (name == "verify") return Verify(session, table, **printer);
  return RunQuery(session, "SELECT * FROM " + QuotedTable(table, "$lake$" + name), **printer);
}

}  // namespace strom::cli
