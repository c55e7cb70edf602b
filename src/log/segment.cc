#include "log/segment.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace strom::log {
namespace {

using record::LogBatchView;

/// Reads ahead in steps, so that a scan costs few system calls whatever the size of the batches.
class ForwardReader {
 public:
  ForwardReader(const io::File& file, int64_t end) : file_(file), end_(end) {}

  /// `size` bytes at `position`; fewer at the end of the file.
  Result<ByteView> At(int64_t position, size_t size) {
    const bool inside = position >= start_ && position + static_cast<int64_t>(size) <=
                                                  start_ + static_cast<int64_t>(buffer_.size());
    if (!inside) {
      const auto available = static_cast<size_t>(std::max<int64_t>(0, end_ - position));
      buffer_.resize(std::min(available, std::max(size, kStep)));
      STROM_ASSIGN(const size_t got, file_.ReadAt(position, buffer_.data(), buffer_.size()));
      buffer_.resize(got);
      start_ = position;
    }
    return ByteView(buffer_).substr(static_cast<size_t>(position - start_), size);
  }

 private:
  static constexpr size_t kStep = 256 << 10;
  const io::File& file_;
  const int64_t end_;
  int64_t start_ = 0;
  Bytes buffer_;
};

}  // namespace

void Segment::ReleaseIdle() {
  // What is not synced must be synced by the handle that wrote it.
  if (!std::exchange(used_, false) && !dirty()) log_.reset();
}

Result<std::shared_ptr<io::File>> Segment::Log() const {
  used_ = true;
  if (!log_) {
    STROM_ASSIGN(std::unique_ptr<io::File> file, files_.OpenForAppend(PathOf(kLogSuffix)));
    log_ = std::move(file);
  }
  return log_;
}

Status Segment::LoadIndexes() const {
  if (indexes_loaded_) return {};
  const auto read = [&](const char* suffix) -> Result<Bytes> {
    auto content = io::ReadWholeFile(files_, PathOf(suffix));
    if (!content && content.error().code == ErrorCode::kNotFound) return Bytes();
    return content;
  };
  STROM_ASSIGN(const Bytes index, read(kIndexSuffix));
  STROM_ASSIGN(const Bytes time_index, read(kTimeIndexSuffix));
  index_ = DecodeIndex(index, base_);
  time_index_ = DecodeTimeIndex(time_index, base_);
  while (!index_.empty() && index_.back().position >= size_) index_.pop_back();
  indexes_loaded_ = true;
  return {};
}

Status Segment::Load() {
  STROM_ASSIGN(const auto file, Log());
  size_ = file->size();
  STROM_TRY(LoadIndexes());
  flushed_entries_ = index_.size();
  flushed_time_entries_ = time_index_.size();
  synced_size_ = size_;
  int64_t from = 0;
  if (!time_index_.empty()) {
    max_timestamp_ = time_index_.back().timestamp;
    max_timestamp_offset_ = time_index_.back().base_offset;
    STROM_ASSIGN(from, PositionOf(max_timestamp_offset_, std::nullopt));
  }
  // The last batches may be newer than the last entry.
  STROM_TRY(WalkHeaders(from, [&](int64_t, const LogBatchView& batch) {
    if (batch.timestamp() > max_timestamp_) {
      max_timestamp_ = batch.timestamp();
      max_timestamp_offset_ = batch.base_offset();
    }
    return true;
  }));
  // The handle is dropped again: most old segments are never read.
  log_.reset();
  return {};
}

