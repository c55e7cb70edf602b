#include <sqlite3.h>

#include "base/uuid.h"
#include "lake/iceberg/catalogs/metadata_files_internal.h"
#include "lake/preflight.h"
#include "model/duration.h"

// The tables of Iceberg's JdbcCatalog, schema version V0, which pyiceberg's SqlCatalog has too.

namespace strom::lake::iceberg {
namespace {

constexpr int kBusyMs = 10'000;
constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL, "
    "table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, metadata_location "
    "VARCHAR(1000), previous_metadata_location VARCHAR(1000), PRIMARY KEY (catalog_name, "
    "table_namespace, table_name))";
constexpr const char* kNamespaces =
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, "
    "namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, property_value "
    "VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key))";

/// A SQLite database. One caller at a time; other processes may use the file meanwhile.
class Database {
 public:
  static Result<std::shared_ptr<Database>> Open(const std::string& path) {
    sqlite3* handle = nullptr;
    const int code =
        sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    std::shared_ptr<Database> database(new Database(path, handle));
    if (code != SQLITE_OK) return database->Fault();
    sqlite3_busy_timeout(handle, kBusyMs);
    return database;
  }
  ~Database() { sqlite3_close(handle_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  struct Answer {
    std::vector<std::string> row;  // the first one; null is empty
    bool found = false;
    int64_t changed = 0;
  };
  /// Runs one statement with `values` for its question marks. Errors: kAlreadyExists (a key is
  /// there), kIo.
  Result<Answer> Run(const std::string& statement, const std::vector<std::string>& values = {}) {
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(handle_, statement.c_str(), -1, &prepared, nullptr) != SQLITE_OK)
      return Fault();
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> guard(prepared, sqlite3_finalize);
    for (size_t i = 0; i < values.size(); ++i) {
      sqlite3_bind_text64(prepared, static_cast<int>(i) + 1, values[i].data(), values[i].size(),
                          nullptr, SQLITE_UTF8);
    }
    Answer answer;
    int code = sqlite3_step(prepared);
    if (code == SQLITE_ROW) {
      answer.found = true;
      for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
        const void* const text = sqlite3_column_blob(prepared, i);
        const auto size = static_cast<size_t>(sqlite3_column_bytes(prepared, i));
        answer.row.emplace_back(text == nullptr ? "" : static_cast<const char*>(text), size);
      }
      code = SQLITE_DONE;
    }
    if (code == SQLITE_CONSTRAINT)
      return Err(ErrorCode::kAlreadyExists, "{}: {}", path_, sqlite3_errmsg(handle_));
    if (code != SQLITE_DONE) return Fault();
    answer.changed = sqlite3_changes64(handle_);
    return answer;
  }

 private:
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  std::unexpected<Error> Fault() const {
    return Err(ErrorCode::kIo, "the catalog database {}: {}", path_, sqlite3_errmsg(handle_));
  }

  const std::string path_;
  sqlite3* const handle_;
};

/// The number in "00012-<uuid>.metadata.json"; -1 for other names.
int64_t VersionIn(const std::string& path) {
  const size_t from = path.rfind('/') + 1;
  const size_t dash = path.find('-', from);
  if (dash == std::string::npos) return -1;
  return model::ParseInteger(path.substr(from, dash - from), 0, INT64_MAX).value_or(-1);
}

class SqlVersions final : public TableVersions {
 public:
  SqlVersions(io::FileSystem& files, std::shared_ptr<Database> database, std::string catalog,
              model::TablePath path)
      : files_(files),
        database_(std::move(database)),
        key_{std::move(catalog), std::move(path.database), std::move(path.table)} {}

  Result<std::optional<Version>> Load() override {
    STROM_ASSIGN(const auto answer,
                 database_->Run("SELECT metadata_location FROM iceberg_tables WHERE catalog_name = "
                                "? AND table_namespace = ? AND table_name = ?",
                                key_));
    if (!answer.found) return std::nullopt;
    STROM_ASSIGN(Version version, ReadVersion(files_, answer.row[0]));
    return version;
  }

  Status Create(const TableMetadata& first) override {
    STROM_ASSIGN(const std::string path, Write(first, 0));
    std::vector<std::string> values = key_;
    values.push_back(path);
    const auto done = database_->Run(
        "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) "
        "VALUES (?, ?, ?, ?)",
        values);
    if (done) return {};
    if (done.error().code == ErrorCode::kAlreadyExists) Remove(path);
    return std::unexpected(done.error());
  }

