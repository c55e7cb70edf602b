#include "replica/kv_scans.h"

#include "base/coding.h"

namespace strom::replica {
namespace {

constexpr size_t kIdBytes = 12;

}  // namespace

std::optional<size_t> KvScans::ShardOf(ByteView id) {
  if (id.size() != kIdBytes) return std::nullopt;
  return LoadLe<uint32_t>(id.data());
}

void KvScans::Expire(Millis now) {
  for (auto it = scans_.begin(); it != scans_.end();) {
    if (it->second.last_used + kIdleMs > now) {
      ++it;
      continue;
    }
    expired_[it->first] = now;
    it = scans_.erase(it);
  }
  std::erase_if(expired_, [now](const auto& one) { return one.second + 2 * kIdleMs < now; });
}

Result<std::pair<Bytes, KvScans::Scan*>> KvScans::Open(size_t shard,
                                                       const model::TableBucket& bucket,
                                                       kv::KvScan rows, Millis now) {
  Expire(now);
  const auto of_bucket = static_cast<size_t>(
      std::ranges::count_if(scans_, [&](const auto& s) { return s.second.bucket == bucket; }));
  if (of_bucket >= kMaxPerBucket || scans_.size() >= kMaxPerShard) {
    return Err(ErrorCode::kTooManyScanners, "{} scans of {} and {} in all are open; close some",
               of_bucket, bucket.ToString(), scans_.size());
  }
  Bytes id;
  AppendLe(id, static_cast<uint32_t>(shard));
  AppendLe(id, static_cast<uint64_t>(random_()));
  Scan scan{bucket, std::move(rows)};
  scan.last_used = now;
  const auto it = scans_.emplace(id, std::move(scan)).first;
  return std::pair(id, &it->second);
}

Result<KvScans::Scan*> KvScans::Find(ByteView id, Millis now) {
  Expire(now);
  const auto it = scans_.find(Bytes(id));
  if (it != scans_.end()) {
    it->second.last_used = now;
    return &it->second;
  }
  if (expired_.contains(Bytes(id)))
    return Err(ErrorCode::kScannerExpired, "the scan was not used for {} s", kIdleMs / 1000);
  return Err(ErrorCode::kUnknownScannerId, "no such scan is open");
}

void KvScans::CloseAll(const model::TableBucket& bucket) {
  std::erase_if(scans_, [&](const auto& scan) { return scan.second.bucket == bucket; });
}

}  // namespace strom::replica
