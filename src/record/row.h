#pragma once
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "record/value.h"

namespace strom::record {

using Types = std::span<const model::DataType>;

// The three row formats of Apache Fluss 0.9 (docs/formats/rows.md). Little endian, without magic or
// version. A row carries no types: reader and writer must agree on `types`. Encoders return
// kInvalidArgument when a value does not fit its type; decoders return kCorrupt, and never read
// outside `bytes`.

/// Variable-length integers, fields one after the other.
Result<Bytes> EncodeCompactedRow(Types types, const Row& row);
Result<Row> DecodeCompactedRow(Types types, ByteView bytes);

/// What a row says of each column without decoding it: the bytes of its value, or nothing for a
/// null.
using Fields = std::vector<std::optional<ByteView>>;
/// Finds the fields of a row; they refer to `bytes`. Errors: kCorrupt.
Status SplitCompactedRow(Types types, ByteView bytes, Fields& fields);
/// The value of such a field; texts are their own bytes.
Result<Value> DecodeCompactedField(const model::DataType& type, ByteView field);

/// Fixed widths behind a list of lengths.
Result<Bytes> EncodeIndexedRow(Types types, const Row& row);
Result<Row> DecodeIndexedRow(Types types, ByteView bytes);

Status SplitIndexedRow(Types types, ByteView bytes, Fields& fields);
Result<Value> DecodeIndexedField(const model::DataType& type, ByteView field);

/// Eight bytes a field and a variable part: Flink's BinaryRow. Paimon's differs in one thing: a
/// null DECIMAL above 18 digits or TIMESTAMP above milliseconds keeps its variable bytes, so that
/// it could be set in place later.
enum class AlignedNulls { kPlain, kReserveSpace };
Result<Bytes> EncodeAlignedRow(Types types, const Row& row,
                               AlignedNulls nulls = AlignedNulls::kPlain);
Result<Row> DecodeAlignedRow(Types types, ByteView bytes);

/// The fields of a key one after the other as in a compacted row, without null bits. A null is an
/// error.
Result<Bytes> EncodeCompactedKey(Types types, const Row& row);
Result<Row> DecodeCompactedKey(Types types, ByteView bytes);

}  // namespace strom::record
