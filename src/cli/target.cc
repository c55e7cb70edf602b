#include "cli/target.h"

#include <cstdio>

#include "base/text.h"
#include "sql/lexer.h"

namespace strom::cli {

Result<Target> OpenTarget(const Arguments& arguments, const std::string& table) {
  const model::TablePath path = PathIn(table, arguments.Get("--database", "fluss"));
  const client::Cluster cluster = ClusterIn(arguments);
  Target target;
  STROM_ASSIGN(target.connection, client::Connection::Open(cluster));
  STROM_ASSIGN(target.session, sql::Session::Open(cluster));
  STROM_ASSIGN(target.table, target.connection->GetTable(path));
  target.name = sql::QuoteName(path.database) + "." + sql::QuoteName(path.table);
  return target;
}

std::string QuotedTable(const std::string& word, const std::string& face) {
  const size_t dot = word.find('.');
  if (dot == std::string::npos) return sql::QuoteName(word + face);
  return sql::QuoteName(word.substr(0, dot)) + "." + sql::QuoteName(word.substr(dot + 1) + face);
}

Result<std::vector<std::string>> ColumnsIn(const Target& target, const std::string& list) {
  std::vector<std::string> names;
  for (const std::string& part : Split(list, ',')) {
    const std::string name(Trim(part));
    if (target.schema().Find(name) < 0) {
      return Err(ErrorCode::kInvalidArgument, "table {} has no column '{}'",
                 target.table->info.path.ToString(), name);
    }
    names.push_back(name);
  }
  return names;
}

std::string Quoted(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(sql::QuoteName(name));
  return Join(quoted, ", ");
}

int RunStatement(sql::Session& session, const std::string& statement, sql::RowSink& sink) {
  const auto report = session.Run(statement, sink);
  if (!report) return Report(report.error());
  for (const sql::ScanReport& scan : report->scans) {
    if (scan.note) std::fprintf(stderr, "warning[LAKE_EMPTY_YET]: %s\n", scan.note->c_str());
  }
  return report->interrupted ? kInterrupted : kDone;
}

}  // namespace strom::cli
