#include "sql/session.h"

#include <atomic>

#include <arrow/record_batch.h>

#include "base/json.h"
#include "base/text.h"
#include "model/duration.h"
#include "model/partition.h"
#include "sql/arrow_file.h"
#include "sql/engine.h"
#include "sql/faces.h"
#include "sql/lexer.h"
#include "sql/pipeline.h"
#include "sql/scans.h"
#include "sql/statement.h"
#include "sql/stream_plan.h"
#include "sql/stream_query.h"

namespace strom::sql {

Cell TextCell(const std::string& text) {
  return {false, text, Json(text).dump()};
}

namespace {

std::string FirstWord(const std::string& text) {
  return ToUpper(text.substr(0, text.find_first_of(" \n\t(")));
}

}  // namespace

class Session::Inner {
 public:
  explicit Inner(std::unique_ptr<client::Connection> connection)
      : connection_(std::move(connection)),
        scans_(connection_->cluster()),
        faces_(*connection_, scans_) {}

  Status Start(const std::optional<Confinement>& confinement) {
    Engine::Hooks hooks;
    hooks.resolve = [this](const std::string& database,
                           const std::string& table) -> Result<std::optional<Engine::Resolved>> {
      if (const auto file = ArrowFileNamed(table); file && database.empty() && !confined_) {
        Scan scan;
        scan.arrow_file = *file;
        return Engine::Resolved{"SELECT * FROM " + scans_.Add(std::move(scan)), table};
      }
      STROM_ASSIGN(auto answer, faces_.Resolve({database.empty() ? database_ : database, table}));
      if (!answer) return std::nullopt;
      return Engine::Resolved{std::move(answer->query), std::move(answer->alias)};
    };
    hooks.open_scan = [this](const Engine::ScanRequest& request) { return scans_.Open(request); };
    hooks.scan_schema = [this](const std::string& id) { return scans_.SchemaOf(id); };
    STROM_ASSIGN(engine_, Engine::Open(std::move(hooks), confinement));
    confined_ = confinement.has_value();
    if (confined_) faces_.Confine([this](const std::string& path) { engine_->AllowFile(path); });
    return {};
  }

  Result<StatementReport> Run(const std::string& text, RowSink& sink) {
    STROM_ASSIGN(const Statement statement, ParseStatement(text));
    auto report = std::visit([&](const auto& parsed) { return Do(parsed, sink); }, statement);
    EndStatement();
    return report;
  }

  Result<StatementReport> RunToArrow(const std::string& text, const OnBatch& on_batch) {
    STROM_ASSIGN(const Statement statement, ParseStatement(text));
    const Query* const query = std::get_if<Query>(&statement);
    if (query == nullptr)
      return Err(ErrorCode::kUnsupported, "only the rows of a query can be given as Arrow");
    faces_.Begin(query->equal);
    StatementReport report;
    report.has_rows = true;
    const Status done =
        engine_->RunToArrow(query->text, [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
          report.rows += batch->num_rows();
          return on_batch(batch);
        });
    report.scans = faces_.TakeReports();
    EndStatement();
    if (!done) return std::unexpected(done.error());
    return report;
  }

  void EndStatement() {
    scans_.Clear();
    faces_.Begin({});
    (void)faces_.TakeReports();  // of a statement that failed
  }

  Result<StatementReport> DeleteKeys(const model::TablePath& path, const std::string& query) {
    STROM_ASSIGN(const auto table, KeyTable({path.database, path.table}, "DELETE"));
    auto report = Erase(table, query);
    EndStatement();
    return report;
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto databases = connection_->Call(wire::ListDatabasesRequest{});
    if (databases) names = databases->database_name;
    const auto tables = connection_->Call(wire::ListTablesRequest{database_});
    if (tables) names.insert(names.end(), tables->table_name.begin(), tables->table_name.end());
    return names;
  }

  Status UseDatabase(const std::string& name) {
    STROM_ASSIGN(const auto exists, connection_->Call(wire::DatabaseExistsRequest{name}));
    if (!exists.exists)
      return Err(ErrorCode::kDatabaseNotExist, "database {} does not exist", name);
    database_ = name;
    return {};
  }
  const std::string& database() const { return database_; }
  /// From a signal's handler.
  void Interrupt() {
    stop_ = true;
    engine_->Interrupt();
  }

 private:
  model::TablePath PathOf(const TableName& name) const {
    return {name.database.empty() ? database_ : name.database, name.table};
  }
  static StatementReport Said(std::string message) {
    StatementReport report;
    report.message = std::move(message);
    return report;
  }

