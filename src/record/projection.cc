#include "record/projection.h"

#include "base/coding.h"
#include "record/arrow_layout.h"
#include "record/log_batch.h"

namespace strom::record {
namespace {

/// A run of the stored body and where it goes.
struct Cut {
  int64_t from;
  int64_t size;
};

/// Selects the nodes and buffers of `columns` from `stored`; `cuts` lists the body parts to copy,
/// in order.
ArrowLayout Select(const ArrowLayout& stored, const model::Schema& schema,
                   const std::vector<int32_t>& columns, std::vector<Cut>& cuts) {
  ArrowLayout picked;
  picked.rows = stored.rows;
  picked.codec = stored.codec;
  size_t node = 0;
  size_t buffer = 0;
  size_t wanted = 0;
  for (size_t i = 0; i < schema.columns.size() && wanted < columns.size(); ++i) {
    const FieldShape shape = ShapeOf(schema.columns[i].type);
    const auto nodes_end = node + static_cast<size_t>(shape.nodes);
    const auto buffers_end = buffer + static_cast<size_t>(shape.buffers);
    if (static_cast<size_t>(columns[wanted]) == i) {
      ++wanted;
      for (size_t n = node; n < nodes_end; ++n) picked.nodes.push_back(stored.nodes[n]);
      for (size_t b = buffer; b < buffers_end; ++b) {
        const ArrowLayout::Buffer& source = stored.buffers[b];
        picked.buffers.push_back({picked.body_bytes, source.length});
        picked.body_bytes += (source.length + 7) & ~int64_t{7};
        cuts.push_back(Cut{source.offset, source.length});
      }
    }
    node = nodes_end;
    buffer = buffers_end;
  }
  return picked;
}

}  // namespace

Result<Projection> Projection::Make(std::vector<int32_t> columns, size_t table_columns) {
  constexpr ErrorCode kBad = ErrorCode::kInvalidColumnProjection;
  if (columns.empty()) return Err(kBad, "the projection names no column");
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < 0 || static_cast<size_t>(columns[i]) >= table_columns) {
      return Err(kBad, "the projection asks for column {}, the table has {}", columns[i],
                 table_columns);
    }
    if (i > 0 && columns[i] <= columns[i - 1])
      return Err(kBad, "the projected columns are not in ascending order");
  }
  return Projection(std::move(columns));
}

Status Projection::Project(const model::Schema& schema, int64_t batch_bytes, const ReadBatch& read,
                           Bytes& out) const {
  if (static_cast<size_t>(columns_.back()) >= schema.columns.size()) {
    return Err(ErrorCode::kInvalidColumnProjection,
               "column {} is newer than the batch, whose schema has {} columns", columns_.back(),
               schema.columns.size());
  }
  const size_t start = out.size();
  out.resize(start + LogBatchView::kHeaderBytes);
  STROM_TRY(read(0, out.data() + start, LogBatchView::kHeaderBytes));
  const LogBatchView header(ByteView(out).substr(start));
  const int32_t rows = header.record_count();
  if (rows < 0 || rows > batch_bytes) {
    return Err(ErrorCode::kCorruptRecord, "a log batch of {} bytes has {} records", batch_bytes,
               rows);
  }
  const auto changes = static_cast<size_t>(header.append_only() ? 0 : rows);
  if (rows == 0) return {};

  int64_t at = LogBatchView::kHeaderBytes;
  if (at + static_cast<int64_t>(changes) > batch_bytes) {
    return Err(ErrorCode::kCorruptRecord, "a log batch ends inside its change types");
  }
  if (changes != 0) {
    out.resize(out.size() + changes);
    STROM_TRY(read(at, out.data() + out.size() - changes, changes));
    at += static_cast<int64_t>(changes);
  }
  if (at + 8 > batch_bytes)
    return Err(ErrorCode::kCorruptRecord, "a log batch ends before its Arrow data");
  Bytes head(8, '\0');
  STROM_TRY(read(at, head.data(), 8));
  STROM_ASSIGN(const int64_t head_bytes, ArrowMetadataBytes(head));
  if (at + head_bytes > batch_bytes)
    return Err(ErrorCode::kCorruptRecord, "a log batch ends inside its Arrow metadata");
  head.resize(static_cast<size_t>(head_bytes));
  STROM_TRY(read(at + 8, head.data() + 8, head.size() - 8));
  STROM_ASSIGN(const ArrowLayout stored, ReadArrowLayout(head, /*whole=*/false));
  STROM_TRY(CheckLayout(stored, schema, rows));
  if (at + head_bytes + stored.body_bytes > batch_bytes) {
    return Err(ErrorCode::kCorruptRecord, "a log batch ends inside its Arrow body");
  }

  std::vector<Cut> cuts;
  const ArrowLayout picked = Select(stored, schema, columns_, cuts);
  out += BuildArrowMetadata(picked);
  const size_t body = out.size();
  out.resize(body + static_cast<size_t>(picked.body_bytes));
  for (size_t i = 0; i < cuts.size(); ++i) {
    if (cuts[i].size == 0) continue;
    STROM_TRY(read(at + head_bytes + cuts[i].from,
                   out.data() + body + static_cast<size_t>(picked.buffers[i].offset),
                   static_cast<size_t>(cuts[i].size)));
  }
  StoreLe(out.data() + start + 8,
          static_cast<int32_t>(out.size() - start - LogBatchView::kPrefixBytes));
  return {};
}

}  // namespace strom::record
