#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/table.h"

namespace strom::sql {

/// A table as it stands in a statement: one to three parts, of which the catalog's is not looked
/// at.
struct TableName {
  std::string database;  // empty = the current one
  std::string table;
};

struct CreateDatabase {
  std::string name;
  bool if_not_exists = false;
  model::DatabaseDescriptor descriptor;
};
struct DropDatabase {
  std::string name;
  bool if_exists = false;
  bool cascade = false;
};
struct CreateTable {
  TableName name;
  bool if_not_exists = false;
  model::TableDescriptor descriptor;
};
struct DropTable {
  TableName name;
  bool if_exists = false;
};
struct AlterOptions {
  TableName name;
  std::vector<std::pair<std::string, std::optional<std::string>>> changes;  // absent value = RESET
};
struct AddColumns {
  TableName name;
  std::vector<model::Column> columns;
};
struct AlterPartition {
  TableName name;
  bool add = true;
  bool if_exists = false;
  std::vector<std::pair<std::string, std::string>> spec;
};
struct Show {
  enum class What {
    kCatalogs,
    kCurrentCatalog,
    kDatabases,
    kCurrentDatabase,
    kTables,
    kPartitions,
    kCreateTable
  } what;
  TableName name;
};
struct CreateCatalog {
  std::string name;
  std::map<std::string, std::string> options;
};
struct UseCatalog {
  std::string name;
};
struct Describe {
  TableName name;
};
struct Use {
  std::string database;
};
/// Without a value the setting gets its default again.
struct Set {
  std::string key;
  std::optional<std::string> value;
};
struct Insert {
  TableName name;
  std::vector<std::string> columns;
  std::string source;
};  // source in DuckDB's spelling
/// Expressions are in DuckDB's spelling; an empty `where` means every row.
struct Update {
  TableName name;
  std::vector<std::pair<std::string, std::string>> assignments;  // column, expression
  std::string where;
};
struct Delete {
  TableName name;
  std::string where;
};
/// Everything else, in DuckDB's spelling. `equal`: columns that it compares with a constant.
struct Query {
  std::string text;
  std::set<std::string> equal;
};

using Statement = std::variant<CreateDatabase, DropDatabase, CreateTable, DropTable, AlterOptions,
                               AddColumns, AlterPartition, Show, Describe, CreateCatalog,
                               UseCatalog, Use, Set, Insert, Update, Delete, Query>;

/// Reads one statement. What Strom does not do is refused by name. Errors: kInvalidArgument,
/// kUnsupported.
Result<Statement> ParseStatement(std::string_view source);

/// CREATE TABLE as Flink spells it.
std::string ToCreateTable(const model::TablePath& path, const model::TableDescriptor& descriptor);

}  // namespace strom::sql
