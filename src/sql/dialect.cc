#include "sql/dialect.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "model/duration.h"

namespace strom::sql {
namespace {

/// Stands between a name and its options; nobody can type it in a name that the server accepts.
constexpr std::string_view kMark = "\x1f";

bool IsName(const Token& token) {
  return token.kind == Token::Kind::kName || token.kind == Token::Kind::kQuotedName;
}

/// Whether a word after a table goes on with the query, rather than names the table anew.
bool IsClause(const Token& token) {
  constexpr const char* kClauses[] = {
      "WHERE",  "GROUP",     "ORDER",      "LIMIT",       "HAVING", "JOIN",    "LEFT",
      "RIGHT",  "FULL",      "INNER",      "CROSS",       "ON",     "USING",   "UNION",
      "EXCEPT", "INTERSECT", "WINDOW",     "NATURAL",     "OFFSET", "QUALIFY", "SEMI",
      "ANTI",   "ASOF",      "POSITIONAL", "TABLESAMPLE", "FETCH",  "LATERAL"};
  return token.kind == Token::Kind::kName &&
         std::ranges::any_of(kClauses, [&](const char* word) { return token.Is(word); });
}

/// Options of upstream's connector that say how to work and not what comes out.
bool IsTuning(const std::string& key) {
  for (const char* prefix : {"client.", "lookup.", "scan.partition.discovery."}) {
    if (key.starts_with(prefix)) return true;
  }
  return false;
}

/// Reads what follows a table's name.
class Suffix {
 public:
  Suffix(const std::vector<Token>& tokens, size_t at) : tokens_(tokens), at_(at) {}

  /// Whether there was one; `options` and `end()` are then set.
  Result<bool> Read(ReadOptions& options) {
    bool any = false;
    while (true) {
      if (Here().kind == Token::Kind::kHint) {
        STROM_TRY(ReadHint(Here().text, options));
        ++at_;
      } else if (Here().Is("FOR") && Ahead(2).Is("AS") && Ahead(3).Is("OF")) {
        STROM_TRY(ReadFor(options));
      } else {
        return any;
      }
      any = true;
    }
  }
  size_t end() const { return at_; }

