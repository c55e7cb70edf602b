#include "record/arrow_layout.h"

#include <flatbuffers/flatbuffers.h>

#include "base/check.h"
#include "base/coding.h"

namespace strom::record {
namespace {

// Field positions in the vtables of Arrow's Message.fbs.
constexpr flatbuffers::voffset_t FieldAt(int index) {
  return static_cast<flatbuffers::voffset_t>(4 + 2 * index);
}
constexpr auto kMessageHeaderType = FieldAt(1);
constexpr auto kMessageHeader = FieldAt(2);
constexpr auto kMessageBodyLength = FieldAt(3);
constexpr auto kBatchLength = FieldAt(0);
constexpr auto kBatchNodes = FieldAt(1);
constexpr auto kBatchBuffers = FieldAt(2);
constexpr auto kBatchCompression = FieldAt(3);
constexpr uint8_t kHeaderRecordBatch = 3;
constexpr int16_t kVersion5 = 4;
constexpr size_t kStructBytes = 16;  // FieldNode and Buffer are two int64 each
constexpr int64_t kMaxMetadataBytes = 16 << 20;

std::unexpected<Error> Bad(const char* what) {
  return Err(ErrorCode::kCorruptRecord, "Arrow message: {}", what);
}

/// A vector of two-number structs, checked to lie inside the buffer.
Result<std::span<const uint8_t>> Structs(const flatbuffers::Table& table,
                                         flatbuffers::voffset_t field,
                                         const flatbuffers::Verifier& verifier) {
  if (table.GetOptionalFieldOffset(field) == 0) return std::span<const uint8_t>();
  if (!table.VerifyOffset(verifier, field)) return Bad("a vector lies outside");
  const auto* vector = table.GetPointer<const flatbuffers::Vector<uint8_t>*>(field);
  if (!verifier.VerifyVectorOrString(reinterpret_cast<const uint8_t*>(vector), kStructBytes)) {
    return Bad("a vector lies outside");
  }
  return std::span<const uint8_t>(vector->Data(), size_t{vector->size()} * kStructBytes);
}

/// Opens the table that `field` of `parent` points to.
Result<const flatbuffers::Table*> SubTable(const flatbuffers::Table& parent,
                                           flatbuffers::voffset_t field,
                                           flatbuffers::Verifier& verifier) {
  if (!parent.VerifyOffset(verifier, field)) return Bad("a table lies outside");
  const auto* table = parent.GetPointer<const flatbuffers::Table*>(field);
  if (table == nullptr || !table->VerifyTableStart(verifier)) return Bad("a table is damaged");
  return table;
}

Status CheckBuffers(const ArrowLayout& layout) {
  int64_t total = 0;
  for (const ArrowLayout::Buffer& buffer : layout.buffers) {
    const bool inside = buffer.offset >= 0 && buffer.length >= 0 &&
                        buffer.offset <= layout.body_bytes &&
                        buffer.length <= layout.body_bytes - buffer.offset;
    if (!inside || buffer.offset % 8 != 0) return Bad("a buffer lies outside the body");
    total += buffer.length;
    if (total > layout.body_bytes) return Bad("its buffers overlap");
  }
  return {};
}

Result<ArrowLayout> ReadMetadata(const uint8_t* data, size_t size) {
  flatbuffers::Verifier verifier(data, size, 16, 64);
  if (size < 8) return Bad("the metadata is cut");
  const auto root_at = LoadLe<uint32_t>(reinterpret_cast<const char*>(data));
  if (root_at < 4 || root_at > size - 4 || root_at % 4 != 0) return Bad("the root lies outside");
  const auto* message = reinterpret_cast<const flatbuffers::Table*>(data + root_at);
  if (!message->VerifyTableStart(verifier)) return Bad("the root is damaged");
  if (!message->VerifyField<uint8_t>(verifier, kMessageHeaderType, alignof(uint8_t)) ||
      !message->VerifyField<int64_t>(verifier, kMessageBodyLength, alignof(int64_t))) {
    return Bad("the root is damaged");
  }
  if (message->GetField<uint8_t>(kMessageHeaderType, 0) != kHeaderRecordBatch)
    return Bad("it is no record batch");
  STROM_ASSIGN(const flatbuffers::Table* batch, SubTable(*message, kMessageHeader, verifier));
  if (!batch->VerifyField<int64_t>(verifier, kBatchLength, alignof(int64_t)))
    return Bad("the record batch is damaged");

  ArrowLayout layout;
  layout.body_bytes = message->GetField<int64_t>(kMessageBodyLength, 0);
  layout.rows = batch->GetField<int64_t>(kBatchLength, 0);
  if (layout.rows < 0 || layout.body_bytes < 0) return Bad("it has a negative size");
  STROM_ASSIGN(const auto nodes, Structs(*batch, kBatchNodes, verifier));
  STROM_ASSIGN(const auto buffers, Structs(*batch, kBatchBuffers, verifier));
  const auto number = [](std::span<const uint8_t> bytes, size_t at) {
    return LoadLe<int64_t>(reinterpret_cast<const char*>(bytes.data() + at));
  };
  for (size_t at = 0; at < nodes.size(); at += kStructBytes)
    layout.nodes.push_back({number(nodes, at), number(nodes, at + 8)});
  for (size_t at = 0; at < buffers.size(); at += kStructBytes) {
    layout.buffers.push_back({number(buffers, at), number(buffers, at + 8)});
  }
  if (batch->GetOptionalFieldOffset(kBatchCompression) != 0) {
    STROM_ASSIGN(const flatbuffers::Table* compression,
                 SubTable(*batch, kBatchCompression, verifier));
    if (!compression->VerifyField<int8_t>(verifier, FieldAt(0), alignof(int8_t)))
      return Bad("the compression is damaged");
    layout.codec = compression->GetField<int8_t>(FieldAt(0), 0);
    if (*layout.codec != 0 && *layout.codec != 1) return Bad("it has an unknown codec");
  }
  STROM_TRY(CheckBuffers(layout));
  return layout;
}

}  // namespace

Result<int64_t> ArrowMetadataBytes(ByteView first_eight) {
  if (first_eight.size() < 8 || LoadLe<uint32_t>(first_eight.data()) != 0xffffffffU)
    return Bad("it has no continuation mark");
  const auto size = LoadLe<int32_t>(first_eight.data() + 4);
  if (size <= 0 || size % 8 != 0 || size > kMaxMetadataBytes)
    return Bad("its metadata has an impossible size");
  return int64_t{size} + 8;
}

Result<ArrowLayout> ReadArrowLayout(ByteView message, bool whole) {
  STROM_ASSIGN(const int64_t head, ArrowMetadataBytes(message));
  if (static_cast<uint64_t>(head) > message.size()) return Bad("the metadata is cut");
  // The message may start at any address, flatbuffers want theirs aligned: the metadata is copied,
  // it is small.
  std::vector<uint64_t> aligned(static_cast<size_t>(head) / 8);
  std::memcpy(aligned.data(), message.data() + 8, static_cast<size_t>(head) - 8);
  STROM_ASSIGN(ArrowLayout layout, ReadMetadata(reinterpret_cast<const uint8_t*>(aligned.data()),
                                                static_cast<size_t>(head) - 8));
  layout.body_at = head;
  if (whole &&
      static_cast<uint64_t>(layout.body_bytes) > message.size() - static_cast<uint64_t>(head)) {
    return Bad("the body is cut");
  }
  return layout;
}

FieldShape ShapeOf(const model::DataType& type) {
  using model::TypeRoot;
  FieldShape shape;
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString:
    case TypeRoot::kBytes: return {1, 3};
    case TypeRoot::kArray: shape = {1, 2}; break;
    case TypeRoot::kMap: shape = {2, 3}; break;  // the list and its struct of entries
    case TypeRoot::kRow: shape = {1, 1}; break;
    default: return {1, 2};
  }
  for (const model::RowField& field : type.fields) {
    const FieldShape child = ShapeOf(field.type);
    shape.nodes += child.nodes;
    shape.buffers += child.buffers;
  }
  return shape;
}

