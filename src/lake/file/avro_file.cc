#include "lake/file/avro_file.h"

#include <bit>
#include <cstdlib>
#include <set>

#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "base/coding.h"
#include "base/json.h"
#include "base/uuid.h"

namespace strom::lake {
namespace {

constexpr ByteView kMagic("Obj\x01", 4);
constexpr size_t kSyncBytes = 16;
constexpr size_t kBlockBytes = 64 << 10;
constexpr size_t kMaxBlockBytes = 256 << 20;
constexpr int64_t kMaxItems = 64 << 20;
constexpr int kMaxDepth = 32;
constexpr size_t kFreeValues = 1024;
constexpr size_t kValuesPerByte = 8;
// Our files share one mark: it only has to differ from the data by chance.
constexpr ByteView kSync("strom-avro-sync!", kSyncBytes);

std::unexpected<Error> Bad(const char* what) {
  return Err(ErrorCode::kCorrupt, "Avro file: {}", what);
}

class AvroReader {
 public:
  explicit AvroReader(ByteView bytes)
      : in_(bytes), values_left_(kFreeValues + kValuesPerByte * bytes.size()) {}

  int64_t Long() {
    const uint64_t raw = in_.Varint();
    return static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
  }
  ByteView Binary() {
    const int64_t size = Long();
    if (size < 0) in_.Fail();
    return in_.Take(static_cast<uint64_t>(std::max<int64_t>(size, 0)));
  }
  ByteView Raw(size_t size) { return in_.Take(size); }
  /// The items of the next block of an array, a map or a file; 0 after the last block. A negative
  /// count says that the block's size in bytes follows, which only a skipping reader needs.
  int64_t BlockCount() {
    const int64_t count = Long();
    if (count < 0) Long();
    if (count > kMaxItems || count < -kMaxItems) in_.Fail();
    return in_.ok() ? std::abs(count) : 0;
  }
  bool ok() const { return in_.ok(); }
  bool done() const { return in_.done(); }

  /// One value of the type that `schema` describes. `named` has the records met before, which may
  /// be referred to by name.
  AvroValue Value(const Json& schema, std::map<std::string, Json>& named, int depth) {
    if (depth > kMaxDepth || values_left_ == 0 || !in_.ok()) {
      in_.Fail();
      return {};
    }
    --values_left_;
    if (schema.is_array()) {
      const int64_t branch = Long();
      if (branch < 0 || static_cast<size_t>(branch) >= schema.size()) {
        in_.Fail();
        return {};
      }
      return Value(schema[static_cast<size_t>(branch)], named, depth + 1);
    }
    const std::string type =
        schema.is_string() ? schema.get<std::string>() : JsonOr<std::string>(schema, "type", "");
    if (schema.is_object() && schema.contains("type") && !schema["type"].is_string())
      return Value(schema["type"], named, depth + 1);
    if (type == "null") return {};
    if (type == "boolean") return {Raw(1) == ByteView("\x01", 1)};
    if (type == "int" || type == "long") return {Long()};
    if (type == "float") return {static_cast<double>(in_.Le<float>())};
    if (type == "double") return {in_.Le<double>()};
    if (type == "bytes" || type == "string") return {std::string(Binary())};
    if (type == "fixed")
      return {std::string(Raw(static_cast<size_t>(JsonOr<int64_t>(schema, "size", 0))))};
    if (type == "enum") return {Long()};
    if (type == "array" || type == "map") return Sequence(schema, type == "map", named, depth);
    if (type == "record") return RecordOf(schema, named, depth);
    if (const auto it = named.find(type); it != named.end())
      return RecordOf(it->second, named, depth);
    in_.Fail();
    return {};
  }

 private:
  AvroValue RecordOf(const Json& schema, std::map<std::string, Json>& named, int depth) {
    if (const std::string name = JsonOr<std::string>(schema, "name", ""); !name.empty())
      named.try_emplace(name, schema);
    AvroValue::Record record;
    const auto fields = schema.find("fields");
    if (fields == schema.end() || !fields->is_array()) {
      in_.Fail();
      return {};
    }
    for (const Json& field : *fields) {
      if (!field.is_object() || !field.contains("type")) in_.Fail();
      if (!in_.ok()) return {};
      record[JsonOr<std::string>(field, "name", "")] = Value(field["type"], named, depth + 1);
    }
    return {std::move(record)};
  }

  AvroValue Sequence(const Json& schema, bool is_map, std::map<std::string, Json>& named,
                     int depth) {
    AvroValue::Array items;
    const auto inner = schema.find(is_map ? "values" : "items");
    if (inner == schema.end()) in_.Fail();
    while (const int64_t count = BlockCount()) {
      for (int64_t i = 0; i < count && in_.ok(); ++i) {
        if (is_map) items.push_back({std::string(Binary())});
        items.push_back(Value(*inner, named, depth + 1));
      }
    }
    return {std::move(items)};
  }

