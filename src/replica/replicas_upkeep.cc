// What replicas do by themselves: flushes, key snapshots, retention, copies of closed segments.
#include "base/log_line.h"
#include "replica/replicas.h"

namespace strom::replica {

void Replicas::StartTimers(size_t shard) {
  runtime::Loop& loop = shards_.at(shard);
  timers_[shard].flush = loop.After(options_.flush_interval, [this, shard] { FlushOn(shard); });
  timers_[shard].retention =
      loop.After(options_.retention_interval, [this, shard] { RetainOn(shard); });
  timers_[shard].snapshots =
      loop.After(options_.kv_snapshot_interval, [this, shard] { SnapshotOn(shard); });
  if (CopiesLogs()) {
    timers_[shard].copies =
        loop.After(options_.remote_log_interval, [this, shard] { CopyOn(shard); });
  }
}

void Replicas::FlushOn(size_t shard) {
  struct Running {
    model::TableBucket bucket;
    std::optional<log::FlushJob> log;
    std::optional<kv::KvTablet::FlushJob> keys;
    std::optional<KvSnapshotJob> snapshot;  // of what the store has then
    bool log_done = false;
    Status result;
  };
  timers_[shard].flushing = true;
  timers_[shard].flush.reset();
  auto running = std::make_shared<std::vector<Running>>();
  for (auto& [bucket, replica] : by_shard_[shard].replicas_) {
    Running item;
    item.bucket = bucket;
    replica->log().ReleaseIdleFiles();
    if (replica->log().needs_flush()) {
      auto job = replica->log().MakeFlush();
      if (!job) {
        LogError("flush of {}: {}", bucket.ToString(), job.error().message);
        continue;
      }
      item.log = std::move(*job);
    }
    if (replica->kv() != nullptr) item.keys = replica->kv()->MakeFlush();
    if (replica->snapshots().wanted && !replica->snapshots().under_way) {
      replica->snapshots().wanted = false;
      replica->snapshots().under_way = true;
      const meta::TableEntry& table = *by_shard_[shard].view_->Find(bucket.table_id);
      KvSnapshotJob& job = item.snapshot.emplace();
      job.bucket = bucket;
      job.image_dir = ImageDirOf(table, bucket);
      job.remote_dir = RemoteKvDirOf(table, bucket);
      job.counts_rows = replica->kv()->row_count().has_value();
      job.sweep = std::exchange(replica->snapshots().first, false);
      job.link = link_;
      job.files = &files_;
    }
    if (item.log || item.keys || item.snapshot) running->push_back(std::move(item));
  }
  pool_.Post([this, shard, running] {
    std::vector<const log::FlushJob*> logs;
    for (const Running& item : *running) {
      if (item.log) logs.push_back(&*item.log);
    }
    auto synced = log::RunFlushes(files_, options_.data_dir, logs);
    bool any = false;
    for (size_t i = 0, next = 0; i < running->size(); ++i) {
      Running& item = (*running)[i];
      if (item.log) item.result = std::move(synced[next++]);
      item.log_done = item.result.has_value();
      // Keys follow only where their log is on the disk.
      if (item.log_done && item.keys) item.result = item.keys->Run();
      if (!item.result)
        LogError("flush of {}: {}", item.bucket.ToString(), item.result.error().message);
      any = any || (item.log && item.log_done);
      // Nobody else writes keys of the bucket before the owner hears of this.
      if (item.snapshot) TakeSnapshot(shard, std::move(*item.snapshot));
    }
    if (any) {
      {
        const std::lock_guard lock(mutex_);
        for (const Running& item : *running) {
          if (item.log && item.log_done) flushed_[item.bucket] = item.log->end_offset;
        }
      }
      if (const Status written = WriteCheckpoints(); !written)
        LogError("checkpoint: {}", written.error().message);
    }
    shards_.at(shard).Post([this, shard, running] {
      bool failed = false;
      for (const Running& item : *running) {
        failed = failed || !item.result;
        Replica* const replica = by_shard_[shard].Find(item.bucket);
        if (replica == nullptr) continue;
        if (item.log && item.log_done) replica->log().Flushed(*item.log);
        if (item.log && !item.log_done) replica->log().FlushFailed(item.result.error());
        if (!item.keys) continue;
        if (item.result) {
          const size_t before = replica->kv()->memory_bytes();
          replica->kv()->Flushed();
          by_shard_[shard].kv_bytes_ -= before - replica->kv()->memory_bytes();
        } else {
          replica->kv()->FlushFailed();
        }
      }
      timers_[shard].flushing = false;
      timers_[shard].flush =
          shards_.at(shard).After(options_.flush_interval, [this, shard] { FlushOn(shard); });
      // After a failure there is nothing to wait for: writers hear of it.
      AdmitWaiting(by_shard_[shard], failed);
      if (!by_shard_[shard].waiting_for_memory_.empty() && !timers_[shard].flushing) FlushOn(shard);
    });
  });
}

void Replicas::SnapshotOn(size_t shard) {
  bool any = false;
  for (auto& [bucket, replica] : by_shard_[shard].replicas_) {
    if (replica->kv() == nullptr) continue;
    Replica::Snapshots& snapshots = replica->snapshots();
    if (replica->kv()->log_offset() <= snapshots.newest_offset) continue;
    snapshots.wanted = true;
    any = true;
  }
  if (any && !timers_[shard].flushing) FlushOn(shard);
  timers_[shard].snapshots =
      shards_.at(shard).After(options_.kv_snapshot_interval, [this, shard] { SnapshotOn(shard); });
}

void Replicas::TakeSnapshot(size_t shard, KvSnapshotJob job) {
  const auto finish = [this, shard, bucket = job.bucket](Result<KvSnapshotJob::Done> done) {
    if (!done) LogWarn("snapshot of {}: {}", bucket.ToString(), done.error().message);
    shards_.at(shard).Post([this, shard, bucket, done] {
      Replica* const replica = by_shard_[shard].Find(bucket);
      if (replica == nullptr) return;
      Replica::Snapshots& snapshots = replica->snapshots();
      snapshots.under_way = false;
      if (!done) return;
      snapshots.newest_offset = done->log_offset;
      snapshots.oldest_offset = done->oldest_log_offset;
    });
  };
  const auto store = KeyStore();
  if (!store) return finish(std::unexpected(store.error()));
  const auto state = (*store)->StateOf(job.bucket);
  if (!state) return finish(std::unexpected(state.error()));  // the bucket is gone
  const auto space = (*store)->OpenSpace(job.bucket);
  if (!space) return finish(std::unexpected(space.error()));
  job.state = *state;
  job.rows = (*store)->NewCursor(*space, "");
  auto shared = std::make_shared<KvSnapshotJob>(std::move(job));
  pool_.Post([shared, finish] { finish(shared->Run()); });
}

int64_t Replicas::NeededFrom(const Replica& replica, const meta::TableEntry& table,
                             const meta::ClusterView& view) {
  int64_t needed = replica.high_watermark();
  // Keys are built from a snapshot and the changelog from there.
  if (replica.kv() != nullptr) needed = std::min(needed, replica.snapshots().oldest_offset);
  // Rows that the lake does not have yet are kept, however old.
  if (table.info.options.lake_enabled)
    needed = std::min(needed, view.LakeOffset(replica.log().bucket()));
  return needed;
}

void Replicas::RetainOn(size_t shard) {
  ShardReplicas& mine = by_shard_[shard];
  const Millis now = clock_.Now();
  for (auto& [bucket, replica] : mine.replicas_) {
    replica->log().ExpireWriters(now - options_.writer_expiration.count());
    const meta::TableEntry* table = mine.view_->Find(bucket.table_id);
    if (table == nullptr || table->info.options.log_ttl_ms <= 0) continue;
    int64_t limit = NeededFrom(*replica, *table, *mine.view_);
    // What is remote goes first, or there would be a gap.
    if (!replica->remote()->empty()) limit = std::min(limit, replica->remote()->end_offset());
    const auto deleted = replica->log().DeleteExpired(now - table->info.options.log_ttl_ms, limit,
                                                      options_.roll_active_segment);
    if (!deleted) LogError("retention of {}: {}", bucket.ToString(), deleted.error().message);
  }
  timers_[shard].retention =
      shards_.at(shard).After(options_.retention_interval, [this, shard] { RetainOn(shard); });
}

void Replicas::CopyOn(size_t shard) {
  ShardReplicas& mine = by_shard_[shard];
  for (auto& [bucket, replica] : mine.replicas_) {
    const meta::TableEntry* table = mine.view_->Find(bucket.table_id);
    if (table == nullptr || replica->copies().under_way) continue;
    const model::TableOptions& options = table->info.options;
    Expiry expiry;
    if (options.log_ttl_ms > 0)
      expiry = {clock_.Now() - options.log_ttl_ms, NeededFrom(*replica, *table, *mine.view_)};
    auto job = RemoteLogJob::Plan(replica->log(), replica->remote(), expiry,
                                  options_.remote_log_segments_per_job);
    if (!job) continue;
    job->remote_dir = RemoteLogDirOf(*table, bucket);
    job->link = link_;
    job->files = &files_;
    job->sweep = std::exchange(replica->copies().first, false);
    replica->copies().under_way = true;
    StartCopy(shard, std::move(*job), options.local_segments);
  }
  timers_[shard].copies =
      shards_.at(shard).After(options_.remote_log_interval, [this, shard] { CopyOn(shard); });
}

void Replicas::StartCopy(size_t shard, RemoteLogJob job, int32_t local_segments) {
  pool_.Post([this, shard, local_segments, job = std::move(job)] {
    const auto done = job.Run();
    const model::TableBucket bucket = job.before->bucket;
    if (!done) LogWarn("remote log of {}: {}", bucket.ToString(), done.error().message);
    shards_.at(shard).Post([this, shard, bucket, local_segments, done] {
      Replica* const replica = by_shard_[shard].Find(bucket);
      if (replica == nullptr) return;
      replica->copies().under_way = false;
      if (!done) return;
      replica->SetRemote(*done);
      if ((*done)->empty()) return;
      const auto deleted =
          replica->log().DeleteCopied(static_cast<size_t>(local_segments), (*done)->end_offset());
      if (!deleted) LogError("retention of {}: {}", bucket.ToString(), deleted.error().message);
    });
  });
}

}  // namespace strom::replica