  Status Commit(const Version& base, const MetadataChange& change) override {
    STROM_ASSIGN(const TableMetadata next,
                 base.metadata.With(change, base.path, SystemClock().Now()));
    STROM_ASSIGN(const std::string path, Write(next, VersionIn(base.path) + 1));
    std::vector<std::string> values{path, base.path};
    values.insert(values.end(), key_.begin(), key_.end());
    values.push_back(base.path);
    const auto done = database_->Run(
        "UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? WHERE "
        "catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?",
        values);
    if (!done) return Err(ErrorCode::kOutcomeUnknown, "{}", done.error().message);
    if (done->changed == 0) {
      Remove(path);
      return Err(ErrorCode::kAlreadyExists, "{}: somebody else committed first",
                 base.metadata.location());
    }
    RemoveForgotten(files_, base.metadata, next);
    return {};
  }

 private:
  Result<std::string> Write(const TableMetadata& metadata, int64_t number) {
    std::string path =
        fmt::format("{}/metadata/{:05}-{}.metadata.json", metadata.location(), number, NewUuid());
    STROM_ASSIGN(const std::string local, io::LocalPath(path));
    STROM_TRY(files_.MakeDirectories(io::ParentOf(local)));
    STROM_TRY(io::CreateFileExclusively(files_, local, metadata.document()));
    return path;
  }
  void Remove(const std::string& path) {
    if (const auto local = io::LocalPath(path)) (void)files_.Remove(*local);
  }

  io::FileSystem& files_;
  const std::shared_ptr<Database> database_;
  const std::vector<std::string> key_;  // catalog, namespace, table
};

class SqlCatalog final : public VersionCatalog {
 public:
  SqlCatalog(io::FileSystem& files, std::shared_ptr<Database> database, std::string name,
             std::string warehouse)
      : files_(files),
        database_(std::move(database)),
        name_(std::move(name)),
        warehouse_(std::move(warehouse)) {}

  std::shared_ptr<TableVersions> VersionsOf(const model::TablePath& path) override {
    return std::make_shared<SqlVersions>(files_, database_, name_, path);
  }
  Status MakeNamespace(const std::string& database) override {
    STROM_TRY(database_->Run(
        "INSERT OR IGNORE INTO iceberg_namespace_properties (catalog_name, namespace, "
        "property_key, property_value) VALUES (?, ?, 'exists', 'true')",
        {name_, database}));
    return {};
  }
  std::string LocationOf(const model::TablePath& path) const override {
    return fmt::format("{}/{}/{}", warehouse_, path.database, path.table);
  }
  std::vector<Check> Preflight() override {
    std::vector<Check> checks = CheckWarehouse(files_, warehouse_);
    const auto begun = database_->Run("BEGIN IMMEDIATE");  // takes the right to write
    if (begun) (void)database_->Run("ROLLBACK");
    checks.push_back({"catalog writable", begun.has_value(), begun ? "" : begun.error().message});
    return checks;
  }

 private:
  io::FileSystem& files_;
  const std::shared_ptr<Database> database_;
  const std::string name_;
  const std::string warehouse_;
};

}  // namespace

Result<std::unique_ptr<VersionCatalog>> OpenSqlCatalog(io::FileSystem& files,
                                                       const CatalogOptions& options) {
  const auto given = [&](const char* key) {
    const auto it = options.find(key);
    return it == options.end() ? std::string() : it->second;
  };
  const std::string uri = given("uri");
  constexpr std::string_view kScheme = "jdbc:sqlite:";
  if (uri.empty()) {
    return Err(ErrorCode::kInvalidConfig,
               "datalake.iceberg.uri is not set; a SQL catalog is at jdbc:sqlite:PATH");
  }
  if (!uri.starts_with(kScheme)) {
    return Err(ErrorCode::kUnsupported,
               "datalake.iceberg.uri '{}': only jdbc:sqlite:PATH is supported by this version",
               uri);
  }
  std::string warehouse = given("warehouse");
  while (warehouse.size() > 1 && warehouse.ends_with('/')) warehouse.pop_back();
  if (warehouse.empty())
    return Err(ErrorCode::kInvalidConfig, "datalake.iceberg.warehouse is not set");
  STROM_TRY(io::LocalPath(warehouse));
  STROM_ASSIGN(const std::string path, io::LocalPath(uri.substr(kScheme.size())));
  STROM_TRY(files.MakeDirectories(io::ParentOf(path)));
  STROM_ASSIGN(const auto database, Database::Open(path));
  for (const char* statement : {kTables, kNamespaces}) STROM_TRY(database->Run(statement));
  const std::string name = given("name").empty() ? "iceberg" : given("name");
  return std::make_unique<SqlCatalog>(files, database, name, std::move(warehouse));
}

}  // namespace strom::lake::iceberg
