#include "sql/statement.h"

#include <algorithm>

#include "base/text.h"
#include "model/duration.h"
#include "sql/dialect.h"
#include "sql/lexer.h"

namespace strom::sql {
namespace {

using model::DataType;
using model::TypeRoot;

/// Walks over the tokens of one statement.
class Parser {
 public:
  Parser(std::string_view source, std::vector<Token> tokens)
      : source_(source), tokens_(std::move(tokens)) {}

  Result<Statement> Parse();

 private:
  const Token& Here() const { return tokens_[at_]; }
  const Token& Ahead(size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  bool Accept(std::string_view word) {
    if (!Here().Is(word)) return false;
    ++at_;
    return true;
  }
  bool AcceptAll(std::initializer_list<std::string_view> words) {
    size_t n = 0;
    for (const std::string_view word : words) {
      if (!Ahead(n++).Is(word)) return false;
    }
    at_ += words.size();
    return true;
  }
  std::unexpected<Error> Unexpected(std::string_view wanted) const {
    const std::string got = Here().kind == Token::Kind::kEnd ? "the end" : "'" + Here().text + "'";
    return Err(ErrorCode::kInvalidArgument, "{} is expected at character {}, not {}", wanted,
               Here().begin + 1, got);
  }
  Status Expect(std::string_view word) {
    if (!Accept(word)) return Unexpected(word);
    return {};
  }
  Status ExpectEnd() {
    if (Here().kind != Token::Kind::kEnd) return Unexpected("the end of the statement");
    return {};
  }
  Result<std::string> Name(const char* what) {
    if (Here().kind != Token::Kind::kName && Here().kind != Token::Kind::kQuotedName)
      return Unexpected(what);
    return tokens_[at_++].text;
  }
  Result<std::string> Text(const char* what) {
    if (Here().kind != Token::Kind::kString) return Unexpected(what);
    return tokens_[at_++].text;
  }
  Result<int32_t> Number() {
    if (Here().kind != Token::Kind::kNumber) return Unexpected("a number");
    STROM_ASSIGN(const int64_t number, model::ParseInteger(tokens_[at_++].text, 0, INT32_MAX));
    return static_cast<int32_t>(number);
  }
  Result<TableName> Table() {
    std::vector<std::string> parts;
    do {
      STROM_ASSIGN(std::string part, Name("a table name"));
      parts.push_back(std::move(part));
    } while (Accept("."));
    if (parts.size() > 3)
      return Err(ErrorCode::kInvalidArgument, "a table name has at most three parts");
    return TableName{parts.size() > 1 ? parts[parts.size() - 2] : "", parts.back()};
  }
  Result<std::vector<std::string>> NameList() {
    std::vector<std::string> names;
    STROM_TRY(Expect("("));
    do {
      STROM_ASSIGN(std::string name, Name("a column name"));
      names.push_back(std::move(name));
    } while (Accept(","));
    STROM_TRY(Expect(")"));
    return names;
  }
  Result<std::vector<std::pair<std::string, std::string>>> Options() {
    std::vector<std::pair<std::string, std::string>> options;
    STROM_TRY(Expect("("));
    if (Accept(")")) return options;
    do {
      STROM_ASSIGN(std::string key, Text("an option's name in quotes"));
      STROM_TRY(Expect("="));
      STROM_ASSIGN(std::string value, Text("an option's value in quotes"));
      options.emplace_back(std::move(key), std::move(value));
    } while (Accept(","));
    STROM_TRY(Expect(")"));
    return options;
  }
  Result<DataType> Type();
  Result<DataType> BareType();
  Result<int32_t> OptionalParameter(int32_t fallback);
  Result<model::Column> ColumnRest(std::string name, std::vector<std::string>& primary_key);
  Status TableElement(model::TableDescriptor& descriptor);
  Result<Statement> ParseCreate();
  Result<Statement> ParseCreateTable();
  Result<Statement> ParseDrop();
  Result<Statement> ParseAlter();
  Result<Statement> ParseShow();
  Result<Statement> ParseInsert();
  Result<Statement> ParseUpdate();
  Result<Statement> ParseDelete();
  /// The text up to the next of `ends` outside parentheses, or to the end; at least one token.
  Result<std::string> Expression(std::initializer_list<std::string_view> ends);
  Result<std::string> Where();
  Result<std::vector<std::pair<std::string, std::string>>> PartitionSpec();
  Result<Statement> AsQuery() const {
    STROM_ASSIGN(std::string text, ToDuckDb(source_, tokens_));
    return Query{std::move(text), ColumnsComparedEqual(tokens_)};
  }

  std::string_view source_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

Result<int32_t> Parser::OptionalParameter(int32_t fallback) {
  if (!Accept("(")) return fallback;
  STROM_ASSIGN(const int32_t number, Number());
  STROM_TRY(Expect(")"));
  return number;
}

Result<DataType> Parser::BareType() {
  STROM_ASSIGN(const std::string word, Name("a data type"));
  const std::string name = ToUpper(word);
  constexpr std::pair<const char*, TypeRoot> kPlain[] = {
      {"BOOLEAN", TypeRoot::kBoolean},   {"TINYINT", TypeRoot::kTinyInt},
      {"SMALLINT", TypeRoot::kSmallInt}, {"INT", TypeRoot::kInt},
      {"INTEGER", TypeRoot::kInt},       {"BIGINT", TypeRoot::kBigInt},
      {"FLOAT", TypeRoot::kFloat},       {"STRING", TypeRoot::kString},
      {"BYTES", TypeRoot::kBytes},       {"DATE", TypeRoot::kDate}};
  for (const auto& [plain, root] : kPlain) {
    if (name == plain) return model::MakeType(root);
  }
  if (name == "DOUBLE") {
    Accept("PRECISION");
    return model::MakeType(TypeRoot::kDouble);
  }
  if (name == "VARCHAR" || name == "VARBINARY") {
    STROM_TRY(OptionalParameter(0));
    return model::MakeType(name == "VARCHAR" ? TypeRoot::kString : TypeRoot::kBytes);
  }
  if (name == "CHAR" || name == "BINARY") {
    DataType type = model::MakeType(name == "CHAR" ? TypeRoot::kChar : TypeRoot::kBinary);
    STROM_ASSIGN(type.length, OptionalParameter(1));
    if (type.length < 1)
      return Err(ErrorCode::kInvalidArgument, "{} needs a length of at least 1", name);
    return type;
  }
  if (name == "DECIMAL" || name == "DEC" || name == "NUMERIC") {
    DataType type = model::MakeType(TypeRoot::kDecimal);
    type.precision = 10;
    if (Accept("(")) {
      STROM_ASSIGN(type.precision, Number());
      if (Accept(",")) {
        STROM_ASSIGN(type.scale, Number());
      }
      STROM_TRY(Expect(")"));
    }
    if (type.precision < 1 || type.precision > 38 || type.scale > type.precision) {
      return Err(ErrorCode::kInvalidArgument, "{} is no valid type", type.ToString());
    }
    return type;
  }
  if (name == "TIME" || name == "TIMESTAMP" || name == "TIMESTAMP_LTZ") {
    DataType type = model::MakeType(name == "TIME"        ? TypeRoot::kTime
                                    : name == "TIMESTAMP" ? TypeRoot::kTimestamp
                                                          : TypeRoot::kTimestampLtz);
    STROM_ASSIGN(type.precision, OptionalParameter(name == "TIME" ? 0 : 6));
    if (type.precision > 9)
      return Err(ErrorCode::kInvalidArgument, "{} is no valid type: the precision is at most 9",
                 type.ToString());
    if (AcceptAll({"WITH", "LOCAL", "TIME", "ZONE"})) {
      if (name != "TIMESTAMP") return Unexpected("a data type");
      type.root = TypeRoot::kTimestampLtz;
    } else {
      AcceptAll({"WITHOUT", "TIME", "ZONE"});
    }
    return type;
  }
  if (name == "ARRAY" || name == "MAP") {
    DataType type = model::MakeType(name == "ARRAY" ? TypeRoot::kArray : TypeRoot::kMap);
    STROM_TRY(Expect("<"));
    STROM_ASSIGN(DataType first, Type());
    if (name == "MAP") {
      first.nullable = false;
      STROM_TRY(Expect(","));
      STROM_ASSIGN(DataType second, Type());
      type.fields = {{"key", std::move(first), {}, -1}, {"value", std::move(second), {}, -1}};
    } else {
      type.fields = {{"element", std::move(first), {}, -1}};
    }
    STROM_TRY(Expect(">"));
    return type;
  }
  if (name == "ROW") {
    DataType type = model::MakeType(TypeRoot::kRow);
    STROM_TRY(Expect("<"));
    do {
      model::RowField field;
      STROM_ASSIGN(field.name, Name("a field name"));
      STROM_ASSIGN(field.type, Type());
      if (Here().kind == Token::Kind::kString) field.description = tokens_[at_++].text;
      type.fields.push_back(std::move(field));
    } while (Accept(","));
    STROM_TRY(Expect(">"));
    return type;
  }
  return Err(ErrorCode::kInvalidArgument, "'{}' is no data type of Strom", word);
}

Result<DataType> Parser::Type() {
  STROM_ASSIGN(DataType type, BareType());
  if (AcceptAll({"NOT", "NULL"})) {
    type.nullable = false;
  } else {
    Accept("NULL");
  }
  return type;
}

Result<model::Column> Parser::ColumnRest(std::string name, std::vector<std::string>& primary_key) {
  model::Column column;
  column.name = std::move(name);
  STROM_ASSIGN(column.type, Type());
  if (AcceptAll({"PRIMARY", "KEY"})) {
    AcceptAll({"NOT", "ENFORCED"});
    primary_key.push_back(column.name);
  }
  if (Accept("COMMENT")) {
    STROM_ASSIGN(column.comment, Text("a comment in quotes"));
  }
  return column;
}

Status Parser::TableElement(model::TableDescriptor& descriptor) {
  if (Here().Is("PRIMARY") && Ahead(1).Is("KEY")) {
    at_ += 2;
    STROM_ASSIGN(descriptor.schema.primary_key, NameList());
    AcceptAll({"NOT", "ENFORCED"});
    return {};
  }
  if (Here().Is("WATERMARK"))
    return Err(ErrorCode::kUnsupported, "WATERMARK is a matter of Flink; leave it out here");
  if (Here().Is("CONSTRAINT"))
    return Err(ErrorCode::kUnsupported,
               "CONSTRAINT is not supported; write PRIMARY KEY (...) NOT ENFORCED");
  STROM_ASSIGN(std::string name, Name("a column name"));
  if (Accept("AS")) {  // a computed column is the reader's affair and is not stored
    int depth = 0;
    while (Here().kind != Token::Kind::kEnd &&
           (depth > 0 || (!Here().Is(",") && !Here().Is(")")))) {
      if (Here().Is("(")) ++depth;
      if (Here().Is(")")) --depth;
      ++at_;
    }
    return {};
  }
  STROM_ASSIGN(model::Column column, ColumnRest(std::move(name), descriptor.schema.primary_key));
  descriptor.schema.columns.push_back(std::move(column));
  return {};
}

Result<Statement> Parser::ParseCreateTable() {
  CreateTable create;
  create.if_not_exists = AcceptAll({"IF", "NOT", "EXISTS"});
  STROM_ASSIGN(create.name, Table());
  if (Here().Is("AS"))
    return Err(ErrorCode::kUnsupported,
               "CREATE TABLE ... AS is not supported; create the table, then INSERT");
  model::TableDescriptor& descriptor = create.descriptor;
  STROM_TRY(Expect("("));
  do {
    STROM_TRY(TableElement(descriptor));
  } while (Accept(","));
  STROM_TRY(Expect(")"));
  if (Accept("COMMENT")) {
    STROM_ASSIGN(descriptor.comment, Text("a comment in quotes"));
  }
  if (AcceptAll({"PARTITIONED", "BY"})) {
    STROM_ASSIGN(descriptor.partition_keys, NameList());
  }
  if (Accept("WITH")) {
    STROM_ASSIGN(const auto options, Options());
    for (const auto& [key, value] : options) {
      if (key == "bucket.num") {
        const auto count = model::ParseInteger(value, 1, INT32_MAX);
        if (!count)
          return Err(ErrorCode::kInvalidArgument, "bucket.num: {}", count.error().message);
        descriptor.bucket_count = static_cast<int32_t>(*count);
      } else if (key == "bucket.key") {
        for (const std::string& part : Split(value, ','))
          descriptor.bucket_keys.emplace_back(Trim(part));
      } else if (key.starts_with("table.")) {
        descriptor.properties[key] = value;
      } else {
        descriptor.custom_properties[key] = value;
      }
    }
  }
  STROM_TRY(ExpectEnd());
  model::AssignIds(descriptor.schema);
  for (const std::string& name : descriptor.schema.primary_key) {
    const int position = descriptor.schema.Find(name);
    if (position >= 0)
      descriptor.schema.columns[static_cast<size_t>(position)].type.nullable = false;
  }
  return create;
}

Result<Statement> Parser::ParseCreate() {
  if (Ahead(1).Is("TABLE")) {
    at_ += 2;
    return ParseCreateTable();
  }
  if (Ahead(1).Is("DATABASE")) {
    at_ += 2;
    CreateDatabase create;
    create.if_not_exists = AcceptAll({"IF", "NOT", "EXISTS"});
    STROM_ASSIGN(create.name, Name("a database name"));
    if (Accept("COMMENT")) {
      STROM_ASSIGN(create.descriptor.comment, Text("a comment in quotes"));
    }
    if (Accept("WITH")) {
      STROM_ASSIGN(const auto options, Options());
      create.descriptor.custom_properties = {options.begin(), options.end()};
    }
    STROM_TRY(ExpectEnd());
    return create;
  }
  if (Ahead(1).Is("CATALOG")) {
    at_ += 2;
    CreateCatalog create;
    STROM_ASSIGN(create.name, Name("a catalog name"));
    STROM_TRY(Expect("WITH"));
    STROM_ASSIGN(const auto options, Options());
    create.options = {options.begin(), options.end()};
    STROM_TRY(ExpectEnd());
    return create;
  }
  return AsQuery();  // views, macros, temporary tables: DuckDB's own, for this session
}

Result<Statement> Parser::ParseDrop() {
  if (Ahead(1).Is("TABLE")) {
    at_ += 2;
    DropTable drop;
    drop.if_exists = AcceptAll({"IF", "EXISTS"});
    STROM_ASSIGN(drop.name, Table());
    STROM_TRY(ExpectEnd());
    return drop;
  }
  if (Ahead(1).Is("DATABASE")) {
    at_ += 2;
    DropDatabase drop;
    drop.if_exists = AcceptAll({"IF", "EXISTS"});
    STROM_ASSIGN(drop.name, Name("a database name"));
    drop.cascade = Accept("CASCADE");
    Accept("RESTRICT");
    STROM_TRY(ExpectEnd());
    return drop;
  }
  return AsQuery();
}

Result<std::vector<std::pair<std::string, std::string>>> Parser::PartitionSpec() {
  std::vector<std::pair<std::string, std::string>> spec;
  STROM_TRY(Expect("PARTITION"));
  STROM_TRY(Expect("("));
  do {
    STROM_ASSIGN(std::string key, Name("a partition key"));
    STROM_TRY(Expect("="));
    if (Here().kind != Token::Kind::kString && Here().kind != Token::Kind::kNumber)
      return Unexpected("a partition value");
    spec.emplace_back(std::move(key), tokens_[at_++].text);
  } while (Accept(","));
  STROM_TRY(Expect(")"));
  return spec;
}

Result<Statement> Parser::ParseAlter() {
  if (!Ahead(1).Is("TABLE"))
    return Err(ErrorCode::kUnsupported, "ALTER {} is not supported", Ahead(1).text);
  at_ += 2;
  STROM_ASSIGN(const TableName name, Table());
  if (Accept("SET")) {
    AlterOptions alter{name, {}};
    STROM_ASSIGN(const auto options, Options());
    for (const auto& [key, value] : options) alter.changes.emplace_back(key, value);
    STROM_TRY(ExpectEnd());
    return alter;
  }
  if (Accept("RESET")) {
    AlterOptions alter{name, {}};
    STROM_TRY(Expect("("));
    do {
      STROM_ASSIGN(std::string key, Text("an option's name in quotes"));
      alter.changes.emplace_back(std::move(key), std::nullopt);
    } while (Accept(","));
    STROM_TRY(Expect(")"));
    STROM_TRY(ExpectEnd());
    return alter;
  }
  if (Here().Is("ADD") || Here().Is("DROP")) {
    const bool add = Here().Is("ADD");
    ++at_;
    AlterPartition partition{name, add, false, {}};
    partition.if_exists = add ? AcceptAll({"IF", "NOT", "EXISTS"}) : AcceptAll({"IF", "EXISTS"});
    if (Here().Is("PARTITION")) {
      STROM_ASSIGN(partition.spec, PartitionSpec());
      STROM_TRY(ExpectEnd());
      return partition;
    }
    if (!add)
      return Err(ErrorCode::kUnsupported, "ALTER TABLE ... DROP can drop partitions, nothing else");
    Accept("COLUMN");
    AddColumns columns{name, {}};
    std::vector<std::string> keys;
    const bool list = Accept("(");
    do {
      STROM_ASSIGN(std::string column_name, Name("a column name"));
      STROM_ASSIGN(model::Column column, ColumnRest(std::move(column_name), keys));
      columns.columns.push_back(std::move(column));
    } while (list && Accept(","));
    if (list) STROM_TRY(Expect(")"));
    if (!keys.empty())
      return Err(ErrorCode::kUnsupported, "a primary key cannot be added to a table");
    STROM_TRY(ExpectEnd());
    return columns;
  }
  return Err(ErrorCode::kUnsupported,
             "ALTER TABLE can SET, RESET, ADD columns and ADD or DROP partitions, not {}",
             Here().text);
}

Result<Statement> Parser::ParseShow() {
  ++at_;
  Show show{Show::What::kTables, {}};
  if (Accept("CATALOGS")) {
    show.what = Show::What::kCatalogs;
  } else if (AcceptAll({"CURRENT", "CATALOG"})) {
    show.what = Show::What::kCurrentCatalog;
  } else if (AcceptAll({"CURRENT", "DATABASE"})) {
    show.what = Show::What::kCurrentDatabase;
  } else if (Accept("DATABASES")) {
    show.what = Show::What::kDatabases;
  } else if (Accept("TABLES")) {
    if (Accept("FROM") || Accept("IN")) {
      STROM_ASSIGN(show.name.database, Name("a database name"));
    }
  } else if (Accept("PARTITIONS")) {
    show.what = Show::What::kPartitions;
    STROM_ASSIGN(show.name, Table());
  } else if (AcceptAll({"CREATE", "TABLE"})) {
    show.what = Show::What::kCreateTable;
    STROM_ASSIGN(show.name, Table());
  } else {
    return Err(
        ErrorCode::kUnsupported,
        "SHOW can show CATALOGS, DATABASES, CURRENT CATALOG or DATABASE, TABLES, PARTITIONS t "
        "and CREATE TABLE t, not {}",
        Here().text);
  }
  STROM_TRY(ExpectEnd());
  return show;
}

Result<Statement> Parser::ParseInsert() {
  ++at_;
  if (Here().Is("OVERWRITE"))
    return Err(ErrorCode::kUnsupported,
               "INSERT OVERWRITE is not supported: a stream has no way back");
  STROM_TRY(Expect("INTO"));
  Insert insert;
  STROM_ASSIGN(insert.name, Table());
  if (Here().Is("(") && !Ahead(1).Is("SELECT") && !Ahead(1).Is("VALUES") && !Ahead(1).Is("WITH")) {
    STROM_ASSIGN(insert.columns, NameList());
  }
  if (Here().kind == Token::Kind::kEnd) return Unexpected("VALUES or SELECT");
  STROM_ASSIGN(insert.source, ToDuckDb(source_, tokens_, at_));
  return insert;
}

Result<std::string> Parser::Expression(std::initializer_list<std::string_view> ends) {
  const size_t begin = at_;
  for (int depth = 0; Here().kind != Token::Kind::kEnd; ++at_) {
    if (depth == 0 && std::ranges::any_of(ends, [&](auto word) { return Here().Is(word); })) break;
    if (Here().Is("(")) ++depth;
    if (Here().Is(")")) --depth;
  }
  if (at_ == begin) return Unexpected("an expression");
  std::vector<Token> part(tokens_.begin() + static_cast<std::ptrdiff_t>(begin),
                          tokens_.begin() + static_cast<std::ptrdiff_t>(at_));
  part.push_back(Token{Token::Kind::kEnd, "", part.back().end, part.back().end});
  return ToDuckDb(source_, part);
}

Result<std::string> Parser::Where() {
  if (!Accept("WHERE")) return std::string();
  return Expression({});
}

Result<Statement> Parser::ParseUpdate() {
  ++at_;
  Update update;
  STROM_ASSIGN(update.name, Table());
  STROM_TRY(Expect("SET"));
  do {
    STROM_ASSIGN(std::string column, Name("a column name"));
    STROM_TRY(Expect("="));
    STROM_ASSIGN(std::string value, Expression({",", "WHERE"}));
    update.assignments.emplace_back(std::move(column), std::move(value));
  } while (Accept(","));
  STROM_ASSIGN(update.where, Where());
  STROM_TRY(ExpectEnd());
  return update;
}

Result<Statement> Parser::ParseDelete() {
  ++at_;
  Delete erase;
  STROM_TRY(Expect("FROM"));
  STROM_ASSIGN(erase.name, Table());
  STROM_ASSIGN(erase.where, Where());
  STROM_TRY(ExpectEnd());
  return erase;
}

Result<Statement> Parser::Parse() {
  const Token& first = Here();
  if (first.Is("CREATE")) return ParseCreate();
  if (first.Is("DROP")) return ParseDrop();
  if (first.Is("ALTER")) return ParseAlter();
  if (first.Is("SHOW")) return ParseShow();
  if (first.Is("INSERT")) return ParseInsert();
  if (first.Is("UPDATE")) return ParseUpdate();
  if (first.Is("DELETE")) return ParseDelete();
  if (first.Is("TRUNCATE") || first.Is("MERGE")) {
    return Err(ErrorCode::kUnsupported, "{} is not supported; there are UPDATE and DELETE",
               ToUpper(first.text));
  }
  if (first.Is("DESCRIBE") || first.Is("DESC")) {
    // Of a query, or of a table's face, DuckDB tells.
    for (const char* word : {"SELECT", "WITH", "FROM", "VALUES", "("}) {
      if (Ahead(1).Is(word)) return AsQuery();
    }
    const bool is_face = std::ranges::any_of(
        tokens_, [](const Token& token) { return token.text.find('$') != std::string::npos; });
    if (is_face) {
      STROM_ASSIGN(const std::string rest, ToDuckDb(source_, tokens_, at_ + 1));
      return Query{"DESCRIBE SELECT * FROM " + rest, {}};
    }
    ++at_;
    Describe describe;
    STROM_ASSIGN(describe.name, Table());
    STROM_TRY(ExpectEnd());
    return describe;
  }
  if (first.Is("USE")) {
    ++at_;
    if (Accept("CATALOG")) {
      UseCatalog use;
      STROM_ASSIGN(use.name, Name("a catalog name"));
      STROM_TRY(ExpectEnd());
      return use;
    }
    Use use;
    STROM_ASSIGN(const TableName name, Table());
    use.database = name.table;
    STROM_TRY(ExpectEnd());
    return use;
  }
  if (first.Is("RESET") && Ahead(1).kind == Token::Kind::kString) {
    ++at_;
    Set reset;
    STROM_ASSIGN(reset.key, Text("a setting in quotes"));
    STROM_TRY(ExpectEnd());
    return reset;
  }
  if (first.Is("SET") && Ahead(1).kind == Token::Kind::kString) {
    ++at_;
    Set set;
    STROM_ASSIGN(set.key, Text("a setting in quotes"));
    STROM_TRY(Expect("="));
    STROM_ASSIGN(set.value, Text("a value in quotes"));
    STROM_TRY(ExpectEnd());
    return set;
  }
  return AsQuery();
}

}  // namespace

Result<Statement> ParseStatement(std::string_view source) {
  STROM_ASSIGN(std::vector<Token> tokens, Tokenize(source));
  return Parser(source, std::move(tokens)).Parse();
}

}  // namespace strom::sql
