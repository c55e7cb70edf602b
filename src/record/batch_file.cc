#include "record/batch_file.h"

#include <algorithm>
#include <memory>

#include "record/log_batch.h"

namespace strom::record {

Result<BatchRun> ReadBatches(const ReadExactly& read, const BatchSpan& span) {
  char header[LogBatchView::kHeaderBytes];
  STROM_TRY(read(span.position, header, sizeof header));
  const LogBatchView first(ByteView(header, sizeof header));
  STROM_ASSIGN(const int64_t first_bytes, LogBatchView::SizeAt(ByteView(header, sizeof header)));
  if (first.next_offset() > span.end_offset) return BatchRun();
  int64_t want = std::min(span.max_bytes, span.end_position - span.position);
  if (first_bytes > want) {
    if (!span.at_least_one) return BatchRun();
    want = first_bytes;
  }
  auto buffer = std::make_shared_for_overwrite<char[]>(static_cast<size_t>(want));
  STROM_TRY(read(span.position, buffer.get(), static_cast<size_t>(want)));
  const ByteView all(buffer.get(), static_cast<size_t>(want));
  size_t end = 0;
  int64_t next_offset = -1;
  LogBatches batches(all);
  while (true) {
    STROM_ASSIGN(const auto batch, batches.Next());
    if (!batch || batch->next_offset() > span.end_offset) break;
    end += batch->bytes().size();
    next_offset = batch->next_offset();
  }
  return BatchRun{SharedBytes(all.substr(0, end), std::move(buffer)), next_offset};
}

}  // namespace strom::record
