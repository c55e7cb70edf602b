#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include <poll.h>
#include <unistd.h>

#include "base/text.h"
#include "base/uuid.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/result_printer.h"
#include "client/connection.h"
#include "sql/engine_types.h"
#include "sql/lexer.h"
#include "sql/session.h"

namespace strom::cli {
namespace {

constexpr const char* kReadHelp = R"(strom read: the rows of a table, or its changes

  strom read TABLE [-f]

  -f, --follow                go on with what comes, until interrupted; rows have their kind in `op`
  --from full|earliest|latest|TIME   where to begin (full: lake and log; TIME: milliseconds since
                              1970, or 'YYYY-MM-DD hh:mm:ss' UTC)
  --changelog, --binlog       what happened to the rows, one row a change
  --columns A,B  --where CONDITION  --limit N
  --bootstrap HOST:PORT, --database NAME, -o table|json|ndjson|csv (ndjson)
)";
constexpr const char* kWriteHelp =
    R"(strom write: rows of a file, or of the standard input as they come, into a table

  strom write TABLE [FILE]

  --format jsonl|csv|parquet  by default what the file's name ends with, else jsonl; csv has a
                              line of names; parquet is read from a FILE
  --upsert                    rows with a key that is there take its place (what a table of keys
                              does anyway; another table refuses it)
  --partial A,B               only these columns, the primary key among them: the others keep
                              their values
  --delete                    the rows are keys that go
  --bootstrap HOST:PORT, --database NAME
)";
constexpr const char* kLookupHelp = R"(strom lookup: the row with a key

  strom lookup TABLE VALUE...          the values of the primary key, in its order
  strom lookup TABLE --prefix VALUE... rows whose key begins with these values
  --bootstrap HOST:PORT, --database NAME, -o table|json|ndjson|csv
  Exit code 3: there is no such row.
)";

/// What the verbs of rows have in common.
struct Target {
  std::unique_ptr<client::Connection> connection;
  std::unique_ptr<sql::Session> session;
  std::shared_ptr<const client::Table> table;
  std::string name;  // for statements

  const model::TableDescriptor& descriptor() const { return table->info.descriptor; }
  const model::Schema& schema() const { return descriptor().schema; }
};

Result<Target> OpenTarget(const Arguments& arguments, const std::string& table) {
  const size_t dot = table.find('.');
  const model::TablePath path = dot == std::string::npos
                                    ? model::TablePath{arguments.Get("--database", "fluss"), table}
                                    : model::TablePath{table.substr(0, dot), table.substr(dot + 1)};
  const std::string bootstrap = arguments.Get("--bootstrap", "127.0.0.1:9123");
  Target target;
  STROM_ASSIGN(target.connection, client::Connection::Open(bootstrap));
  STROM_ASSIGN(target.session, sql::Session::Open(bootstrap));
  STROM_ASSIGN(target.table, target.connection->GetTable(path));
  target.name = sql::QuoteName(path.database) + "." + sql::QuoteName(path.table);
  return target;
}

/// The quoted names of some of the table's columns. Errors: kInvalidArgument.
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

/// Drops what a statement without rows says.
class NoRows final : public sql::RowSink {
 public:
  void Begin(const std::vector<sql::ResultColumn>&) override {}
  void Row(const std::vector<sql::Cell>&) override {}
  void End() override {}
};

/// Passes rows on and counts them.
class Counted final : public sql::RowSink {
 public:
  explicit Counted(sql::RowSink& sink) : sink_(sink) {}
  void Begin(const std::vector<sql::ResultColumn>& columns) override { sink_.Begin(columns); }
  void Row(const std::vector<sql::Cell>& cells) override {
    sink_.Row(cells);
    ++rows_;
  }
  void End() override { sink_.End(); }
  bool Flush() override { return sink_.Flush(); }
  int64_t rows() const { return rows_; }

 private:
  sql::RowSink& sink_;
  int64_t rows_ = 0;
};