  static StatementReport List(const std::vector<std::string>& columns,
                              const std::vector<std::vector<std::string>>& rows, RowSink& sink) {
    std::vector<ResultColumn> header;
    for (const std::string& column : columns) header.push_back({column, "VARCHAR", false});
    sink.Begin(header);
    for (const auto& row : rows) {
      std::vector<Cell> cells;
      for (const std::string& text : row) cells.push_back(TextCell(text));
      sink.Row(cells);
    }
    sink.End();
    StatementReport report;
    report.has_rows = true;
    report.rows = static_cast<int64_t>(rows.size());
    return report;
  }

  Result<StatementReport> Do(const CreateDatabase& s, RowSink&) {
    STROM_TRY(connection_->Call(wire::CreateDatabaseRequest{
        s.name, s.if_not_exists, SharedBytes::Own(model::DatabaseToJson(s.descriptor))}));
    return Said("database " + s.name + " created");
  }
  Result<StatementReport> Do(const DropDatabase& s, RowSink&) {
    STROM_TRY(connection_->Call(wire::DropDatabaseRequest{s.name, s.if_exists, s.cascade}));
    return Said("database " + s.name + " dropped");
  }
  Result<StatementReport> Do(const CreateTable& s, RowSink&) {
    model::TableDescriptor descriptor = s.descriptor;
    STROM_TRY(model::CompleteKeys(descriptor));
    wire::CreateTableRequest request;
    request.table_path = client::ToWire(PathOf(s.name));
    request.table_json = SharedBytes::Own(model::DescriptorToJson(descriptor));
    request.ignore_if_exists = s.if_not_exists;
    STROM_TRY(connection_->Call(request));
    return Said("table " + PathOf(s.name).ToString() + " created");
  }
  Result<StatementReport> Do(const DropTable& s, RowSink&) {
    STROM_TRY(
        connection_->Call(wire::DropTableRequest{client::ToWire(PathOf(s.name)), s.if_exists}));
    return Said("table " + PathOf(s.name).ToString() + " dropped; a lake table of it is kept");
  }
  Result<StatementReport> Do(const AlterOptions& s, RowSink&) {
    wire::AlterTableRequest request;
    request.table_path = client::ToWire(PathOf(s.name));
    for (const auto& [key, value] : s.changes)
      request.config_changes.push_back({key, value, value ? 0 : 1});
    STROM_TRY(connection_->Call(request));
    return Said("table " + PathOf(s.name).ToString() + " altered");
  }
  Result<StatementReport> Do(const AddColumns& s, RowSink&) {
    wire::AlterTableRequest request;
    request.table_path = client::ToWire(PathOf(s.name));
    for (const model::Column& column : s.columns) {
      wire::PbAddColumn& add = request.add_columns.emplace_back();
      add.column_name = column.name;
      add.data_type_json = SharedBytes::Own(model::DataTypeToJson(column.type));
      add.comment = column.comment;
    }
    STROM_TRY(connection_->Call(request));
    return Said("table " + PathOf(s.name).ToString() + " altered");
  }
  Result<StatementReport> Do(const AlterPartition& s, RowSink&) {
    wire::PbPartitionSpec spec;
    for (const auto& [key, value] : s.spec) spec.partition_key_values.push_back({key, value});
    if (s.add) {
      STROM_TRY(connection_->Call(
          wire::CreatePartitionRequest{client::ToWire(PathOf(s.name)), spec, s.if_exists}));
      return Said("partition added");
    }
    STROM_TRY(connection_->Call(
        wire::DropPartitionRequest{client::ToWire(PathOf(s.name)), spec, s.if_exists}));
    return Said("partition dropped");
  }

