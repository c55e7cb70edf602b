#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/bytes.h"
#include "base/result.h"
#include "lake/iceberg/iceberg_files.h"

namespace strom::lake::iceberg {

/// Appends the bytes of one key column's value, so that equal keys have equal bytes. Errors:
/// kUnsupported for types that no key has.
Status AppendKey(const arrow::Array& column, int64_t row, Bytes& out);

/// The rows of data files that files of deletes name: positions by path.
using Positions = std::map<std::string, std::set<int64_t>>;
/// Errors: kIo, kCorrupt, kUnsupported (deletes by equality).
Result<Positions> ReadDeletes(const std::vector<FileEntry>& deletes);

/// Calls `visit` with the key and position of each row of a data file. Errors: kIo, kCorrupt.
using VisitKey = std::function<void(const Bytes& key, int64_t position)>;
Status ForEachKey(const std::string& path, const std::vector<std::string>& key_columns,
                  const VisitKey& visit);

}  // namespace strom::lake::iceberg