 private:
  const Token& Ahead(size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  const Token& Here() const { return Ahead(0); }

  static Status ReadHint(const std::string& text, ReadOptions& options) {
    STROM_ASSIGN(const std::vector<Token> inside, Tokenize(text));
    const auto bad = [&] {
      return Err(
          ErrorCode::kUnsupported,
          "the hint /*+{}*/ is not understood; a table takes /*+ OPTIONS('key' = 'value') */",
          text);
    };
    size_t i = 0;
    if (!inside[i++].Is("OPTIONS") || !inside[i++].Is("(")) return bad();
    while (true) {
      if (i + 2 >= inside.size() || inside[i].kind != Token::Kind::kString ||
          !inside[i + 1].Is("=") || inside[i + 2].kind != Token::Kind::kString)
        return bad();
      const std::string& key = inside[i].text;
      if (key != "scan.startup.mode" && key != "scan.startup.timestamp") {
        if (!IsTuning(key)) {
          return Err(ErrorCode::kUnsupported,
                     "the option '{}' of a hint is not supported; there are scan.startup.mode and "
                     "scan.startup.timestamp",
                     key);
        }
      } else {
        options.hints[key] = inside[i + 2].text;
      }
      i += 3;
      if (inside[i].Is(")")) return {};
      if (!inside[i++].Is(",")) return bad();
    }
  }

  /// FOR SYSTEM_TIME | SYSTEM_VERSION AS OF what.
  Status ReadFor(ReadOptions& options) {
    const bool of_version = Ahead(1).Is("SYSTEM_VERSION");
    if (!of_version && !Ahead(1).Is("SYSTEM_TIME"))
      return Err(ErrorCode::kUnsupported, "FOR {} is not supported", Ahead(1).text);
    at_ += 4;
    if (of_version) {
      const auto version = model::ParseInteger(Here().text, 0, INT64_MAX);
      if (Here().kind != Token::Kind::kNumber || !version)
        return Err(ErrorCode::kInvalidArgument, "FOR SYSTEM_VERSION AS OF wants a snapshot's id");
      options.version = *version;
      ++at_;
      return {};
    }
    if (Here().Is("TIMESTAMP") && Ahead(1).kind == Token::Kind::kString) ++at_;
    if (Here().kind == Token::Kind::kString) {
      options.as_of = Here().text;
      ++at_;
      return {};
    }
    if (!IsName(Here())) {
      return Err(ErrorCode::kUnsupported,
                 "FOR SYSTEM_TIME AS OF takes a column, PROCTIME() or TIMESTAMP '...'");
    }
    // A column that tells the time at which a row is processed.
    options.lookup = true;
    ++at_;
    while (Here().Is(".") && IsName(Ahead(1))) at_ += 2;
    if (Here().Is("(") && Ahead(1).Is(")")) at_ += 2;
    return {};
  }

  const std::vector<Token>& tokens_;
  size_t at_;
};

}  // namespace

std::string NameWith(const std::string& name, const ReadOptions& options) {
  if (options.empty()) return name;
  Json json = Json::object();
  if (!options.hints.empty()) json["hints"] = options.hints;
  if (options.as_of) json["as_of"] = *options.as_of;
  if (options.version) json["version"] = *options.version;
  if (options.lookup) json["lookup"] = true;
  return name + std::string(kMark) + json.dump();
}

Result<std::pair<std::string, ReadOptions>> SplitName(const std::string& name) {
  const size_t mark = name.find(kMark);
  ReadOptions options;
  if (mark == std::string::npos) return std::pair(name, options);
  const auto json = ParseJson(ByteView(name).substr(mark + kMark.size()), "options of a table");
  if (!json || !json->is_object())
    return Err(ErrorCode::kInvalidArgument, "'{}' is no table's name", name.substr(0, mark));
  options.hints = JsonStringMap(*json, "hints");
  if (json->contains("as_of")) options.as_of = JsonOr<std::string>(*json, "as_of", "");
  if (json->contains("version")) options.version = JsonOr<int64_t>(*json, "version", 0);
  options.lookup = JsonOr(*json, "lookup", false);
  return std::pair(name.substr(0, mark), options);
}

Result<std::string> ToDuckDb(std::string_view source, const std::vector<Token>& tokens,
                             size_t first_token) {
  std::string out;
  size_t at = tokens[first_token].begin;  // up to here the source is told
  for (size_t i = first_token; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    out += source.substr(at, token.begin - at);
    at = token.end;
    if (token.kind == Token::Kind::kHint) continue;
    if (!IsName(token)) {
      out += source.substr(token.begin, token.end - token.begin);
      continue;
    }
    ReadOptions options;
    Suffix suffix(tokens, i + 1);
    bool has_suffix = false;
    if (!token.Is("SELECT")) {  // whose hints are about the query
      STROM_ASSIGN(has_suffix, suffix.Read(options));
    }
    if (has_suffix) {
      // An alias that the name would have had without its options.
      const Token& next = tokens[suffix.end()];
      const bool aliased = next.Is("AS") || (IsName(next) && !IsClause(next));
      out += QuoteName(NameWith(token.text, options));
      if (!options.empty() && !aliased) out += " AS " + QuoteName(token.text);
      at = tokens[suffix.end() - 1].end;
      i = suffix.end() - 1;
      continue;
    }
    const bool plain =
        token.kind == Token::Kind::kName && token.text.find('$') == std::string::npos;
    out += plain ? std::string(source.substr(token.begin, token.end - token.begin))
                 : QuoteName(token.text);
  }
  return out;
}

std::set<std::string> ColumnsComparedEqual(const std::vector<Token>& tokens) {
  const auto is_constant = [](const Token& token) {
    return token.kind == Token::Kind::kString || token.kind == Token::Kind::kNumber;
  };
  std::set<std::string> columns;
  for (size_t i = 1; i + 1 < tokens.size(); ++i) {
    if (!tokens[i].Is("=")) continue;
    const bool negative = tokens[i + 1].Is("-") && i + 2 < tokens.size();
    if (IsName(tokens[i - 1]) && is_constant(negative ? tokens[i + 2] : tokens[i + 1]))
      columns.insert(tokens[i - 1].text);
    if (is_constant(tokens[i - 1]) && IsName(tokens[i + 1])) {
      size_t last = i + 1;
      while (last + 2 < tokens.size() && tokens[last + 1].Is(".") && IsName(tokens[last + 2]))
        last += 2;
      columns.insert(tokens[last].text);
    }
  }
  return columns;
}

}  // namespace strom::sql
