#include "sql/lexer.h"

#include "base/text.h"

namespace strom::sql {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsNamePart(char c) {
  return IsNameStart(c) || IsDigit(c) || c == '$';
}

/// The end of white space and comments that begin at `at`.
size_t SkipBlank(std::string_view source, size_t at) {
  while (at < source.size()) {
    if (source[at] == ' ' || source[at] == '\t' || source[at] == '\n' || source[at] == '\r') {
      ++at;
    } else if (source.substr(at, 2) == "--") {
      at = std::min(source.find('\n', at), source.size());
    } else if (source.substr(at, 2) == "/*" && source.substr(at, 3) != "/*+") {
      const size_t end = source.find("*/", at + 2);
      at = end == std::string_view::npos ? source.size() : end + 2;
    } else {
      break;
    }
  }
  return at;
}

/// A quoted token; the quote doubled inside stands for itself.
Result<Token> Quoted(std::string_view source, size_t at, Token::Kind kind) {
  const char quote = source[at];
  Token token{kind, "", at, 0};
  for (size_t i = at + 1; i < source.size(); ++i) {
    if (source[i] != quote) {
      token.text.push_back(source[i]);
    } else if (i + 1 < source.size() && source[i + 1] == quote) {
      token.text.push_back(source[i++]);
    } else {
      token.end = i + 1;
      return token;
    }
  }
  return Err(ErrorCode::kInvalidArgument, "the quote {} at character {} is not closed", quote,
             at + 1);
}

Result<Token> NextToken(std::string_view source, size_t at) {
  const char c = source[at];
  if (c == '\'') return Quoted(source, at, Token::Kind::kString);
  if (c == '"' || c == '`') return Quoted(source, at, Token::Kind::kQuotedName);
  if (source.substr(at, 3) == "/*+") {
    const size_t end = source.find("*/", at + 3);
    if (end == std::string_view::npos)
      return Err(ErrorCode::kInvalidArgument, "the hint at character {} is not closed", at + 1);
    return Token{Token::Kind::kHint, std::string(source.substr(at + 3, end - at - 3)), at, end + 2};
  }
  Token token{Token::Kind::kSymbol, "", at, at + 1};
  if (IsNameStart(c)) {
    token.kind = Token::Kind::kName;
    while (token.end < source.size() && IsNamePart(source[token.end])) ++token.end;
  } else if (IsDigit(c)) {
    token.kind = Token::Kind::kNumber;
    while (token.end < source.size() && (IsNamePart(source[token.end]) || source[token.end] == '.'))
      ++token.end;
  }
  token.text = std::string(source.substr(at, token.end - at));
  return token;
}

}  // namespace

bool Token::Is(std::string_view word) const {
  return (kind == Kind::kName || kind == Kind::kSymbol) && ToUpper(text) == ToUpper(word);
}

Result<std::vector<Token>> Tokenize(std::string_view source) {
  if (!IsUtf8(source)) return Err(ErrorCode::kInvalidArgument, "the statement is not UTF-8");
  std::vector<Token> tokens;
  for (size_t at = SkipBlank(source, 0); at < source.size();
       at = SkipBlank(source, tokens.back().end)) {
    STROM_ASSIGN(Token token, NextToken(source, at));
    tokens.push_back(std::move(token));
  }
  tokens.push_back(Token{Token::Kind::kEnd, "", source.size(), source.size()});
  return tokens;
}

Result<std::vector<std::string>> SplitStatements(std::string_view script) {
  STROM_ASSIGN(const std::vector<Token> tokens, Tokenize(script));
  std::vector<std::string> statements;
  std::optional<size_t> begin;
  for (const Token& token : tokens) {
    const bool ends = token.kind == Token::Kind::kEnd ||
                      (token.kind == Token::Kind::kSymbol && token.text == ";");
    if (!ends && !begin) begin = token.begin;
    if (ends && begin) {
      statements.emplace_back(Trim(script.substr(*begin, token.begin - *begin)));
      begin.reset();
    }
  }
  return statements;
}

std::string QuoteName(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string QuoteText(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

}  // namespace strom::sql
