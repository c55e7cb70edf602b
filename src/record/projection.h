#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/schema.h"

namespace strom::record {

/// Cuts columns out of stored ARROW batches without decoding them: the header is copied with a new
/// length (its checksum goes stale, as the published format allows), metadata is rebuilt, and only
/// the buffers of the wanted columns are read.
class Projection {
 public:
  /// `columns`: positions in the table's schema, strictly ascending. Errors:
  /// kInvalidColumnProjection.
  static Result<Projection> Make(std::vector<int32_t> columns, size_t table_columns);

  /// Reads `size` bytes at `offset` of a stored batch.
  using ReadBatch = std::function<Status(int64_t offset, char* into, size_t size)>;

  /// Appends the projected form of a batch of `batch_bytes` bytes to `out`. `schema` is the one the
  /// batch was written with. Errors: kInvalidColumnProjection when that schema lacks a wanted
  /// column; kCorruptRecord; those of `read`.
  Status Project(const model::Schema& schema, int64_t batch_bytes, const ReadBatch& read,
                 Bytes& out) const;

 private:
  explicit Projection(std::vector<int32_t> columns) : columns_(std::move(columns)) {}
  std::vector<int32_t> columns_;
};

}  // namespace strom::record
