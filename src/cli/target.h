#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "client/connection.h"
#include "sql/session.h"

namespace strom::cli {

/// What the verbs of rows have in common.
struct Target {
  std::unique_ptr<client::Connection> connection;
  std::unique_ptr<sql::Session> session;
  std::shared_ptr<const client::Table> table;
  std::string name;  // for statements

  const model::TableDescriptor& descriptor() const { return table->info.descriptor; }
  const model::Schema& schema() const { return descriptor().schema; }
};

/// Of `--bootstrap`, `--database` and the name of a table. Errors: those of the server.
Result<Target> OpenTarget(const Arguments& arguments, const std::string& table);

/// A word that names a table, "db.table" or "table", for statements; `face` belongs to the table.
std::string QuotedTable(const std::string& word, const std::string& face = "");

/// The names in a list of the table's columns. Errors: kInvalidArgument.
Result<std::vector<std::string>> ColumnsIn(const Target& target, const std::string& list);
/// As a list in SQL.
std::string Quoted(const std::vector<std::string>& names);

/// Drops what a statement without rows says.
class NoRows final : public sql::RowSink {
 public:
  void Begin(const std::vector<sql::ResultColumn>&) override {}
  void Row(const std::vector<sql::Cell>&) override {}
  void End() override {}
};

/// Runs a statement; its error is told. The exit code.
int RunStatement(sql::Session& session, const std::string& statement, sql::RowSink& sink);

}  // namespace strom::cli
