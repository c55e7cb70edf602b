#pragma once
#include <string>

#include "base/json.h"
#include "model/data_type.h"
#include "record/value.h"

namespace strom::testing {

/// A document of tests/data/vectors, made by the real software. Ends the test program when it
/// cannot be read.
Json LoadVectors(const std::string& name);

/// Types and values as the vectors spell them.
std::vector<model::DataType> TypesOf(const Json& types);
record::Value ValueOf(const model::DataType& type, const Json& value);
record::Row RowOf(const std::vector<model::DataType>& types, const Json& values);

}  // namespace strom::testing
