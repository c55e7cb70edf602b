#include "log/log_tablet.h"

#include <algorithm>

#include "base/check.h"
#include "base/log_line.h"
#include "record/batch_file.h"

namespace strom::log {
namespace {

using record::LogBatches;
using record::LogBatchView;

/// So much is read again of a bucket after a crash, to know its writers; a snapshot with each flush
/// would create and remove a file for every bucket, again and again.
constexpr int64_t kSnapshotBytes = 256 << 10;

constexpr size_t kStampBytes =
    LogBatchView::kCrcAt;  // base offset, length, magic, timestamp: all before the checksum

}  // namespace

Result<std::unique_ptr<LogTablet>> LogTablet::Open(io::FileSystem& files, Options options) {
  STROM_CHECK(options.segment_bytes <= INT32_MAX);
  std::unique_ptr<LogTablet> tablet(new LogTablet(files, std::move(options)));
  STROM_TRY(tablet->LoadSegments());
  tablet->flushed_offset_ = std::min(tablet->options_.flushed_offset, tablet->end_offset_);
  if (tablet->options_.clean) tablet->flushed_offset_ = tablet->end_offset_;
  return tablet;
}

Status LogTablet::LoadSegments() {
  auto listed = files_.List(options_.dir);
  if (!listed && listed.error().code != ErrorCode::kNotFound)
    return std::unexpected(listed.error());
  std::vector<int64_t> bases;
  if (listed) {
    directory_made_ = true;
    for (const io::Entry& entry : *listed) {
      if (const auto base = OffsetInName(entry.name, kLogSuffix)) bases.push_back(*base);
    }
    for (const io::Entry& entry : *listed) {  // leftovers of a deletion or of an unfinished write
      const auto index = OffsetInName(entry.name, kIndexSuffix);
      const auto time_index = OffsetInName(entry.name, kTimeIndexSuffix);
      const bool orphan = (index && !std::ranges::binary_search(bases, *index)) ||
                          (time_index && !std::ranges::binary_search(bases, *time_index));
      if (orphan || entry.name.ends_with(".tmp"))
        STROM_TRY(files_.Remove(options_.dir + "/" + entry.name));
    }
  }
  if (bases.empty()) bases.push_back(0);
  for (const int64_t base : bases) {
    segments_.push_back(
        std::make_unique<Segment>(files_, options_.dir, base, options_.index_interval_bytes));
  }
  if (!listed) return {};

  // Writers are restored from the newest snapshot at or below the end, and from the batches after
  // it.
  const int64_t trusted = options_.clean ? INT64_MAX : options_.flushed_offset;
  int64_t snapshot_offset = -1;
  for (const std::string& name : SnapshotNames()) {
    const int64_t offset = *OffsetInName(name, kWriterSnapshotSuffix);
    if (offset > trusted) continue;
    const auto content = io::ReadWholeFile(files_, options_.dir + "/" + name);
    if (content && writers_.LoadJson(*content)) snapshot_offset = offset;
  }
  const int64_t replay_from = std::max<int64_t>(snapshot_offset, 0);
  const auto remember = [this](const LogBatchView& batch) {
    writers_.Remember(batch, batch.base_offset(), batch.timestamp());
    bytes_since_snapshot_ += static_cast<int64_t>(batch.bytes().size());
  };

  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = *segments_[i];
    const bool last = i + 1 == segments_.size();
    const int64_t next_base = last ? INT64_MAX : segments_[i + 1]->base_offset();
    if (!last && next_base <= trusted) {
      STROM_TRY(segment.Load());
      if (next_base > replay_from) {
        STROM_TRY(segment.WalkHeaders(0, [&](int64_t, const LogBatchView& batch) {
          if (batch.base_offset() >= replay_from) remember(batch);
          return true;
        }));
        writers_at_[next_base] = writers_.ToJson();
      }
      max_timestamp_ = std::max(max_timestamp_, segment.max_timestamp());
      continue;
    }
    STROM_ASSIGN(end_offset_, segment.Recover(trusted, replay_from, remember));
    max_timestamp_ = std::max(max_timestamp_, segment.max_timestamp());
    if (!last && end_offset_ != next_base) {  // a fault inside: what follows cannot be trusted
      LogWarn("{}: {} is damaged at offset {}; {} later segments are dropped",
              options_.bucket.ToString(), options_.dir, end_offset_, segments_.size() - i - 1);
      while (segments_.size() > i + 1) {
        STROM_TRY(segments_.back()->Delete());
        segments_.pop_back();
      }
    } else if (!last && next_base > replay_from) {
      writers_at_[next_base] = writers_.ToJson();
    }
  }
  if (segments_.back()->size() == 0)
    end_offset_ = std::max(end_offset_, segments_.back()->base_offset());
  return {};
}

