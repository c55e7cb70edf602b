#pragma once
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "kv/table_shape.h"
#include "record/log_batch.h"
#include "record/row.h"

namespace strom::kv {

/// Builds the one log batch that the changes of a key batch become, in the table's log format and
/// its newest schema.
class ChangelogBuilder {
 public:
  /// `rows`: how many are to be expected.
  ChangelogBuilder(std::shared_ptr<const TableShape> shape, size_t rows);
  ~ChangelogBuilder();

  /// Errors: kInvalidArgument.
  Status Append(record::ChangeType type, const record::Row& row);
  /// A row that is at hand in its kv format. Errors: kCorrupt.
  Status Append(record::ChangeType type, const record::Fields& fields);
  int32_t record_count() const;
  /// The batch with base offset 0; without changes one without records, which still takes an offset
  /// and carries the writer's sequence. Once. Errors: kIo.
  Result<Bytes> Build(int64_t writer_id, int32_t sequence);

 private:
  struct Body;
  const std::unique_ptr<Body> body_;
};

}  // namespace strom::kv