/// Runs a statement; its error is told. The exit code.
int Run(sql::Session& session, const std::string& statement, sql::RowSink& sink) {
  const auto report = session.Run(statement, sink);
  if (!report) return Report(report.error());
  for (const sql::ScanReport& scan : report->scans) {
    if (scan.note) std::fprintf(stderr, "warning[LAKE_EMPTY_YET]: %s\n", scan.note->c_str());
  }
  return report->interrupted ? kInterrupted : kDone;
}

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
      {"--bootstrap", "--database", "-o", "--from", "--columns", "--where", "--limit"});
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
    const int code = Run(*target->session, "SET 'execution.runtime-mode' = 'streaming'", nothing);
    if (code != kDone) return code;
  }
  return Run(*target->session, *query, **printer);
}

namespace {

/// Input in pieces of whole rows, each in a file of its own: as much as is there, so that rows that
/// come slowly are written as they come, and memory has a bound.
class Pieces {
 public:
  explicit Pieces(bool csv) : csv_(csv) {}
  ~Pieces() { std::filesystem::remove(path_); }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  /// The file of the next piece; nothing at the end of the input. Errors: kIo, kInvalidArgument
  /// (the input ends within a row, or a row is too long).
  Result<std::optional<std::string>> Next() {
    while (true) {
      const size_t end = EndOfRows();
      const bool enough = end >= kPieceBytes || (end > 0 && (ended_ || !MoreIsThere()));
      if (enough || (ended_ && !pending_.empty())) return Cut(ended_ ? pending_.size() : end);
      if (ended_) return std::nullopt;
      if (pending_.size() > kLongestRow)
        return Err(ErrorCode::kInvalidArgument, "a row of the input is longer than {} bytes",
                   kLongestRow);
      STROM_TRY(ReadSome());
    }
  }

 private:
  static constexpr size_t kPieceBytes = 16 << 20;
  static constexpr size_t kLongestRow = 256 << 20;

  /// Whether input waits, or comes within a moment.
  static bool MoreIsThere() {
    constexpr int kMomentMs = 20;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return ::poll(&input, 1, kMomentMs) > 0;
  }

  Status ReadSome() {
    const size_t before = pending_.size();
    constexpr size_t kStep = 1 << 20;
    pending_.resize(before + kStep);
    const ssize_t got = ::read(STDIN_FILENO, pending_.data() + before, kStep);
    pending_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno != EINTR)
      return Err(ErrorCode::kIo, "cannot read the input: {}", std::strerror(errno));
    if (got == 0) ended_ = true;
    return {};
  }

  /// Behind the last whole row: of csv, a line's end within quotes is a part of a value.
  size_t EndOfRows() {
    for (; seen_ < pending_.size(); ++seen_) {
      if (csv_ && pending_[seen_] == '"') quoted_ = !quoted_;
      if (pending_[seen_] == '\n' && !quoted_) whole_ = seen_ + 1;
    }
    if (csv_ && !header_ && whole_ > 0) {
      const size_t line = pending_.find('\n') + 1;
      header_ = pending_.substr(0, line);
      pending_.erase(0, line);
      seen_ -= line;
      whole_ -= line;
    }
    return whole_;
  }

  Result<std::optional<std::string>> Cut(size_t end) {
    if (csv_ && !header_) header_ = "";  // a line of names and nothing else, or less
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    // Rows are nobody else's business.
    std::error_code ignored;
    std::filesystem::permissions(
        path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
    if (csv_) file << *header_;
    file.write(pending_.data(), static_cast<std::streamsize>(end));
    file.close();
    if (!file) return Err(ErrorCode::kIo, "cannot write {}", path_);
    pending_.erase(0, end);
    seen_ = whole_ = 0;
    return path_;
  }

  const bool csv_;
  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("strom-write-" + NewUuid())).string();
  std::string pending_;
  std::optional<std::string> header_;  // of csv: its first line
  size_t seen_ = 0;
  size_t whole_ = 0;
  bool quoted_ = false;
  bool ended_ = false;
};