Status CheckLayout(const ArrowLayout& layout, const model::Schema& schema, int64_t rows) {
  if (layout.rows != rows) {
    return Err(ErrorCode::kCorruptRecord, "the Arrow data has {} rows, the batch says {}",
               layout.rows, rows);
  }
  FieldShape expected;
  for (const model::Column& column : schema.columns) {
    const FieldShape shape = ShapeOf(column.type);
    expected.nodes += shape.nodes;
    expected.buffers += shape.buffers;
  }
  if (layout.nodes.size() != static_cast<size_t>(expected.nodes) ||
      layout.buffers.size() != static_cast<size_t>(expected.buffers)) {
    return Err(ErrorCode::kCorruptRecord,
               "the Arrow data has {} nodes and {} buffers, the schema asks for {} and {}",
               layout.nodes.size(), layout.buffers.size(), expected.nodes, expected.buffers);
  }
  return {};
}

Bytes BuildArrowMetadata(const ArrowLayout& layout) {
  flatbuffers::FlatBufferBuilder builder(256 + layout.buffers.size() * kStructBytes);
  const auto structs = [&builder](const void* data, size_t count) {
    builder.StartVector(count * kStructBytes / 8, 8);
    builder.PushBytes(static_cast<const uint8_t*>(data), count * kStructBytes);
    return builder.EndVector(count);
  };
  static_assert(sizeof(ArrowLayout::Node) == kStructBytes &&
                sizeof(ArrowLayout::Buffer) == kStructBytes);
  const auto buffers = structs(layout.buffers.data(), layout.buffers.size());
  const auto nodes = structs(layout.nodes.data(), layout.nodes.size());
  flatbuffers::Offset<flatbuffers::Table> compression;
  if (layout.codec) {
    const auto start = builder.StartTable();
    builder.AddElement<int8_t>(FieldAt(0), *layout.codec, 0);
    compression = builder.EndTable(start);
  }
  const auto batch_start = builder.StartTable();
  builder.AddElement<int64_t>(kBatchLength, layout.rows, 0);
  builder.AddOffset(kBatchNodes, flatbuffers::Offset<flatbuffers::Table>(nodes));
  builder.AddOffset(kBatchBuffers, flatbuffers::Offset<flatbuffers::Table>(buffers));
  if (layout.codec) builder.AddOffset(kBatchCompression, compression);
  const flatbuffers::Offset<flatbuffers::Table> batch = builder.EndTable(batch_start);
  const auto message_start = builder.StartTable();
  builder.AddElement<int64_t>(kMessageBodyLength, layout.body_bytes, 0);
  builder.AddOffset(kMessageHeader, batch);
  builder.AddElement<int16_t>(FieldAt(0), kVersion5, 0);
  builder.AddElement<uint8_t>(kMessageHeaderType, kHeaderRecordBatch, 0);
  builder.Finish(flatbuffers::Offset<flatbuffers::Table>(builder.EndTable(message_start)));

  const size_t size = (builder.GetSize() + 7) & ~size_t{7};
  Bytes out;
  AppendLe(out, 0xffffffffU);
  AppendLe(out, static_cast<int32_t>(size));
  out.append(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  out.resize(size + 8);
  return out;
}

}  // namespace strom::record
