#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/schema.h"

namespace strom::record {

/// What the metadata of an Arrow IPC record batch says about its body, read without Arrow (Message
/// version V5).
struct ArrowLayout {
  struct Node {
    int64_t length;
    int64_t null_count;
  };
  struct Buffer {
    int64_t offset;  // in the body; a multiple of 8
    int64_t length;  // without padding
  };

  int64_t rows = 0;
  std::vector<Node> nodes;
  std::vector<Buffer> buffers;
  std::optional<int8_t> codec;  // 0 LZ4_FRAME, 1 ZSTD; absent = plain
  int64_t body_at = 0;          // from the start of the encapsulated message
  int64_t body_bytes = 0;
};

/// Reads the encapsulated message at the front of `message`. With `whole` the body must be there
/// too; without, the metadata is enough. Errors: kCorruptRecord; nothing outside `message` is read.
Result<ArrowLayout> ReadArrowLayout(ByteView message, bool whole = true);

/// The bytes needed to read the metadata, by the first eight bytes of a message. Errors:
/// kCorruptRecord.
Result<int64_t> ArrowMetadataBytes(ByteView first_eight);

/// How many field nodes and buffers a column takes, its children included.
struct FieldShape {
  int32_t nodes = 0;
  int32_t buffers = 0;
};
FieldShape ShapeOf(const model::DataType& type);

/// Checks that a layout has the nodes and buffers of `schema` and `rows` rows. Errors:
/// kCorruptRecord.
Status CheckLayout(const ArrowLayout& layout, const model::Schema& schema, int64_t rows);

/// The head of an encapsulated message for `layout`: continuation mark, metadata size, metadata,
/// padding; the body follows it.
Bytes BuildArrowMetadata(const ArrowLayout& layout);

}  // namespace strom::record
