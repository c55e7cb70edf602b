#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "kv/table_shape.h"

namespace strom::kv {

/// What a merger makes of a key's old and new row.
struct Merged {
  enum class Kind {
    kKeepOld,  // nothing changes, and nothing is logged
    kTakeNew,  // the new row as it came
    kWrite,    // `row`
    kRemove    // the key goes
  };
  Kind kind = Kind::kKeepOld;
  record::Row row;  // of the newest schema
};

/// Combines the row that a key has with one that arrives: one class a merge engine, one object a
/// batch. Rows are stored values; a merger decodes what it must look into.
class Merger {
 public:
  virtual ~Merger() = default;
  /// The key has no row yet.
  virtual Result<Merged> Insert(const record::StoredValue& incoming) const {
    (void)incoming;
    return Merged{Merged::Kind::kTakeNew, {}};
  }
  virtual Result<Merged> Update(const record::StoredValue& old,
                                const record::StoredValue& incoming) const = 0;
  virtual Result<Merged> Delete(const record::StoredValue& old) const {
    (void)old;
    return Merged{Merged::Kind::kRemove, {}};
  }
  /// Whether Update looks at the old row.
  virtual bool needs_old() const { return true; }
};

/// How a request wants its rows merged.
struct MergeRequest {
  std::span<const int32_t> target_columns;  // positions in the newest schema; empty = all
  bool overwrite = false;                   // put rows as they are, whatever the table's engine
};

/// The merger of a request. Errors: kInvalidTargetColumn (the columns cannot be updated alone, or
/// the engine has no partial update).
Result<std::unique_ptr<Merger>> MakeMerger(std::shared_ptr<const TableShape> shape,
                                           const MergeRequest& request);

}  // namespace strom::kv
