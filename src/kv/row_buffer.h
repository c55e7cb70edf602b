#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace strom::kv {

/// A key in memory and what is known of it. Keeps its place, and its bytes, until its buffer goes.
class Change {
 public:
  ByteView key() const { return {reinterpret_cast<const char*>(this + 1), key_bytes_}; }
  /// The key's value; nothing when the key is gone.
  std::optional<ByteView> value() const {
    return gone_ ? std::nullopt : std::optional(ByteView(room_, value_bytes_));
  }

 private:
  friend class RowBuffer;
  char* room_ = nullptr;  // of the value; used again when the next one fits
  uint32_t room_bytes_ = 0;
  uint32_t value_bytes_ = 0;
  uint32_t key_bytes_ = 0;  // the key follows this object
  bool gone_ = true;
};

/// Changes in the order of their keys.
using SortedChanges = std::vector<const Change*>;

/// Rows in memory. Keys and values lie one after the other in large blocks, found through an open
/// table of hashes: a key costs no allocation and mostly one miss of the cache. An order is made
/// when one is asked for, and then only of what came since the last time.
///
/// Owner: one thread, which alone asks for Runs(); others may read one that does not change any
/// more.
class RowBuffer {
 public:
  RowBuffer() = default;
  RowBuffer(RowBuffer&& from) noexcept { *this = std::move(from); }
  RowBuffer& operator=(RowBuffer&& from) noexcept;

  /// What finds a key: callers that look into several buffers make it once.
  static uint64_t Hash(ByteView key) { return std::hash<ByteView>()(key); }

  /// Sets a key's value, which is `head` and `tail` one after the other, or that it is gone.
  void Put(ByteView key, uint64_t hash, ByteView head, ByteView tail);
  void Remove(ByteView key, uint64_t hash) { ChangeOf(key, hash).gone_ = true; }
  void Put(ByteView key, std::optional<ByteView> value);
  /// What is known of a key; null when nothing is.
  const Change* Find(ByteView key, uint64_t hash) const;
  /// Has the place loaded where Find will look.
  void Prefetch(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  }
  /// The same for what that place refers to; worth it some time after Prefetch.
  void PrefetchChange(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(slots_[hash & (slots_.size() - 1)].change);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// What the rows take, about.
  size_t bytes() const { return block_bytes_ + slots_.size() * sizeof(Slot); }

  /// All keys in order.
  SortedChanges Sorted() const;
  /// The keys in sorted runs, a few of them; each key is in one. Valid until the next Put.
  const std::vector<SortedChanges>& Runs() const;

 private:
  struct Slot {
    uint64_t hash = 0;
    Change* change = nullptr;
  };
  template <class IsIt>
  static size_t Probe(const std::vector<Slot>& slots, uint64_t hash, IsIt is_it);
  /// Where a key is, or would be put.
  size_t PlaceOf(ByteView key, uint64_t hash) const;
  /// The change of a key, made when there is none.
  Change& ChangeOf(ByteView key, uint64_t hash);
  void Grow();
  char* Take(size_t bytes);

  std::vector<Slot> slots_;  // a power of two of them, half full at most
  size_t size_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;  // what is left of the newest block
  size_t free_bytes_ = 0;
  size_t block_bytes_ = 0;
  mutable SortedChanges unsorted_;           // in no run yet
  mutable std::vector<SortedChanges> runs_;  // each at least twice as long as the next
};

}  // namespace strom::kv
