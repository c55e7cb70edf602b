#pragma once
#include <string>

#include "base/result.h"
#include "model/data_type.h"
#include "record/value.h"

namespace strom::record {

/// The text of a partition key value, as it stands in partition names (docs/formats/rows.md):
/// characters that names cannot have are avoided, "2023-11-14-22-13-20_123" for a timestamp.
/// Errors: kInvalidArgument for null and for types that cannot partition.
Result<std::string> PartitionText(const model::DataType& type, const Value& value);

/// The value that a text stands for, where that is unique (strings, integers, booleans, dates).
/// Errors: kUnsupported, kCorrupt.
Result<Value> PartitionValueFromText(const model::DataType& type, const std::string& text);

}  // namespace strom::record