std::vector<std::string> LogTablet::SnapshotNames() const {
  std::vector<std::string> names;
  const auto listed = files_.List(options_.dir);
  if (!listed) return names;
  for (const io::Entry& entry : *listed) {
    if (OffsetInName(entry.name, kWriterSnapshotSuffix)) names.push_back(entry.name);
  }
  return names;
}

Result<LogTablet::Appended> LogTablet::Append(ByteView bytes, Millis now) {
  if (broken_) {
    return Err(ErrorCode::kLogStorage, "{} refuses writes after a failed write to {}",
               options_.bucket.ToString(), options_.dir);
  }
  Appended appended;
  std::vector<LogBatchView> batches;
  LogBatches all(bytes);
  while (true) {
    STROM_ASSIGN(const auto batch, all.Next());
    if (!batch) break;
    STROM_TRY(batch->Check());
    batches.push_back(*batch);
  }
  if (batches.empty()) return appended;

  for (const LogBatchView& batch : batches) {
    if (const auto known = FindDuplicate(batch.writer_id(), batch.sequence())) return *known;
  }
  // A request may hold several batches of one writer; each must follow the one before.
  WriterState checked;
  const WriterState* against = &writers_;
  if (batches.size() > 1) {
    checked = writers_;
    against = &checked;
  }
  const Millis timestamp = std::max(max_timestamp_, now);
  int64_t next = end_offset_;
  std::vector<std::array<char, kStampBytes>> stamps(batches.size());
  std::vector<ByteView> parts;
  parts.reserve(batches.size() * 2);
  for (size_t i = 0; i < batches.size(); ++i) {
    const LogBatchView& batch = batches[i];
    STROM_TRY(against->CheckSequence(batch));
    if (batches.size() > 1) checked.Remember(batch, next, timestamp);
    std::memcpy(stamps[i].data(), batch.bytes().data(), kStampBytes);
    StoreLe(stamps[i].data(), next);
    StoreLe(stamps[i].data() + LogBatchView::kTimestampAt, timestamp);
    parts.emplace_back(stamps[i].data(), kStampBytes);
    parts.push_back(batch.bytes().substr(kStampBytes));
    appended.bytes += static_cast<int64_t>(batch.bytes().size());
    next += batch.last_offset_delta() + 1;
  }

  const bool too_far = next - active().base_offset() > INT32_MAX;
  if (active().size() > 0 && (active().size() + appended.bytes > options_.segment_bytes || too_far))
    STROM_TRY(Roll(end_offset_));
  if (!directory_made_) {
    STROM_TRY(files_.MakeDirectories(options_.dir));
    directory_made_ = true;
  }
  const Segment::Appended facts{end_offset_, next - 1, timestamp, appended.bytes};
  if (const Status written = active().Append(parts, facts); !written) {
    broken_ = true;
    return Err(ErrorCode::kLogStorage, "{}: {}", options_.bucket.ToString(),
               written.error().message);
  }
  appended.first_offset = end_offset_;
  appended.end_offset = next;
  int64_t base = end_offset_;
  for (const LogBatchView& batch : batches) {
    writers_.Remember(batch, base, timestamp);
    base += batch.last_offset_delta() + 1;
  }
  end_offset_ = next;
  max_timestamp_ = timestamp;
  bytes_since_snapshot_ += appended.bytes;
  return appended;
}