Result<int64_t> Segment::Recover(int64_t trusted_offset, int64_t visit_from, const Visit& visit) {
  STROM_ASSIGN(const auto file, Log());
  size_ = file->size();
  STROM_TRY(LoadIndexes());
  // Entries below the trusted offset were synced with their batches; what follows is built anew.
  const int64_t known_until = std::min(trusted_offset, visit_from);
  while (!index_.empty() && index_.back().last_offset >= known_until) index_.pop_back();
  int64_t position = index_.empty() ? 0 : index_.back().position;
  if (!index_.empty()) {
    Bytes header(LogBatchView::kHeaderBytes, '\0');
    const bool whole = position + static_cast<int64_t>(header.size()) <= size_ &&
                       ReadExactly(position, header.data(), header.size());
    if (!whole || LogBatchView(header).base_offset() > index_.back().last_offset) {
      index_.clear();
      position = 0;
    }
  }
  const int64_t first_kept = index_.empty() ? base_ : index_.back().last_offset;
  std::erase_if(time_index_,
                [&](const TimeIndexEntry& entry) { return entry.base_offset >= first_kept; });
  if (!time_index_.empty()) {
    max_timestamp_ = time_index_.back().timestamp;
    max_timestamp_offset_ = time_index_.back().base_offset;
  }
  if (!index_.empty()) index_.pop_back();  // its append is read again

  ForwardReader reader(*file, size_);
  int64_t next_offset = base_;
  bool first = true;
  while (true) {
    STROM_ASSIGN(const ByteView prefix, reader.At(position, LogBatchView::kPrefixBytes));
    if (prefix.size() < LogBatchView::kPrefixBytes) break;
    const Result<int64_t> bytes = LogBatchView::SizeAt(prefix);
    if (!bytes || position + *bytes > size_) break;
    STROM_ASSIGN(const ByteView raw, reader.At(position, static_cast<size_t>(*bytes)));
    const LogBatchView batch(raw);
    const int64_t least = first ? base_ : next_offset;
    const bool in_order = batch.last_offset_delta() >= 0 && batch.base_offset() >= least &&
                          batch.base_offset() - base_ < INT32_MAX - batch.last_offset_delta();
    if (batch.magic() != 0 || !in_order) break;
    if (batch.last_offset() >= trusted_offset && !batch.Check()) break;
    first = false;
    next_offset = batch.next_offset();
    Note(Appended{batch.base_offset(), batch.last_offset(), batch.timestamp(), *bytes}, position);
    if (batch.base_offset() >= visit_from) visit(batch);
    position += *bytes;
  }
  if (position < size_) {
    STROM_TRY(file->Truncate(position));
    size_ = position;
    STROM_TRY(file->Sync());
  }
  // Index files may hold more than was kept: write them anew with the next flush.
  for (const char* suffix : {kIndexSuffix, kTimeIndexSuffix})
    STROM_TRY(files_.Remove(PathOf(suffix)));
  flushed_entries_ = 0;
  flushed_time_entries_ = 0;
  synced_size_ = 0;
  return next_offset;
}