/// Keeps the first column of a result.
class FirstColumn final : public sql::RowSink {
 public:
  void Begin(const std::vector<sql::ResultColumn>&) override {}
  void Row(const std::vector<sql::Cell>& cells) override { texts.push_back(cells.at(0).text); }
  void End() override {}
  std::vector<std::string> texts;
};

bool IsInteger(const model::DataType& type) {
  return type.root == model::TypeRoot::kTinyInt || type.root == model::TypeRoot::kSmallInt ||
         type.root == model::TypeRoot::kInt || type.root == model::TypeRoot::kBigInt;
}

class Writer {
 public:
  Writer(Target& target, std::string format, std::vector<std::string> partial, bool deletes)
      : target_(target),
        format_(std::move(format)),
        partial_(std::move(partial)),
        deletes_(deletes) {}

  /// Writes the rows of one file. `own`: a piece of what came by the standard input.
  Status Write(const std::string& path, bool own) {
    const Status written = WriteRows(path);
    if (written) return {};
    // Who reads the error knows neither our files nor the engine's settings.
    std::string message = written.error().message;
    if (const size_t advice = message.find("\nTry setting"); advice != std::string::npos)
      message.resize(advice);
    if (message.starts_with("Error when sniffing")) {
      return Err(written.error().code,
                 "{}: not all rows have as many values as the line of names, or a quote is not "
                 "closed",
                 own ? "this piece of the input" : path);
    }
    const std::string file = "file \"" + path + "\"";
    if (const size_t at = message.find(file); own && at != std::string::npos)
      message.replace(at, file.size(), "this piece of the input");
    return Err(written.error().code, "{}", message);
  }
  int64_t rows() const { return rows_; }

 private:
  Status WriteRows(const std::string& path) {
    STROM_ASSIGN(const std::vector<std::string> given, NamesIn(path));
    if (given.empty()) return {};  // no row
    STROM_ASSIGN(const std::vector<std::string> columns, Chosen(given));
    const std::string source = "SELECT " + Values(columns) + " FROM " + Relation(path);
    NoRows nothing;
    STROM_ASSIGN(const sql::StatementReport report,
                 deletes_ ? target_.session->DeleteKeys(target_.table->info.path, source)
                          : target_.session->Run("INSERT INTO " + target_.name + " (" +
                                                     Quoted(columns) + ") " + source,
                                                 nothing));
    rows_ += report.rows;
    return {};
  }

  /// What the rows of the file have, by its own names.
  Result<std::vector<std::string>> NamesIn(const std::string& path) {
    const std::string file = sql::QuoteText(path);
    const std::string query =
        format_ == "jsonl"
            ? "SELECT DISTINCT unnest(CASE json_type(json) WHEN 'OBJECT' THEN json_keys(json) ELSE "
              "error('a row is one JSON object a line, and this is none: ' || left(json::VARCHAR, "
              "60)) END) FROM read_json_objects(" +
                  file + ", format = 'newline_delimited')"
            : "SELECT column_name FROM (DESCRIBE SELECT * FROM " + Relation(path) + ")";
    FirstColumn names;
    STROM_TRY(target_.session->Run(query, names));
    std::ranges::sort(names.texts);
    for (const std::string& name : names.texts) {
      if (target_.schema().Find(name) < 0) {
        return Err(ErrorCode::kInvalidArgument,
                   "the rows have '{}', which is no column of table {}; nothing of this piece was "
                   "written",
                   name, target_.table->info.path.ToString());
      }
    }
    return std::move(names.texts);
  }

  /// The columns that are written.
  Result<std::vector<std::string>> Chosen(const std::vector<std::string>& given) const {
    const auto has = [](const std::vector<std::string>& names, const std::string& name) {
      return std::ranges::find(names, name) != names.end();
    };
    std::vector<std::string> columns;
    if (deletes_) {
      columns = target_.schema().primary_key;
    } else if (!partial_.empty()) {
      columns = partial_;
    } else {
      for (const model::Column& column : target_.schema().columns) columns.push_back(column.name);
    }
    for (const std::string& name : columns) {
      // In JSON a member that is null may be left out.
      const auto& column =
          target_.schema().columns[static_cast<size_t>(target_.schema().Find(name))];
      if (has(given, name) || (format_ == "jsonl" && column.type.nullable)) continue;
      return Err(ErrorCode::kInvalidArgument, "the rows lack the column '{}'{}", name,
                 target_.descriptor().has_primary_key() && !deletes_
                     ? "; to write some columns alone name them with --partial"
                     : "");
    }
    return columns;
  }