std::optional<LogTablet::Appended> LogTablet::FindDuplicate(int64_t writer_id,
                                                            int32_t sequence) const {
  const auto known = writers_.FindDuplicate(writer_id, sequence);
  if (!known) return std::nullopt;
  return Appended{known->first_offset(), known->last_offset + 1, 0, true};
}

Status LogTablet::Roll(int64_t base_offset) {
  active().Seal();
  writers_at_[base_offset] = writers_.ToJson();
  segments_.push_back(
      std::make_unique<Segment>(files_, options_.dir, base_offset, options_.index_interval_bytes));
  return {};
}

size_t LogTablet::SegmentAt(int64_t offset) const {
  const auto after = std::ranges::upper_bound(segments_, offset, {},
                                              [](const auto& s) { return s->base_offset(); });
  return after == segments_.begin() ? 0 : static_cast<size_t>(after - segments_.begin()) - 1;
}

bool LogTablet::IsSegmentBase(int64_t offset) const {
  return segments_[SegmentAt(offset)]->base_offset() == offset;
}

std::optional<int64_t> LogTablet::HintFor(const Segment& segment, int64_t offset) const {
  for (const Hint& hint : hints_) {
    const bool fits = hint.offset == offset && hint.segment_base == segment.base_offset();
    if (fits && hint.position < segment.size()) return hint.position;
  }
  return std::nullopt;
}

void LogTablet::AddHint(const Segment& segment, int64_t offset, int64_t position) {
  hints_[next_hint_] = Hint{segment.base_offset(), offset, position};
  next_hint_ = (next_hint_ + 1) % hints_.size();
}

Result<SharedBytes> LogTablet::Read(int64_t offset, const ReadLimits& limits,
                                    const ProjectionRequest* projection) {
  if (offset < start_offset() || offset > end_offset_) {
    return Err(ErrorCode::kLogOffsetOutOfRange, "{} has the offsets {} to {}, {} was asked for",
               options_.bucket.ToString(), start_offset(), end_offset_, offset);
  }
  for (size_t i = SegmentAt(offset); i < segments_.size() && offset < limits.end_offset; ++i) {
    const Segment& segment = *segments_[i];
    STROM_ASSIGN(const int64_t position, segment.PositionOf(offset, HintFor(segment, offset)));
    if (position >= segment.size()) continue;  // a gap at the segment's end
    return projection == nullptr ? ReadWhole(segment, position, limits)
                                 : ReadProjected(segment, position, limits, *projection);
  }
  return SharedBytes();
}

Result<SharedBytes> LogTablet::ReadWhole(const Segment& segment, int64_t position,
                                         const ReadLimits& limits) {
  STROM_ASSIGN(
      record::BatchRun run,
      record::ReadBatches(
          [&](int64_t at, char* into, size_t size) { return segment.ReadExactly(at, into, size); },
          {position, segment.size(), limits.max_bytes, limits.end_offset, limits.at_least_one}));
  if (!run.bytes.empty()) {
    AddHint(segment, run.next_offset, position + static_cast<int64_t>(run.bytes.size()));
  }
  return std::move(run.bytes);
}

