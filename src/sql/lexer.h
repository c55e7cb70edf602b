#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strom::sql {

/// A piece of a statement. `text` of a name or string is without its quotes, of a hint (/*+ ... */)
/// what is inside.
struct Token {
  enum class Kind { kName, kQuotedName, kString, kNumber, kSymbol, kHint, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;
  size_t begin = 0;  // in the source
  size_t end = 0;

  /// A word that was not quoted, compared without regard to case.
  bool Is(std::string_view word) const;
};

/// Cuts one statement into tokens; comments are dropped, "t$lake" is one name. The last token is
/// kEnd. Errors: kInvalidArgument for a quote or a hint that is not closed, and for what is not
/// UTF-8.
Result<std::vector<Token>> Tokenize(std::string_view source);

/// Cuts a script at its semicolons; statements without any token are left out. Errors:
/// kInvalidArgument.
Result<std::vector<std::string>> SplitStatements(std::string_view script);

std::string QuoteName(const std::string& name);
std::string QuoteText(const std::string& text);

}  // namespace strom::sql