  Result<StatementReport> Do(const Show& s, RowSink& sink) {
    std::vector<std::vector<std::string>> rows;
    switch (s.what) {
      case Show::What::kCatalogs:
        for (const std::string& name : catalogs_) rows.push_back({name});
        return List({"catalog name"}, rows, sink);
      case Show::What::kCurrentCatalog: return List({"current catalog name"}, {{catalog_}}, sink);
      case Show::What::kCurrentDatabase:
        return List({"current database name"}, {{database_}}, sink);
      case Show::What::kDatabases: {
        STROM_ASSIGN(const auto response, connection_->Call(wire::ListDatabasesRequest{}));
        for (const std::string& name : response.database_name) rows.push_back({name});
        return List({"database name"}, rows, sink);
      }
      case Show::What::kTables: {
        STROM_ASSIGN(const auto response,
                     connection_->Call(wire::ListTablesRequest{
                         s.name.database.empty() ? database_ : s.name.database}));
        for (const std::string& name : response.table_name) rows.push_back({name});
        return List({"table name"}, rows, sink);
      }
      case Show::What::kPartitions: {
        STROM_ASSIGN(const auto table, connection_->GetTable(PathOf(s.name)));
        const std::vector<std::string>& keys = table->info.descriptor.partition_keys;
        if (keys.empty())
          return Err(ErrorCode::kTableNotPartitioned, "table {} is not partitioned",
                     table->info.path.ToString());
        for (const auto& [name, id] : table->partitions) {
          STROM_ASSIGN(const auto values, model::PartitionValues(name, keys.size()));
          std::vector<std::string> parts;
          for (size_t i = 0; i < keys.size(); ++i) parts.push_back(keys[i] + "=" + values[i]);
          rows.push_back({Join(parts, "/")});
        }
        return List({"partition name"}, rows, sink);
      }
      case Show::What::kCreateTable: {
        STROM_ASSIGN(const auto table, connection_->GetTable(PathOf(s.name)));
        return List({"result"}, {{ToCreateTable(table->info.path, table->info.descriptor)}}, sink);
      }
    }
    return Said("");
  }

  Result<StatementReport> Do(const Describe& s, RowSink& sink) {
    STROM_ASSIGN(const auto table, connection_->GetTable(PathOf(s.name)));
    const model::TableDescriptor& descriptor = table->info.descriptor;
    std::vector<std::vector<std::string>> rows;
    const auto contains = [](const std::vector<std::string>& names, const std::string& name) {
      return std::ranges::find(names, name) != names.end();
    };
    for (const model::Column& column : descriptor.schema.columns) {
      model::DataType bare = column.type;
      bare.nullable = true;
      std::vector<std::string> keys;
      if (contains(descriptor.schema.primary_key, column.name)) keys.push_back("PRI");
      if (contains(descriptor.bucket_keys, column.name)) keys.push_back("BUCKET");
      if (contains(descriptor.partition_keys, column.name)) keys.push_back("PARTITION");
      rows.push_back({column.name, bare.ToString(), column.type.nullable ? "TRUE" : "FALSE",
                      Join(keys, ", "), column.comment.value_or("")});
    }
    return List({"name", "type", "null", "key", "comment"}, rows, sink);
  }

  /// A session speaks to one cluster; a catalog is a name for it.
  Result<StatementReport> Do(const CreateCatalog& s, RowSink&) {
    const auto option = [&](const char* key) {
      const auto it = s.options.find(key);
      return it == s.options.end() ? std::string() : it->second;
    };
    if (ToLower(option("type")) != "fluss") {
      return Err(ErrorCode::kUnsupported,
                 "a catalog of the type '{}' is not supported; 'type' = 'fluss' is",
                 option("type"));
    }
    if (const std::string servers = option("bootstrap.servers");
        servers != connection_->cluster().bootstrap) {
      return Err(ErrorCode::kUnsupported,
                 "bootstrap.servers '{}' is another cluster than this session's '{}'; start strom "
                 "sql --bootstrap {}",
                 servers, connection_->cluster().bootstrap, servers);
    }
    if (!catalogs_.insert(s.name).second)
      return Err(ErrorCode::kInvalidArgument, "catalog {} exists already", s.name);
    return Said("catalog " + s.name + " is this cluster");
  }
  Result<StatementReport> Do(const UseCatalog& s, RowSink&) {
    if (!catalogs_.contains(s.name))
      return Err(ErrorCode::kNotFound, "catalog {} does not exist", s.name);
    catalog_ = s.name;
    return Said("catalog is now " + catalog_);
  }

  Result<StatementReport> Do(const sql::Use& s, RowSink&) {
    STROM_TRY(UseDatabase(s.database));
    return Said("database is now " + database_);
  }

  Result<StatementReport> Do(const Set& s, RowSink&) {
    if (confined_)
      return Err(ErrorCode::kUnsupported, "settings of a session that ends with this statement");
    if (s.key == "execution.runtime-mode") {
      const std::string mode = s.value.value_or("batch");
      if (mode != "batch" && mode != "streaming") {
        return Err(ErrorCode::kInvalidArgument,
                   "execution.runtime-mode '{}': there are batch and streaming", mode);
      }
      streaming_ = mode == "streaming";
      return Said(streaming_ ? "streaming mode: a SELECT follows its table until it is interrupted"
                             : "batch mode");
    }
    if (s.key == "sql.keys-from-lake.min-rows") {
      STROM_ASSIGN(const int64_t rows,
                   model::ParseInteger(s.value.value_or(std::to_string(Faces::kKeysFromLakeFrom)),
                                       0, INT64_MAX));
      faces_.ReadKeysFromLakeFrom(rows);
      return Said(fmt::format("key tables with {} rows in the lake are read from there", rows));
    }
    if (s.key.starts_with("sql-client."))
      return Said("ignored: " + s.key + " is a matter of Flink's own client");
    return Err(ErrorCode::kUnsupported, "unknown setting '{}'; DuckDB's own are set without quotes",
               s.key);
  }

