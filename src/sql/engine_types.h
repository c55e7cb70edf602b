#pragma once
#include <memory>
#include <string>

#include <arrow/type_fwd.h>

#include "base/result.h"
#include "model/data_type.h"

namespace strom::sql {

/// The Arrow types that scans give to DuckDB: microseconds for timestamps, a zone for
/// TIMESTAMP_LTZ.
std::shared_ptr<arrow::DataType> EngineType(const model::DataType& type);
/// DuckDB's name of a column's type.
std::string EngineTypeName(const model::DataType& type);
/// `array` as `type`. Errors: kInvalidArgument when a value does not fit.
Result<std::shared_ptr<arrow::Array>> CastTo(const std::shared_ptr<arrow::Array>& array,
                                             const std::shared_ptr<arrow::DataType>& type);

}  // namespace strom::sql
