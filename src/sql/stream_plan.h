#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace strom::sql {

/// The column that says of each row of a stream what happened to it: "+I", "-U", "+U", "-D".
inline constexpr const char* kOpColumn = "__op";

/// A query that is run again and again, over each piece of a stream as it comes.
struct StreamPlan {
  std::string query;             // its first column, called `op`, is kOpColumn's
  std::optional<int64_t> limit;  // rows after which it ends
};

/// Makes a plan of one SELECT. `is_source`: whether the table called so is the stream, whose
/// relation has kOpColumn among its columns; others are looked up as they are. Errors:
/// kInvalidArgument (syntax), kUnsupported (no stream in it, or work over more than the row at
/// hand: that is Flink's).
Result<StreamPlan> PlanStream(const std::string& query,
                              const std::function<bool(const std::string& table)>& is_source);

/// Whether the statement is a SELECT with a stream in it.
bool ReadsStream(const std::string& query,
                 const std::function<bool(const std::string& table)>& is_source);

}  // namespace strom::sql
