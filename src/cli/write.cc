#include <algorithm>
#include <chrono>
#include <cstdio>

#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/row_pieces.h"
#include "cli/target.h"
#include "sql/engine_types.h"
#include "sql/lexer.h"

namespace strom::cli {
namespace {

constexpr const char* kWriteHelp =
    R"(strom write: rows of a file, or of the standard input as they come, into a table

  strom write TABLE [FILE]

  --format jsonl|csv|parquet|arrow  by default what the file's name ends with, else jsonl; csv
                              has a line of names; parquet is read from a FILE; arrow is IPC, as
                              a file or as a stream
  --upsert                    rows with a key that is there take its place (what a table of keys
                              does anyway; another table refuses it)
  --partial A,B               only these columns, the primary key among them: the others keep
                              their values
  --delete                    the rows are keys that go
  --bootstrap HOST:PORT, --user NAME, --database NAME
)";

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
    if (format_ == "arrow") return sql::QuoteName("arrow:" + path);
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
  for (const char* format : {"csv", "parquet", "arrow"}) {
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
  const auto arguments =
      Arguments::Parse(words, {"--help", "-h", "--delete", "--upsert"},
                       {"--bootstrap", "--user", "--database", "--format", "--partial"});
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
  if (format != "jsonl" && format != "csv" && format != "parquet" && format != "arrow")
    return wrong("--format '" + format + "' is none of jsonl, csv, parquet, arrow");
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
    if (format == "arrow") {  // which is looked at twice: what it has, then its rows
      STROM_ASSIGN(const KeptInput kept, KeepInput());
      return writer.Write(kept.path(), /*own=*/true);
    }
    RowPieces pieces(format == "csv");
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

}  // namespace strom::cli