/// Keeps the largest timestamp, and an index entry whenever enough bytes lie behind the last one.
void Segment::Note(const Appended& appended, int64_t position) {
  if (appended.timestamp > max_timestamp_) {
    max_timestamp_ = appended.timestamp;
    max_timestamp_offset_ = appended.first_offset;
  }
  if (bytes_since_entry_ > index_interval_) {
    index_.push_back(IndexEntry{appended.last_offset, position});
    const bool newer =
        time_index_.empty() || (max_timestamp_ > time_index_.back().timestamp &&
                                max_timestamp_offset_ > time_index_.back().base_offset);
    if (newer) time_index_.push_back(TimeIndexEntry{max_timestamp_, max_timestamp_offset_});
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += appended.bytes;
}

Status Segment::Append(std::span<const ByteView> parts, const Appended& appended) {
  STROM_ASSIGN(const auto file, Log());
  if (const Status written = file->Append(parts); !written) {
    // A part of the batch may be in the file: cut it, so that the next append does not follow
    // garbage.
    if (const Status cut = file->Truncate(size_); !cut)
      return std::unexpected(cut.error().In("after a failed append"));
    return written;
  }
  if (size_ == 0) indexes_loaded_ = true;  // nothing to load for a new file
  Note(appended, size_);
  size_ += appended.bytes;
  return {};
}

Status Segment::ReadExactly(int64_t position, char* into, size_t size) const {
  STROM_ASSIGN(const auto file, Log());
  return io::ReadExactly(*file, PathOf(kLogSuffix), position, into, size);
}

Status Segment::WalkHeaders(int64_t position,
                            const std::function<bool(int64_t, const LogBatchView&)>& visit) const {
  char header[LogBatchView::kHeaderBytes];
  while (position + static_cast<int64_t>(sizeof header) <= size_) {
    STROM_TRY(ReadExactly(position, header, sizeof header));
    const ByteView view(header, sizeof header);
    STROM_ASSIGN(const int64_t bytes, LogBatchView::SizeAt(view));
    if (!visit(position, LogBatchView(view))) return {};
    position += bytes;
  }
  return {};
}

Result<int64_t> Segment::PositionOf(int64_t offset, std::optional<int64_t> hint) const {
  int64_t start = hint.value_or(0);
  if (!hint) {
    STROM_TRY(LoadIndexes());
    const auto after = std::ranges::upper_bound(index_, offset, {}, &IndexEntry::last_offset);
    if (after != index_.begin()) start = std::prev(after)->position;
  }
  int64_t found = size_;
  STROM_TRY(WalkHeaders(start, [&](int64_t position, const LogBatchView& batch) {
    if (batch.last_offset() < offset) return true;
    found = position;
    return false;
  }));
  return found;
}

Result<std::optional<int64_t>> Segment::OffsetAt(Millis timestamp) const {
  STROM_TRY(LoadIndexes());
  int64_t start = 0;
  const auto after =
      std::ranges::lower_bound(time_index_, timestamp, {}, &TimeIndexEntry::timestamp);
  if (after != time_index_.begin()) {
    STROM_ASSIGN(start, PositionOf(std::prev(after)->base_offset, std::nullopt));
  }
  std::optional<int64_t> found;
  STROM_TRY(WalkHeaders(start, [&](int64_t, const LogBatchView& batch) {
    if (batch.timestamp() < timestamp) return true;
    found = batch.base_offset();
    return false;
  }));
  return found;
}

Status Segment::Flush::Index::Write(io::FileSystem& in) const {
  if (entries == 0) return {};  // small segments need no file for it
  STROM_ASSIGN(const auto file, in.OpenForAppend(path));
  if (file->size() < position)
    return Err(ErrorCode::kCorrupt, "{} has {} of {} bytes", path, file->size(), position);
  // An earlier try may have left a part.
  if (file->size() > position) STROM_TRY(file->Truncate(position));
  if (bytes.empty()) return {};
  return file->Append(bytes);
}

Status Segment::Flush::Index::Sync(io::FileSystem& in) const {
  if (entries == 0) return {};
  STROM_ASSIGN(const auto file, in.OpenForAppend(path));
  return file->Sync();
}

Status Segment::Flush::Write() const {
  STROM_TRY(index.Write(*files));
  return time_index.Write(*files);
}

Status Segment::Flush::Sync() const {
  if (const Status synced = log->Sync(); !synced)
    return Err(ErrorCode::kLogStorage, "{}", synced.error().message);
  STROM_TRY(index.Sync(*files));
  return time_index.Sync(*files);
}

Result<Segment::Flush> Segment::MakeFlush() const {
  Flush flush;
  flush.files = &files_;
  flush.base_offset = base_;
  flush.size = size_;
  flush.first = synced_size_ == 0;
  STROM_ASSIGN(flush.log, Log());
  STROM_TRY(LoadIndexes());
  const auto after = [](const auto& entries, size_t done) {
    return std::remove_cvref_t<decltype(entries)>(
        entries.begin() + static_cast<std::ptrdiff_t>(done), entries.end());
  };
  flush.index = {PathOf(kIndexSuffix), index_.size(),
                 static_cast<int64_t>(flushed_entries_) * kIndexEntryBytes,
                 EncodeIndex(after(index_, flushed_entries_), base_)};
  flush.time_index = {PathOf(kTimeIndexSuffix), time_index_.size(),
                      static_cast<int64_t>(flushed_time_entries_) * kTimeIndexEntryBytes,
                      EncodeTimeIndex(after(time_index_, flushed_time_entries_), base_)};
  return flush;
}

void Segment::Flushed(const Flush& flush) {
  synced_size_ = flush.size;
  flushed_entries_ = flush.index.entries;
  flushed_time_entries_ = flush.time_index.entries;
}

void Segment::Seal() {
  const bool newer =
      time_index_.empty() || (max_timestamp_ > time_index_.back().timestamp &&
                              max_timestamp_offset_ > time_index_.back().base_offset);
  if (max_timestamp_ >= 0 && newer && indexes_loaded_)
    time_index_.push_back(TimeIndexEntry{max_timestamp_, max_timestamp_offset_});
}

Status Segment::Delete() {
  log_.reset();
  for (const char* suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix})
    STROM_TRY(files_.Remove(PathOf(suffix)));
  return {};
}

}  // namespace strom::log