  Reader in_;
  // A schema of records without fields could ask for any number of values that take no byte.
  size_t values_left_;
};

/// Raw deflate, as Java writes it by default.
Result<Bytes> Inflate(ByteView block) {
  z_stream stream{};
  constexpr int kRawWindow = -15;
  if (inflateInit2(&stream, kRawWindow) != Z_OK) return Bad("a block does not decompress");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(block.data()));
  stream.avail_in = static_cast<uInt>(block.size());
  Bytes out;
  int state = Z_OK;
  while (state == Z_OK && out.size() <= kMaxBlockBytes) {
    const size_t before = out.size();
    out.resize(before + std::max<size_t>(64 << 10, before));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(out.size() - before);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) return Bad("a block does not decompress");
  return out;
}

Result<Bytes> Decompress(ByteView block, const std::string& codec) {
  if (codec == "null" || codec.empty()) return Bytes(block);
  if (codec == "deflate") return Inflate(block);
  if (codec != "zstandard")
    return Err(ErrorCode::kUnsupported, "Avro file: codec '{}' is not supported", codec);
  Bytes out;
  ZSTD_DStream* const stream = ZSTD_createDStream();
  ZSTD_inBuffer input{block.data(), block.size(), 0};
  size_t left = 1;
  while (left != 0 && out.size() <= kMaxBlockBytes) {
    const size_t before = out.size();
    out.resize(before + ZSTD_DStreamOutSize());
    ZSTD_outBuffer output{out.data() + before, out.size() - before, 0};
    left = ZSTD_decompressStream(stream, &output, &input);
    out.resize(before + output.pos);
    if (ZSTD_isError(left) || (output.pos == 0 && input.pos == input.size)) break;
  }
  ZSTD_freeDStream(stream);
  if (left != 0) return Bad("a block does not decompress");
  return out;
}

}  // namespace

AvroEncoder& AvroEncoder::Long(int64_t value) {
  AppendVarint(bytes_, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  return *this;
}

AvroEncoder& AvroEncoder::Binary(ByteView bytes) {
  Long(static_cast<int64_t>(bytes.size()));
  bytes_.append(bytes);
  return *this;
}

AvroFileWriter::AvroFileWriter(const std::string& schema_json,
                               std::map<std::string, std::string> metadata) {
  metadata["avro.schema"] = schema_json;
  metadata["avro.codec"] = "zstandard";
  AvroEncoder head;
  head.BlockStart(metadata.size());
  for (const auto& [key, value] : metadata) head.Binary(key).Binary(value);
  head.BlockEnd();
  file_ = Bytes(kMagic) + head.bytes() + Bytes(kSync);
}

void AvroFileWriter::Append(const AvroEncoder& record) {
  block_ += record.bytes();
  ++records_;
  if (block_.size() >= kBlockBytes) FlushBlock();
}

void AvroFileWriter::FlushBlock() {
  if (records_ == 0) return;
  Bytes compressed(ZSTD_compressBound(block_.size()), '\0');
  const size_t size =
      ZSTD_compress(compressed.data(), compressed.size(), block_.data(), block_.size(), 3);
  STROM_CHECK(!ZSTD_isError(size));
  AvroEncoder head;
  head.Long(records_).Binary(ByteView(compressed).substr(0, size));
  file_ += head.bytes();
  file_ += kSync;
  block_.clear();
  records_ = 0;
}

Bytes AvroFileWriter::Finish() {
  FlushBlock();
  return std::move(file_);
}

const AvroValue& AvroValue::operator[](const std::string& field) const {
  static const AvroValue kNull;
  const auto* record = std::get_if<Record>(&data);
  if (record == nullptr) return kNull;
  const auto it = record->find(field);
  return it == record->end() ? kNull : it->second;
}

int64_t AvroValue::Long(int64_t fallback) const {
  const auto* value = std::get_if<int64_t>(&data);
  return value == nullptr ? fallback : *value;
}

const std::string& AvroValue::Text() const {
  static const std::string kEmpty;
  const auto* value = std::get_if<std::string>(&data);
  return value == nullptr ? kEmpty : *value;
}

const AvroValue::Array& AvroValue::Items() const {
  static const Array kEmpty;
  const auto* value = std::get_if<Array>(&data);
  return value == nullptr ? kEmpty : *value;
}

Result<std::vector<AvroValue>> ReadAvroFile(ByteView file) {
  AvroReader in(file);
  if (in.Raw(kMagic.size()) != kMagic) return Bad("it has no Avro header");
  std::map<std::string, std::string> metadata;
  while (const int64_t count = in.BlockCount()) {
    for (int64_t i = 0; i < count && in.ok(); ++i) {
      const std::string key(in.Binary());
      metadata[key] = std::string(in.Binary());
    }
  }
  const ByteView sync = in.Raw(kSyncBytes);
  if (!in.ok()) return Bad("its header is cut");
  STROM_ASSIGN(const Json schema, ParseJson(metadata["avro.schema"], "Avro schema"));
  std::vector<AvroValue> records;
  while (!in.done()) {
    const int64_t count = in.Long();
    const ByteView block = in.Binary();
    if (in.Raw(kSyncBytes) != sync || !in.ok() || count < 0) return Bad("a block is damaged");
    STROM_ASSIGN(const Bytes plain, Decompress(block, metadata["avro.codec"]));
    AvroReader values(plain);
    std::map<std::string, Json> named;
    for (int64_t i = 0; i < count; ++i) {
      if (values.done()) return Bad("a block has fewer records than it says");
      records.push_back(values.Value(schema, named, 0));
      if (!values.ok()) return Bad("a record is damaged");
    }
  }
  return records;
}

}  // namespace strom::lake