  Result<StatementReport> Do(const Insert& s, RowSink&) {
    STROM_ASSIGN(const auto table, connection_->GetTable(PathOf(s.name)));
    const model::Schema& schema = table->info.descriptor.schema;
    for (const std::string& name : s.columns) {
      if (schema.Find(name) < 0)
        return Err(ErrorCode::kInvalidArgument, "table {} has no column '{}'",
                   table->info.path.ToString(), name);
    }
    std::vector<std::string> given = s.columns;
    if (given.empty()) {
      for (const model::Column& column : schema.columns) given.push_back(column.name);
    }
    if (streaming_ && ReadsStream(s.source, Faces::IsStreamSource)) {
      Pipeline pipeline(*connection_, table, std::move(given));
      STROM_TRY(pipeline.Open());
      return Follow(s.source, pipeline);
    }
    std::vector<std::string> names;
    for (const std::string& name : given) names.push_back(QuoteName(name));
    return Write(
        table, InsertOptions(table->info.descriptor, given),
        CastRows(schema, given) + " FROM (" + s.source + ") AS source(" + Join(names, ", ") + ")",
        "inserted into");
  }

  Result<StatementReport> Do(const Update& s, RowSink&) {
    STROM_ASSIGN(const auto table, KeyTable(s.name, "UPDATE"));
    const model::Schema& schema = table->info.descriptor.schema;
    std::map<std::string, std::string> values;  // by column
    for (const auto& [column, value] : s.assignments) {
      if (schema.Find(column) < 0)
        return Err(ErrorCode::kInvalidArgument, "table {} has no column '{}'",
                   table->info.path.ToString(), column);
      if (schema.IsKey(column))
        return Err(ErrorCode::kUnsupported,
                   "'{}' is part of the primary key and cannot be changed; delete the row and "
                   "insert another",
                   column);
      if (!values.emplace(column, value).second)
        return Err(ErrorCode::kInvalidArgument, "column '{}' is set twice", column);
    }
    // Only what changes is written, so that other writers' columns stay theirs, unless the table
    // takes whole rows only.
    const bool in_part = std::ranges::all_of(schema.columns, [&](const model::Column& column) {
      return column.type.nullable || schema.IsKey(column.name);
    });
    std::vector<std::string> given;
    std::vector<std::string> selected;
    for (const model::Column& column : schema.columns) {
      const auto it = values.find(column.name);
      const bool is_key = schema.IsKey(column.name);
      if (in_part && !is_key && it == values.end()) continue;
      given.push_back(column.name);
      selected.push_back((it == values.end() ? QuoteName(column.name) : "(" + it->second + ")") +
                         " AS " + QuoteName(column.name));
    }
    client::TableWriter::Options options;
    if (in_part) options.target_columns = SortedPositions(schema, given);
    return Write(table, std::move(options),
                 CastRows(schema, given) + " FROM (SELECT " + Join(selected, ", ") +
                     Source(table->info.path, s.where) + ") AS source",
                 "updated in");
  }

  Result<StatementReport> Do(const Delete& s, RowSink&) {
    STROM_ASSIGN(const auto table, KeyTable(s.name, "DELETE"));
    std::vector<std::string> keys;
    for (const std::string& name : table->info.descriptor.schema.primary_key)
      keys.push_back(QuoteName(name));
    return Erase(table, "SELECT " + Join(keys, ", ") + Source(table->info.path, s.where));
  }

  /// Removes the keys that a query gives.
  Result<StatementReport> Erase(const std::shared_ptr<const client::Table>& table,
                                const std::string& query) {
    const model::Schema& schema = table->info.descriptor.schema;
    client::TableWriter::Options options;
    options.deletes = true;
    return Write(table, std::move(options),
                 CastRows(schema, schema.primary_key) + " FROM (" + query + ") AS source",
                 "deleted from");
  }

