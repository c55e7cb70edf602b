#pragma once
#include "base/result.h"
#include "model/schema.h"
#include "record/value.h"

namespace strom::kv {

/// Combines a stored value with an incoming one (docs/sql.md has the functions); parameters were
/// checked when the table was made.
using Aggregate = Result<record::Value> (*)(const model::Column& column,
                                            const record::Value& stored,
                                            const record::Value& incoming);

/// The function of a column, last_value_ignore_nulls when it names none. Errors: kInvalidConfig for
/// an unknown one.
Result<Aggregate> AggregateOf(const model::Column& column);

}  // namespace strom::kv
