#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

namespace strom::kv {

struct HashBytes {
  using is_transparent = void;
  size_t operator()(ByteView bytes) const { return std::hash<ByteView>()(bytes); }
};
/// The key of each change and its new value; nothing removes the key.
using Changes = std::unordered_map<Bytes, std::optional<Bytes>, HashBytes, std::equal_to<>>;
using Change = Changes::value_type;

/// Changes in the order of their keys.
using SortedChanges = std::vector<const Change*>;
SortedChanges Sorted(const Changes& changes);

/// Rows in memory. A key is found by its hash, which costs a fraction of a search in a tree; an
/// order is made when one is asked for, and then only of what came since the last time.
///
/// Owner: one thread, which alone asks for the order; others may read rows() of one that does not
/// change any more.
class RowBuffer {
 public:
  RowBuffer() = default;
  RowBuffer(RowBuffer&&) = default;  // runs point to rows, which keep their place when moved
  RowBuffer& operator=(RowBuffer&&) = default;

  void Put(Bytes key, std::optional<Bytes> value);
  /// What is known of a key: a value, that it is gone (empty inside), or nothing.
  const std::optional<Bytes>* Find(ByteView key) const {
    const auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : &it->second;
  }
  const Changes& rows() const { return rows_; }
  bool empty() const { return rows_.empty(); }
  /// What the rows take, about.
  size_t bytes() const { return bytes_; }

  /// The keys in sorted runs, a few of them; each key is in one. Valid until the next Put.
  const std::vector<SortedChanges>& Runs() const;

 private:
  Changes rows_;
  size_t bytes_ = 0;
  mutable std::vector<const Change*> unsorted_;  // in no run yet
  mutable std::vector<SortedChanges> runs_;      // each at least twice as long as the next
};

}  // namespace strom::kv