  const model::DataType& TypeOf(const std::string& column) const {
    return target_.schema().columns[static_cast<size_t>(target_.schema().Find(column))].type;
  }

  /// What is read for each column. The engine would round what does not fit, and tell nobody.
  std::string Values(const std::vector<std::string>& columns) const {
    std::vector<std::string> values;
    for (const std::string& column : columns) {
      const std::string name = sql::QuoteName(column);
      const auto check = [&](const std::string& text, const std::string& good, const char* advice) {
        return fmt::format(
            "CASE WHEN {0} THEN {1} ELSE error({2} || coalesce({1}, 'NULL') || {3}) "
            "END AS {4}",
            good, text, sql::QuoteText("column '" + column + "': "), sql::QuoteText(advice), name);
      };
      const model::DataType& type = TypeOf(column);
      if (IsInteger(type)) {
        // Of Parquet files the type decides, before any row is read.
        values.push_back(
            check("CAST(" + name + " AS VARCHAR)",
                  fmt::format("{0} IS NULL OR typeof({0}) LIKE '%INT%' OR "
                              "regexp_full_match(CAST({0} AS VARCHAR), '\\s*[+-]?[0-9]+\\s*')",
                              name),
                  " is no whole number"));
      } else if (format_ == "jsonl" && type.root == model::TypeRoot::kDecimal) {
        // A number with a fraction came through floating point, which has 15 digits for certain.
        const std::string text = "(" + name + " ->> '$')";
        values.push_back(check(text,
                               fmt::format("{0} IS NULL OR json_type({0}) <> 'DOUBLE' OR "
                                           "length(regexp_replace({1}, '[eE].*|[^0-9]', '', 'g')) "
                                           "<= 15",
                                           name, text),
                               " may have lost digits; write numbers of so many as text"));
      } else {
        values.push_back(name);
      }
    }
    return Join(values, ", ");
  }

  std::string Relation(const std::string& path) const {
    const std::string file = sql::QuoteText(path);
    if (format_ == "csv") {
      return "read_csv(" + file +
             R"(, header = true, all_varchar = true, allow_quoted_nulls = false, delim = ',', quote = '"', escape = '"', comment = '', skip = 0))";
    }
    if (format_ == "parquet") return "read_parquet(" + file + ")";
    std::vector<std::string> columns;
    for (const model::Column& column : target_.schema().columns) {
      const std::string type = IsInteger(column.type) ? "VARCHAR"
                               : column.type.root == model::TypeRoot::kDecimal
                                   ? "JSON"
                                   : sql::EngineTypeName(column.type);
      columns.push_back(sql::QuoteText(column.name) + ": " + sql::QuoteText(type));
    }
    return "read_json(" + file + ", format = 'newline_delimited', columns = {" +
           Join(columns, ", ") + "})";
  }

  Target& target_;
  const std::string format_;
  const std::vector<std::string> partial_;
  const bool deletes_;
  int64_t rows_ = 0;
};

/// By what a file is called.
std::string FormatOf(const std::string& file) {
  for (const char* format : {"csv", "parquet"}) {
    if (file.ends_with(std::string(".") + format)) return format;
  }
  return "jsonl";
}

/// One line on standard error that tells how far it is, where somebody looks.
class Progress {
 public:
  void Tell(int64_t rows, bool last) {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    if (!last && (!terminal || now - told_ < std::chrono::milliseconds(200))) return;
    told_ = now;
    std::fprintf(stderr, "%s%lld rows written, %.1f s, %.0f rows/s%s", terminal ? "\r" : "",
                 static_cast<long long>(rows), seconds,
                 static_cast<double>(rows) / std::max(seconds, 0.001), last ? "\n" : "");
  }