  Result<std::shared_ptr<const client::Table>> KeyTable(const TableName& name, const char* verb) {
    STROM_ASSIGN(auto table, connection_->GetTable(PathOf(name)));
    if (!table->info.descriptor.has_primary_key()) {
      return Err(ErrorCode::kUnsupported,
                 "{} needs a table with a primary key; rows of {} can only be appended", verb,
                 table->info.path.ToString());
    }
    return table;
  }

  static std::string Source(const model::TablePath& path, const std::string& where) {
    return " FROM " + QuoteName(path.database) + "." + QuoteName(path.table) +
           (where.empty() ? "" : " WHERE " + where);
  }

  /// Writes the rows of a query that has the table's columns.
  Result<StatementReport> Write(const std::shared_ptr<const client::Table>& table,
                                client::TableWriter::Options options, const std::string& query,
                                const char* done) {
    STROM_ASSIGN(const auto writer, RowWriter::Open(*connection_, table, std::move(options)));
    STROM_TRY(engine_->RunToArrow(query, [&](const std::shared_ptr<arrow::RecordBatch>& batch) {
      return writer->Write(*batch);
    }));
    STROM_TRY(writer->Flush());
    StatementReport report = Said(fmt::format("{} rows {} {}", writer->rows_acknowledged(), done,
                                              table->info.path.ToString()));
    report.rows = writer->rows_acknowledged();
    report.scans = faces_.TakeReports();
    return report;
  }

  /// Lets `target` take what a stream gives, until it is interrupted or done.
  Result<StatementReport> Follow(const std::string& query, StreamTarget& target) {
    stop_ = false;
    STROM_TRY(StreamQuery({*connection_, *engine_, faces_, scans_, stop_}).Run(query, target));
    StatementReport report = Said(fmt::format("{} rows", target.rows()));
    report.rows = target.rows();
    report.interrupted = stop_;
    return report;
  }

  Result<StatementReport> Do(const Query& s, RowSink& sink) {
    // Retention may cut the log between planning and reading; by then the lake has those rows, so a
    // new plan finds them.
    constexpr int kTries = 3;
    faces_.Begin(s.equal);
    const std::string first = FirstWord(s.text);
    if (streaming_ && (first == "SELECT" || first == "WITH" || first == "FROM")) {
      StreamOutput output(sink);
      auto report = Follow(s.text, output);
      if (report) report->has_rows = true;
      return report;
    }
    StatementReport report;
    report.explains = ToUpper(s.text.substr(0, 7)) == "EXPLAIN";
    RowGroupCount* const count = report.explains ? &report.lake : nullptr;
    auto rows = engine_->Run(s.text, sink, count);
    for (int i = 1; i < kTries && !rows && rows.error().code == ErrorCode::kLogOffsetOutOfRange;
         ++i) {
      (void)faces_.TakeReports();
      rows = engine_->Run(s.text, sink, count);
    }
    report.scans = faces_.TakeReports();
    if (!rows) return std::unexpected(rows.error());
    if (report.explains && scans_.log_bytes() > 0) report.stream_bytes = scans_.log_bytes();
    report.has_rows = *rows >= 0;
    report.rows = std::max<int64_t>(*rows, 0);
    return report;
  }

  std::unique_ptr<client::Connection> connection_;
  Scans scans_;
  Faces faces_;
  std::unique_ptr<Engine> engine_;
  std::string database_ = "fluss";
  std::set<std::string> catalogs_ = {"fluss_catalog"};
  std::string catalog_ = "fluss_catalog";
  bool streaming_ = false;
  bool confined_ = false;
  std::atomic<bool> stop_ = false;
};

Session::Session(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::Open(const client::Cluster& cluster,
                                               const std::optional<Confinement>& confinement) {
  STROM_ASSIGN(auto connection, client::Connection::Open(cluster));
  auto inner = std::make_unique<Inner>(std::move(connection));
  STROM_TRY(inner->Start(confinement));
  return std::unique_ptr<Session>(new Session(std::move(inner)));
}

Result<StatementReport> Session::Run(const std::string& statement, RowSink& sink) {
  return inner_->Run(statement, sink);
}
Result<StatementReport> Session::RunToArrow(const std::string& statement, const OnBatch& on_batch) {
  return inner_->RunToArrow(statement, on_batch);
}
Result<StatementReport> Session::DeleteKeys(const model::TablePath& table,
                                            const std::string& query) {
  return inner_->DeleteKeys(table, query);
}
Status Session::Use(const std::string& database) {
  return inner_->UseDatabase(database);
}
std::vector<std::string> Session::Names() {
  return inner_->Names();
}
const std::string& Session::current_database() const {
  return inner_->database();
}
void Session::Interrupt() {
  inner_->Interrupt();
}

}  // namespace strom::sql
