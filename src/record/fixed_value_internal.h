#pragma once
#include <optional>

#include "base/bytes.h"
#include "base/coding.h"
#include "model/data_type.h"
#include "record/value.h"

namespace strom::record {

/// Bytes of a value that has a fixed width everywhere but in compacted rows; nothing for the
/// others.
std::optional<Bytes> FixedBytes(const model::DataType& type, const Value& value);
/// Their number; 0 for types without a fixed width.
size_t FixedWidth(const model::DataType& type);
/// The inverse of FixedBytes.
Value ReadFixed(const model::DataType& type, Reader& in);

}  // namespace strom::record
