#include "replica/replica.h"

#include <utility>

namespace strom::replica {

Result<log::LogTablet::Appended> Replica::Append(ByteView batches, Millis now) {
  STROM_ASSIGN(const log::LogTablet::Appended appended, log_->Append(batches, now));
  if (log_->end_offset() > high_watermark_) {
    high_watermark_ = log_->end_offset();
    OnHighWatermark();
  }
  return appended;
}

Result<int64_t> Replica::PutKv(ByteView bytes, const kv::MergeRequest& request, Millis now) {
  STROM_ASSIGN(const record::KvBatchView batch, record::KvBatchView::Read(bytes));
  // Before the merge, which may fail on rows that already have the batch in them.
  if (const auto known = log_->FindDuplicate(batch.writer_id(), batch.sequence()))
    return known->end_offset;
  STROM_ASSIGN(kv::KvTablet::Prepared prepared, kv_->Prepare(batch, request));
  return Write(std::move(prepared), now);
}

Status Replica::PutMissing(std::span<const ByteView> keys, Millis now) {
  STROM_ASSIGN(auto prepared, kv_->PrepareMissing(keys));
  if (prepared) STROM_TRY(Write(std::move(*prepared), now));
  return {};
}

Result<int64_t> Replica::Write(kv::KvTablet::Prepared prepared, Millis now) {
  STROM_ASSIGN(const log::LogTablet::Appended appended, Append(prepared.changelog, now));
  if (!appended.duplicate) kv_->Commit(std::move(prepared), appended.end_offset);
  return appended.end_offset;
}

void Replica::OnHighWatermark() {
  if (!waiters_.empty()) {
    for (const auto& weak : std::exchange(waiters_, {})) {
      if (const auto waiter = weak.lock()) waiter->OnRows();
    }
  }
  if (announce_ && high_watermark_ > announce_from_) std::exchange(announce_, nullptr)();
}

void Replica::Wait(const std::weak_ptr<RowWaiter>& waiter) {
  constexpr size_t kSweepFrom = 16;  // fetches that ended otherwise leave an expired entry behind
  if (waiters_.size() >= kSweepFrom)
    std::erase_if(waiters_, [](const auto& weak) { return weak.expired(); });
  waiters_.push_back(waiter);
}

void Replica::Announce(int64_t from_offset, std::function<void()> on_rows) {
  if (high_watermark_ > from_offset) return on_rows();
  announce_from_ = from_offset;
  announce_ = std::move(on_rows);
}

}  // namespace strom::replica
