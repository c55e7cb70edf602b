#include "replica/replicas.h"

#include <thread>

#include "base/log_line.h"

namespace strom::replica {
namespace {

constexpr const char* kCleanMarker = "/.fluss_cleanshutdown";
constexpr const char* kRecoveryPoints = "/recovery-point-offset-checkpoint";
constexpr const char* kHighWatermarks = "/high-watermark-checkpoint";

}  // namespace

std::vector<model::TableBucket> Replicas::BucketsOf(const meta::TableEntry& table) {
  std::vector<model::TableBucket> buckets;
  const auto add = [&](model::PartitionId partition) {
    for (int32_t i = 0; i < table.info.bucket_count(); ++i)
      buckets.push_back({table.info.table_id, partition, i});
  };
  if (!table.info.descriptor.partitioned()) {
    add(model::kNoPartition);
  } else {
    for (const auto& [name, id] : table.partitions) add(id);
  }
  return buckets;
}

std::string Replicas::DirOf(const meta::TableEntry& table, const model::TableBucket& bucket) const {
  const model::TablePath& path = table.info.path;
  std::string dir =
      fmt::format("{}/{}/{}-{}", options_.data_dir, path.database, path.table, bucket.table_id);
  for (const auto& [name, id] : table.partitions) {
    if (id == bucket.partition_id) dir += fmt::format("/{}-p{}", name, id);
  }
  return dir + fmt::format("/log-{}", bucket.bucket);
}

Result<std::unique_ptr<Replica>> Replicas::OpenReplica(const meta::TableEntry& table,
                                                       const model::TableBucket& bucket) const {
  log::LogTablet::Options options;
  options.bucket = bucket;
  options.dir = DirOf(table, bucket);
  options.segment_bytes = options_.segment_bytes;
  options.index_interval_bytes = options_.index_interval_bytes;
  options.clean = clean_start_;
  const auto flushed = flushed_before_.find(bucket);
  options.flushed_offset = flushed == flushed_before_.end() ? 0 : flushed->second;
  auto log = log::LogTablet::Open(files_, std::move(options));
  if (!log)
    return std::unexpected(
        log.error().In("open log of " + table.info.path.ToString() + ", " + bucket.ToString()));
  return std::make_unique<Replica>(std::move(*log));
}

Status Replicas::Start(std::shared_ptr<const meta::ClusterView> view) {
  STROM_TRY(files_.MakeDirectories(options_.data_dir));
  STROM_ASSIGN(clean_start_, files_.Exists(options_.data_dir + kCleanMarker));
  STROM_TRY(files_.Remove(options_.data_dir + kCleanMarker));
  STROM_ASSIGN(flushed_before_, log::ReadCheckpoint(files_, options_.data_dir + kRecoveryPoints));

  struct Opening {
    const meta::TableEntry* table;
    model::TableBucket bucket;
    std::unique_ptr<Replica> replica;
  };
  std::vector<Opening> openings;
  for (const auto& [id, table] : view->tables_by_id) {
    for (const model::TableBucket& bucket : BucketsOf(*table))
      openings.push_back({table.get(), bucket, nullptr});
  }
  std::atomic<size_t> next{0};
  std::mutex failure_mutex;  // guards failure
  Status failure;
  const auto work = [&] {
    for (size_t i = next++; i < openings.size(); i = next++) {
      auto replica = OpenReplica(*openings[i].table, openings[i].bucket);
      if (replica) {
        openings[i].replica = std::move(*replica);
      } else {
        const std::lock_guard lock(failure_mutex);
        failure = std::unexpected(replica.error());
      }
    }
  };
  std::vector<std::thread> threads;
  const size_t helpers =
      std::min<size_t>(openings.size() / 16, std::max(1U, std::thread::hardware_concurrency()) - 1);
  for (size_t i = 0; i < helpers; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  STROM_TRY(failure);

  for (Opening& opening : openings) {
    flushed_[opening.bucket] = opening.replica->log().flushed_offset();
    by_shard_[OwnerOf(opening.bucket)].replicas_[opening.bucket] = std::move(opening.replica);
  }
  for (ShardReplicas& shard : by_shard_) shard.view_ = view;
  clean_start_ = true;  // what is opened from here on is new
  timers_.resize(shards_.count());
  for (size_t i = 0; i < shards_.count(); ++i) {
    shards_.at(i).Post([this, i] { StartTimers(i); });
  }
  return {};
}

void Replicas::Apply(std::shared_ptr<const meta::ClusterView> view, std::function<void()> done) {
  auto left = std::make_shared<std::atomic<size_t>>(shards_.count());
  auto shared_done = std::make_shared<std::function<void()>>(std::move(done));
  for (size_t i = 0; i < shards_.count(); ++i) {
    shards_.at(i).Run([this, i, view, left, shared_done] {
      ApplyOn(i, view);
      if (--*left == 0) (*shared_done)();
    });
  }
}

void Replicas::ApplyOn(size_t shard, const std::shared_ptr<const meta::ClusterView>& view) {
  ShardReplicas& mine = by_shard_[shard];
  const auto before = std::exchange(mine.view_, view);
  for (const auto& [id, table] : view->tables_by_id) {
    const auto old = before->tables_by_id.find(id);
    if (old != before->tables_by_id.end() && old->second == table) continue;
    for (const model::TableBucket& bucket : BucketsOf(*table)) {
      if (OwnerOf(bucket) != shard || mine.replicas_.contains(bucket)) continue;
      auto replica = OpenReplica(*table, bucket);
      if (!replica) {
        LogError("{}", replica.error().message);
        continue;
      }
      mine.replicas_[bucket] = std::move(*replica);
    }
  }
  for (const auto& [id, table] : before->tables_by_id) {
    const auto now = view->tables_by_id.find(id);
    if (now != view->tables_by_id.end() && now->second == table) continue;
    for (const model::TableBucket& bucket : BucketsOf(*table)) {
      if (OwnerOf(bucket) != shard) continue;
      const bool kept =
          now != view->tables_by_id.end() && (bucket.partition_id == model::kNoPartition ||
                                              view->partitions.contains(bucket.partition_id));
      const auto it = mine.replicas_.find(bucket);
      if (kept || it == mine.replicas_.end()) continue;
      const std::string dir = it->second->log().dir();
      mine.replicas_.erase(it);
      {
        const std::lock_guard lock(mutex_);
        flushed_.erase(bucket);
      }
      pool_.Post([this, dir] {
        if (const Status removed = files_.RemoveTree(dir); !removed)
          LogWarn("{}", removed.error().message);
        // The table's own folder goes with its last bucket; while others are left this fails, as it
        // should.
        for (std::string parent = io::ParentOf(dir); parent.size() > options_.data_dir.size();
             parent = io::ParentOf(parent)) {
          const auto rest = files_.List(parent);
          if (!rest || !rest->empty() || !files_.RemoveTree(parent)) break;
        }
      });
    }
  }
}

void Replicas::StartTimers(size_t shard) {
  runtime::Loop& loop = shards_.at(shard);
  timers_[shard].flush = loop.After(options_.flush_interval, [this, shard] { FlushOn(shard); });
  timers_[shard].retention =
      loop.After(options_.retention_interval, [this, shard] { RetainOn(shard); });
}

void Replicas::FlushOn(size_t shard) {
  struct Running {
    model::TableBucket bucket;
    log::LogTablet::FlushJob job;
  };
  auto running = std::make_shared<std::vector<Running>>();
  for (auto& [bucket, replica] : by_shard_[shard].replicas_) {
    if (!replica->log().needs_flush()) continue;
    auto job = replica->log().MakeFlush();
    if (job) {
      running->push_back({bucket, std::move(*job)});
    } else {
      LogError("flush of {}: {}", bucket.ToString(), job.error().message);
    }
  }
  pool_.Post([this, shard, running] {
    std::vector<std::pair<model::TableBucket, int64_t>> done;
    for (const Running& item : *running) {
      if (const Status flushed = item.job.Run(); !flushed) {
        LogError("flush of {}: {}", item.bucket.ToString(), flushed.error().message);
      } else {
        done.emplace_back(item.bucket, item.job.end_offset);
      }
    }
    if (!done.empty()) {
      const std::lock_guard lock(mutex_);
      for (const auto& [bucket, offset] : done) flushed_[bucket] = offset;
    }
    if (!done.empty()) {
      if (const Status written = WriteCheckpoints(); !written)
        LogError("checkpoint: {}", written.error().message);
    }
    shards_.at(shard).Post([this, shard, done] {
      for (const auto& [bucket, offset] : done) {
        if (Replica* const replica = by_shard_[shard].Find(bucket)) replica->log().Flushed(offset);
      }
      timers_[shard].flush =
          shards_.at(shard).After(options_.flush_interval, [this, shard] { FlushOn(shard); });
    });
  });
}

void Replicas::RetainOn(size_t shard) {
  ShardReplicas& mine = by_shard_[shard];
  const Millis now = clock_.Now();
  for (auto& [bucket, replica] : mine.replicas_) {
    replica->log().ExpireWriters(now - options_.writer_expiration.count());
    const meta::TableEntry* table = mine.view_->Find(bucket.table_id);
    if (table == nullptr || table->info.options.log_ttl_ms <= 0) continue;
    int64_t limit = replica->high_watermark();
    if (table->info.options
            .lake_enabled) {  // rows that the lake does not have yet are kept, however old
      const auto lake = mine.view_->lakes.find(bucket.table_id);
      const auto offset = lake == mine.view_->lakes.end() ? std::optional<int64_t>()
                                                          : [&]() -> std::optional<int64_t> {
        const auto it = lake->second->offsets.find(bucket);
        return it == lake->second->offsets.end() ? std::optional<int64_t>() : it->second;
      }();
      limit = std::min(limit, offset.value_or(0));
    }
    const auto deleted = replica->log().DeleteExpired(now - table->info.options.log_ttl_ms, limit,
                                                      options_.roll_active_segment);
    if (!deleted) LogError("retention of {}: {}", bucket.ToString(), deleted.error().message);
  }
  timers_[shard].retention =
      shards_.at(shard).After(options_.retention_interval, [this, shard] { RetainOn(shard); });
}

Status Replicas::WriteCheckpoints() {
  const std::lock_guard lock(mutex_);
  STROM_TRY(log::WriteCheckpoint(files_, options_.data_dir + kRecoveryPoints, flushed_));
  return log::WriteCheckpoint(files_, options_.data_dir + kHighWatermarks, flushed_);
}

Status Replicas::Close() {
  timers_.clear();
  Status result;
  for (ShardReplicas& shard : by_shard_) {
    for (auto& [bucket, replica] : shard.replicas_) {
      if (const Status closed = replica->log().Close(); !closed) {
        LogError("close of {}: {}", bucket.ToString(), closed.error().message);
        result = closed;
      }
      flushed_[bucket] = replica->log().flushed_offset();
    }
  }
  STROM_TRY(WriteCheckpoints());
  STROM_TRY(result);
  return io::WriteFileAtomically(files_, options_.data_dir + kCleanMarker, "");
}

void Replicas::AnnounceRows(model::TableId table_id, std::function<void()> on_rows) {
  for (size_t i = 0; i < shards_.count(); ++i) {
    shards_.at(i).Post([this, i, table_id, on_rows] {
      ShardReplicas& mine = by_shard_[i];
      const meta::TableEntry* table = mine.view_->Find(table_id);
      if (table == nullptr) return;
      const auto lake = mine.view_->lakes.find(table_id);
      for (const model::TableBucket& bucket : BucketsOf(*table)) {
        Replica* const replica = mine.Find(bucket);
        if (replica == nullptr) continue;
        int64_t from = 0;
        if (lake != mine.view_->lakes.end()) {
          const auto offset = lake->second->offsets.find(bucket);
          if (offset != lake->second->offsets.end()) from = offset->second;
        }
        replica->Announce(from, on_rows);
      }
    });
  }
}

}  // namespace strom::replica
