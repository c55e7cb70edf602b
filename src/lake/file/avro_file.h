#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::lake {

/// Bytes of Avro values, written in schema order by the caller.
class AvroEncoder {
 public:
  AvroEncoder& Long(int64_t value);     // int and long alike
  AvroEncoder& Binary(ByteView bytes);  // bytes and string alike
  AvroEncoder& Bool(bool value) {
    bytes_.push_back(value ? '\1' : '\0');
    return *this;
  }
  AvroEncoder& Branch(int index) { return Long(index); }
  template <class T>
  AvroEncoder& OptionalLong(const std::optional<T>& value) {
    if (!value) return Branch(0);
    return Branch(1).Long(static_cast<int64_t>(*value));
  }
  AvroEncoder& BlockStart(size_t items) {
    return items == 0 ? *this : Long(static_cast<int64_t>(items));
  }
  AvroEncoder& BlockEnd() { return Long(0); }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// An Avro object container file in memory; blocks are compressed with zstandard. The schema text
/// is kept as it is given, so attributes that Avro itself does not know survive.
class AvroFileWriter {
 public:
  explicit AvroFileWriter(const std::string& schema_json,
                          std::map<std::string, std::string> metadata = {});
  void Append(const AvroEncoder& record);
  Bytes Finish();

 private:
  void FlushBlock();
  Bytes file_;
  Bytes block_;
  int64_t records_ = 0;
};

/// A decoded value. Records are maps by field name; a null branch is monostate; unions are what
/// they hold.
struct AvroValue {
  using Array = std::vector<AvroValue>;
  using Record = std::map<std::string, AvroValue>;
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Record> data;

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  /// The field of a record, or a null value.
  const AvroValue& operator[](const std::string& field) const;
  int64_t Long(int64_t fallback = 0) const;
  const std::string& Text() const;  // string and bytes; empty otherwise
  const Array& Items() const;       // empty otherwise
};

/// Reads a whole container file by the schema it carries; codecs null, deflate and
/// zstandard. Errors: kCorrupt, kUnsupported. Memory is bounded by a limit on the size of a
/// block.
Result<std::vector<AvroValue>> ReadAvroFile(ByteView file);

}  // namespace strom::lake
