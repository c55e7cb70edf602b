#pragma once
#include <cstdio>
#include <memory>
#include <string>

#include "base/result.h"
#include "sql/session.h"

namespace strom::cli {

/// Prints results to standard output in one of the formats table, json, ndjson, csv. Errors:
/// kInvalidArgument.
Result<std::unique_ptr<sql::RowSink>> MakePrinter(const std::string& format, FILE* out);

}  // namespace strom::cli