 private:
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_;
};

}  // namespace

int RunWrite(const std::vector<std::string>& words) {
  const auto arguments = Arguments::Parse(words, {"--help", "-h", "--delete", "--upsert"},
                                          {"--bootstrap", "--database", "--format", "--partial"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kWriteHelp, stdout);
    return kDone;
  }
  const auto wrong = [](std::string what) {
    return Report(Error{ErrorCode::kInvalidArgument, std::move(what)});
  };
  const std::vector<std::string>& rest = arguments->rest();
  if (rest.empty() || rest.size() > 2)
    return wrong("strom write wants a table, and at most a file");
  const bool from_file = rest.size() > 1 && rest[1] != "-";
  const std::string format =
      arguments->Get("--format", from_file ? FormatOf(rest[1]) : std::string("jsonl"));
  if (format != "jsonl" && format != "csv" && format != "parquet")
    return wrong("--format '" + format + "' is none of jsonl, csv, parquet");
  if (format == "parquet" && !from_file) return wrong("parquet is read from a file, not a stream");
  auto target = OpenTarget(*arguments, rest[0]);
  if (!target) return Report(target.error());
  const bool keyed = target->descriptor().has_primary_key();
  for (const char* flag : {"--delete", "--upsert", "--partial"}) {
    if (arguments->Has(flag) && !keyed)
      return wrong(std::string(flag) + " needs a table with a primary key");
  }
  std::vector<std::string> partial;
  if (arguments->Has("--partial")) {
    const auto names = ColumnsIn(*target, arguments->Get("--partial"));
    if (!names) return Report(names.error());
    partial = *names;
  }
  Writer writer(*target, format, std::move(partial), arguments->Has("--delete"));
  Progress progress;
  const auto write_all = [&]() -> Status {
    if (from_file) return writer.Write(rest[1], /*own=*/false);
    Pieces pieces(format == "csv");
    while (true) {
      STROM_ASSIGN(const auto piece, pieces.Next());
      if (!piece) return {};
      STROM_TRY(writer.Write(*piece, /*own=*/true));
      progress.Tell(writer.rows(), /*last=*/false);
    }
  };
  const Status written = write_all();
  progress.Tell(writer.rows(), /*last=*/true);
  return written ? int{kDone} : Report(written.error());
}

int RunLookup(const std::vector<std::string>& words) {
  const auto arguments =
      Arguments::Parse(words, {"--help", "-h", "--prefix"}, {"--bootstrap", "--database", "-o"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kLookupHelp, stdout);
    return kDone;
  }
  const std::vector<std::string>& rest = arguments->rest();
  if (rest.size() < 2)
    return Report(Error{ErrorCode::kInvalidArgument, "strom lookup wants a table and a key"});
  const auto printer = MakePrinter(arguments->Get("-o", "table"), stdout);
  if (!printer) return Report(printer.error());
  const auto target = OpenTarget(*arguments, rest[0]);
  if (!target) return Report(target.error());
  const std::vector<std::string>& key = target->schema().primary_key;
  if (key.empty()) {
    return Report(Error{ErrorCode::kInvalidArgument,
                        "table " + target->table->info.path.ToString() + " has no primary key"});
  }
  const size_t given = rest.size() - 1;
  const bool prefix = arguments->Has("--prefix");
  if (given > key.size() || (!prefix && given != key.size())) {
    return Report(Error{ErrorCode::kInvalidArgument,
                        fmt::format("the primary key of {} is ({}), {} values were given",
                                    target->table->info.path.ToString(), Join(key, ", "), given)});
  }
  std::vector<std::string> conditions;
  for (size_t i = 0; i < given; ++i)
    conditions.push_back(sql::QuoteName(key[i]) + " = " + sql::QuoteText(rest[i + 1]));
  Counted counted(**printer);
  const int code =
      Run(*target->session, "SELECT * FROM " + target->name + " WHERE " + Join(conditions, " AND "),
          counted);
  return code == kDone && counted.rows() == 0 ? int{kNotFound} : code;
}

}  // namespace strom::cli