Result<SharedBytes> LogTablet::ReadProjected(const Segment& segment, int64_t position,
                                             const ReadLimits& limits,
                                             const ProjectionRequest& request) {
  Bytes out;
  int64_t next_offset = -1;
  char header[LogBatchView::kHeaderBytes];
  while (position < segment.size()) {
    STROM_TRY(segment.ReadExactly(position, header, sizeof header));
    const LogBatchView batch(ByteView(header, sizeof header));
    STROM_ASSIGN(const int64_t batch_bytes, LogBatchView::SizeAt(ByteView(header, sizeof header)));
    if (batch.next_offset() > limits.end_offset) break;
    const std::shared_ptr<const model::Schema> schema = request.schema_of(batch.schema_id());
    if (!schema)
      return Err(ErrorCode::kSchemaNotExist, "schema {} of {} does not exist", batch.schema_id(),
                 options_.bucket.ToString());
    const auto read = [&](int64_t at, char* into, size_t size) {
      return segment.ReadExactly(position + at, into, size);
    };
    const size_t before = out.size();
    STROM_TRY(request.projection.Project(*schema, batch_bytes, read, out));
    if (static_cast<int64_t>(out.size()) > limits.max_bytes &&
        !(before == 0 && limits.at_least_one)) {
      out.resize(before);
      break;
    }
    next_offset = batch.next_offset();
    position += batch_bytes;
  }
  if (next_offset >= 0) AddHint(segment, next_offset, position);
  return SharedBytes::Own(std::move(out));
}

Result<int64_t> LogTablet::OffsetForTimestamp(Millis timestamp) const {
  for (const auto& segment : segments_) {
    if (segment->max_timestamp() < timestamp) continue;
    STROM_ASSIGN(const auto offset, segment->OffsetAt(timestamp));
    if (offset) return *offset;
  }
  return end_offset_;
}

int64_t LogTablet::bytes() const {
  int64_t total = 0;
  for (const auto& segment : segments_) total += segment->size();
  return total;
}

bool LogTablet::needs_flush() const {
  return std::ranges::any_of(segments_, [](const auto& segment) { return segment->dirty(); });
}

void LogTablet::Flushed(const FlushJob& job) {
  for (const Segment::Flush& flush : job.segments) {
    const auto it = std::ranges::find(segments_, flush.base_offset,
                                      [](const auto& segment) { return segment->base_offset(); });
    if (it != segments_.end()) (*it)->Flushed(flush);
  }
  for (const FlushJob::WriterSnapshot& snapshot : job.snapshots) writers_at_.erase(snapshot.offset);
  bytes_since_snapshot_ -= job.snapshot_bytes;
  flushed_offset_ = std::max(flushed_offset_, job.end_offset);
}

void LogTablet::FlushFailed(const Error& error) {
  if (error.code != ErrorCode::kLogStorage) return;
  broken_ = true;
  sync_failed_ = true;
}

Result<FlushJob> LogTablet::MakeFlush(FlushKind kind) {
  if (sync_failed_) {
    return Err(ErrorCode::kLogStorage,
               "{} was not synced, rows after offset {} may be lost; check the disk of {} and "
               "start the server again",
               options_.bucket.ToString(), flushed_offset_, options_.dir);
  }
  FlushJob job;
  job.files = &files_;
  job.dir = options_.dir;
  job.end_offset = end_offset_;
  for (const auto& segment : segments_) {
    if (!segment->dirty()) continue;
    STROM_ASSIGN(Segment::Flush flush, segment->MakeFlush());
    job.segments.push_back(std::move(flush));
  }
  const auto add = [&](int64_t offset, std::string content) {
    job.snapshots.push_back({offset, options_.dir + "/" + FileNameOf(offset, kWriterSnapshotSuffix),
                             std::move(content)});
  };
  for (const auto& [offset, content] : writers_at_) add(offset, content);
  const int64_t enough = kind == FlushKind::kFinal ? 1 : kSnapshotBytes;
  if (bytes_since_snapshot_ < enough) return job;
  job.snapshot_bytes = bytes_since_snapshot_;
  if (!writers_at_.contains(end_offset_)) add(end_offset_, writers_.ToJson());
  for (const std::string& old : SnapshotNames()) {
    const int64_t offset = *OffsetInName(old, kWriterSnapshotSuffix);
    const bool wanted = offset == end_offset_ || IsSegmentBase(offset);
    if (!wanted) job.obsolete.push_back(options_.dir + "/" + old);
  }
  return job;
}

