#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace strom {

/// Borrowed raw bytes; lives no longer than what it points into.
using ByteView = std::string_view;
/// Owned raw bytes.
using Bytes = std::string;

/// A slice of immutable bytes together with a share in whatever owns them, so that a fetched batch
/// goes from file to socket, and a produced one from socket to file, without a copy.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(ByteView view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}

  /// Takes over `bytes`.
  static SharedBytes Own(Bytes bytes) {
    auto owner = std::make_shared<const Bytes>(std::move(bytes));
    const ByteView view = *owner;
    return SharedBytes(view, std::move(owner));
  }

  ByteView view() const { return view_; }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  std::string str() const { return std::string(view_); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  /// The part [offset, offset + size) with a share in the same owner; cut at the end of this slice.
  SharedBytes Slice(size_t offset, size_t size) const {
    return SharedBytes(view_.substr(offset, size), owner_);
  }

 private:
  ByteView view_;
  std::shared_ptr<const void> owner_;
};

/// Lower-case hex of `bytes`.
std::string ToHex(ByteView bytes);
/// The bytes of `hex`; characters that are no hex digits end the conversion.
Bytes FromHex(std::string_view hex);

}  // namespace strom
