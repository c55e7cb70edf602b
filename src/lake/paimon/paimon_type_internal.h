#pragma once
#include "base/json.h"
#include "model/data_type.h"

namespace strom::lake::paimon {

/// A type as it stands in schema files: "DECIMAL(15, 2) NOT NULL", or an object for nested types.
Json TypeToJson(const model::DataType& type);
/// Errors: kCorrupt, kUnsupported.
Result<model::DataType> TypeFromJson(const Json& json);

}  // namespace strom::lake::paimon