Result<int> LogTablet::DeleteExpired(Millis expire_before, int64_t limit_offset, bool roll_active) {
  const auto expired = [&](const Segment& segment) {
    return segment.size() > 0 && !segment.dirty() && segment.max_timestamp() < expire_before;
  };
  if (roll_active && expired(active()) && end_offset_ <= limit_offset) STROM_TRY(Roll(end_offset_));
  int deleted = 0;
  while (segments_.size() > 1 && expired(*segments_.front()) &&
         segments_[1]->base_offset() <= limit_offset) {
    STROM_TRY(DeleteFirst());
    ++deleted;
  }
  if (deleted > 0) STROM_TRY(KeepFileOfEmptyActive());
  return deleted;
}

Status LogTablet::DeleteFirst() {
  const int64_t base = segments_.front()->base_offset();
  STROM_TRY(segments_.front()->Delete());
  segments_.erase(segments_.begin());
  writers_at_.erase(base);
  return files_.Remove(options_.dir + "/" + FileNameOf(base, kWriterSnapshotSuffix));
}

/// An empty newest segment must leave a file, or the next start would number rows from 0 again.
Status LogTablet::KeepFileOfEmptyActive() {
  if (segments_.size() > 1 || active().size() > 0 || active().base_offset() == 0) return {};
  STROM_TRY(
      files_.OpenForAppend(options_.dir + "/" + FileNameOf(active().base_offset(), kLogSuffix)));
  return {};
}

std::vector<LogTablet::ClosedSegment> LogTablet::ClosedSegments(int64_t from_offset) const {
  std::vector<ClosedSegment> closed;
  for (size_t i = SegmentAt(from_offset); i + 1 < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    const int64_t end = segments_[i + 1]->base_offset();
    if (segment.dirty() || end > flushed_offset_) break;
    if (segment.base_offset() < from_offset) continue;
    closed.push_back({segment.base_offset(), end, segment.size(), segment.max_timestamp()});
  }
  return closed;
}

Result<int> LogTablet::DeleteCopied(size_t kept, int64_t limit_offset) {
  int deleted = 0;
  while (segments_.size() > std::max<size_t>(kept, 1) &&
         segments_[1]->base_offset() <= limit_offset && !segments_.front()->dirty()) {
    STROM_TRY(DeleteFirst());
    ++deleted;
  }
  if (deleted > 0) STROM_TRY(KeepFileOfEmptyActive());
  return deleted;
}

Status LogTablet::StartAt(int64_t offset, const std::string& writers) {
  WriterState restored;
  STROM_TRY(restored.LoadJson(writers));
  while (!segments_.empty()) {  // the newest first: what is left after a crash has no gap
    STROM_TRY(segments_.back()->Delete());
    segments_.pop_back();
  }
  STROM_TRY(files_.MakeDirectories(options_.dir));
  for (const std::string& name : SnapshotNames())
    STROM_TRY(files_.Remove(options_.dir + "/" + name));
  directory_made_ = true;
  segments_.push_back(
      std::make_unique<Segment>(files_, options_.dir, offset, options_.index_interval_bytes));
  end_offset_ = offset;
  flushed_offset_ = offset;
  writers_ = std::move(restored);
  writers_at_.clear();
  bytes_since_snapshot_ = 0;
  hints_ = {};
  STROM_TRY(io::WriteFileAtomically(
      files_, options_.dir + "/" + FileNameOf(offset, kWriterSnapshotSuffix), writers_.ToJson()));
  return KeepFileOfEmptyActive();
}

Status LogTablet::Close() {
  STROM_ASSIGN(const FlushJob job, MakeFlush(FlushKind::kFinal));
  if (const Status flushed = job.Run(); !flushed) {
    FlushFailed(flushed.error());
    return flushed;
  }
  Flushed(job);
  return {};
}

}  // namespace strom::log
