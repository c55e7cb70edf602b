#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sql/lexer.h"

namespace strom::sql {

// From Flink's spelling to DuckDB's.

/// How a table is to be read: what its hint (`t /*+ OPTIONS('k' = 'v') */`) and its FOR clause say.
struct ReadOptions {
  std::map<std::string, std::string> hints;
  std::optional<std::string> as_of;  // FOR SYSTEM_TIME AS OF TIMESTAMP '...'
  std::optional<int64_t> version;    // FOR SYSTEM_VERSION AS OF 7
  bool lookup = false;               // FOR SYSTEM_TIME AS OF o.ptime: as it is now

  bool empty() const { return hints.empty() && !as_of && !version && !lookup; }
};

/// A table's name that carries `options` through DuckDB's parser to where the table is resolved.
std::string NameWith(const std::string& name, const ReadOptions& options);
/// The two again. Errors: kInvalidArgument for what NameWith did not make.
Result<std::pair<std::string, ReadOptions>> SplitName(const std::string& name);

/// The statement from `first_token` on in DuckDB's spelling: names in backticks and names with '$'
/// in double quotes; hints and FOR clauses become part of the table's name. Hints that no table has
/// say how to work, not what comes out, and are dropped. Errors: kUnsupported (an option or a time
/// that is not understood), kInvalidArgument.
Result<std::string> ToDuckDb(std::string_view source, const std::vector<Token>& tokens,
                             size_t first_token = 0);

/// Columns that some condition of the statement compares with a constant by '='.
std::set<std::string> ColumnsComparedEqual(const std::vector<Token>& tokens);

}  // namespace strom::sql
