#include "replica/replicas.h"

#include <thread>

#include "base/log_line.h"

namespace strom::replica {
namespace {

constexpr const char* kCleanMarker = "/.fluss_cleanshutdown";
constexpr const char* kRecoveryPoints = "/recovery-point-offset-checkpoint";
constexpr const char* kHighWatermarks = "/high-watermark-checkpoint";
constexpr const char* kKeyStore = "/kv-store";

}  // namespace

std::string Replicas::FolderOf(const meta::TableEntry& table, const model::TableBucket& bucket) {
  const model::TablePath& path = table.info.path;
  std::string folder = fmt::format("{}/{}-{}", path.database, path.table, bucket.table_id);
  for (const auto& [name, id] : table.partitions) {
    if (id == bucket.partition_id) folder += fmt::format("/{}-p{}", name, id);
  }
  return folder;
}

std::string Replicas::LogDirOf(const meta::TableEntry& table,
                               const model::TableBucket& bucket) const {
  return fmt::format("{}/{}/log-{}", options_.data_dir, FolderOf(table, bucket), bucket.bucket);
}

std::string Replicas::ImageDirOf(const meta::TableEntry& table,
                                 const model::TableBucket& bucket) const {
  return fmt::format("{}/{}/kv-{}", options_.data_dir, FolderOf(table, bucket), bucket.bucket);
}

std::string Replicas::RemoteLogDirOf(const meta::TableEntry& table,
                                     const model::TableBucket& bucket) const {
  return fmt::format("{}/log/{}/{}", options_.remote_dir, FolderOf(table, bucket), bucket.bucket);
}

std::string Replicas::RemoteKvDirOf(const meta::TableEntry& table,
                                    const model::TableBucket& bucket) const {
  return fmt::format("{}/kv/{}/{}", options_.remote_dir, FolderOf(table, bucket), bucket.bucket);
}

Result<Replicas::Shape> Replicas::ShapeOf(const meta::TableEntry& table) {
  if (!table.info.descriptor.has_primary_key()) return Shape();
  return kv::TableShape::Make(table.info, table.schemas);
}

Result<kv::KvStore*> Replicas::KeyStore() {
  const std::lock_guard lock(store_mutex_);
  if (!store_) {
    STROM_ASSIGN(store_, kv::KvStore::Open(
                             {options_.data_dir + kKeyStore, options_.kv_memory_bytes * 3 / 4}));
  }
  return store_.get();
}

Result<std::unique_ptr<Replica>> Replicas::OpenReplica(const meta::TableEntry& table,
                                                       const Shape& shape,
                                                       const model::TableBucket& bucket) {
  log::LogTablet::Options options;
  options.bucket = bucket;
  options.dir = LogDirOf(table, bucket);
  options.segment_bytes = options_.segment_bytes;
  options.index_interval_bytes = options_.index_interval_bytes;
  options.clean = clean_start_;
  const auto flushed = flushed_before_.find(bucket);
  options.flushed_offset = flushed == flushed_before_.end() ? 0 : flushed->second;
  const std::string name = table.info.path.ToString() + ", " + bucket.ToString();
  auto log = log::LogTablet::Open(files_, std::move(options));
  if (!log) return std::unexpected(log.error().In("open log of " + name));
  auto remote = OpenRemoteLog(table, **log);
  if (!remote) return std::unexpected(remote.error().In("open remote log of " + name));
  if (!shape) return std::make_unique<Replica>(std::move(*log), std::move(*remote));
  auto replica =
      OpenKeys(std::move(*log), std::move(*remote), RemoteLogDirOf(table, bucket), shape);
  if (!replica) return std::unexpected(replica.error().In("open keys of " + name));
  return replica;
}

Result<RemoteLog> Replicas::OpenRemoteLog(const meta::TableEntry& table, log::LogTablet& log) {
  const model::TableBucket& bucket = log.bucket();
  RemoteLog remote;
  if (!started_) {  // a bucket that is made later has no past
    STROM_ASSIGN(remote, LoadRemoteLog(bucket, *link_, files_));
  }
  if (remote) {
    STROM_TRY(FollowRemoteLog(log, *remote, RemoteLogDirOf(table, bucket), files_));
    return remote;
  }
  auto none = std::make_shared<model::RemoteLogManifest>();
  none->path = table.info.path;
  none->bucket = bucket;
  for (const auto& [name, id] : table.partitions) {
    if (id == bucket.partition_id) none->partition_name = name;
  }
  return none;
}

/// The keys as the store has them, and what the log knows more. A store that the log does not reach
/// starts from a snapshot.
Result<std::unique_ptr<Replica>> Replicas::OpenKeys(std::unique_ptr<log::LogTablet> log,
                                                    RemoteLog remote,
                                                    const std::string& remote_log_dir,
                                                    const Shape& shape) {
  const model::TableBucket bucket = log->bucket();
  STROM_ASSIGN(kv::KvStore* const store, KeyStore());
  STROM_ASSIGN(auto keys, kv::KvTablet::Open(*store, bucket, shape));
  const auto reopen = [&]() -> Status {
    STROM_ASSIGN(keys, kv::KvTablet::Open(*store, bucket, shape));
    return {};
  };
  if (keys->log_offset() > log->end_offset()) {
    LogWarn("the keys of {} are ahead of its log ({} of {}): they are built again",
            bucket.ToString(), keys->log_offset(), log->end_offset());
    STROM_TRY(store->Clear(bucket));
    STROM_TRY(reopen());
  }
  Replica::Snapshots snapshots;
  if (log->end_offset() > 0) {  // a bucket with a past
    STROM_ASSIGN(const auto handles, link_->SnapshotsOf(bucket));
    if (!handles.empty()) {
      snapshots.newest_offset = handles.back().log_offset;
      snapshots.oldest_offset = handles.front().log_offset;
    }
  }
  const bool little_is_missing = keys->log_offset() > 0 && remote->Has(keys->log_offset());
  if (keys->log_offset() < log->start_offset() && !little_is_missing) {
    LogWarn(
        "the keys of {} end at {}, before its log begins at {}: they are restored from a "
        "snapshot",
        bucket.ToString(), keys->log_offset(), log->start_offset());
    STROM_TRY(RestoreKeys(*store, bucket, *link_, files_,
                          fmt::format("{}/.restore-{}-{}-{}", options_.data_dir, bucket.table_id,
                                      bucket.partition_id, bucket.bucket)));
    STROM_TRY(reopen());
  }
  const bool reached = keys->log_offset() >= log->start_offset() || remote->Has(keys->log_offset());
  if (!reached || keys->log_offset() > log->end_offset()) {
    return Err(ErrorCode::kCorrupt, "the keys are at {}, the log has {} to {}", keys->log_offset(),
               log->start_offset(), log->end_offset());
  }
  keys->SetIds([this, id = bucket.table_id](int32_t column, int64_t count) {
    return link_->TakeColumnIds(id, column, count);
  });
  STROM_TRY(CatchUp(*keys, *log, *remote, remote_log_dir));
  auto replica = std::make_unique<Replica>(std::move(log), std::move(remote), std::move(keys));
  replica->snapshots() = snapshots;
  return replica;
}

Status Replicas::CatchUp(kv::KvTablet& keys, log::LogTablet& log,
                         const model::RemoteLogManifest& remote,
                         const std::string& remote_log_dir) {
  constexpr int64_t kReadBytes = 4 << 20;
  constexpr size_t kHeldBytes = 32 << 20;
  const auto apply = [&](const record::LogBatchView& batch) -> Status {
    STROM_TRY(keys.Apply(batch));
    if (keys.memory_bytes() < kHeldBytes) return {};
    STROM_ASSIGN(const auto flush, log.MakeFlush());
    STROM_TRY(flush.Run());
    log.Flushed(flush);
    const auto write = keys.MakeFlush();
    STROM_TRY(write->Run());
    keys.Flushed();
    return {};
  };
  if (keys.log_offset() < log.start_offset())
    STROM_TRY(VisitRemoteLog(files_, remote_log_dir, remote, keys.log_offset(), apply));
  while (keys.log_offset() < log.end_offset()) {
    STROM_ASSIGN(const SharedBytes part,
                 log.Read(keys.log_offset(), {kReadBytes, log.end_offset(), true}));
    const int64_t before = keys.log_offset();
    record::LogBatches batches(part.view());
    while (true) {
      STROM_ASSIGN(const auto batch, batches.Next());
      if (!batch) break;
      STROM_TRY(apply(*batch));
    }
    if (keys.log_offset() == before)
      return Err(ErrorCode::kCorrupt, "the log cannot be read on from {}", before);
  }
  return {};
}

/// What a crash left behind between the end of a table and the end of its keys.
Status Replicas::DropOrphanKeys(const meta::ClusterView& view) {
  STROM_ASSIGN(const bool used, files_.Exists(options_.data_dir + kKeyStore));
  if (!used) return {};
  STROM_ASSIGN(kv::KvStore* const store, KeyStore());
  for (const model::TableBucket& bucket : store->Spaces()) {
    if (!view.Has(bucket)) STROM_TRY(store->DropSpace(bucket));
  }
  return {};
}

Status Replicas::Start(std::shared_ptr<const meta::ClusterView> view) {
  STROM_TRY(files_.MakeDirectories(options_.data_dir));
  STROM_ASSIGN(clean_start_, files_.Exists(options_.data_dir + kCleanMarker));
  STROM_TRY(files_.Remove(options_.data_dir + kCleanMarker));
  STROM_ASSIGN(flushed_before_, log::ReadCheckpoint(files_, options_.data_dir + kRecoveryPoints));

  STROM_TRY(DropOrphanKeys(*view));

  struct Opening {
    const meta::TableEntry* table;
    Shape shape;
    model::TableBucket bucket;
    std::unique_ptr<Replica> replica;
  };
  std::vector<Opening> openings;
  for (const auto& [id, table] : view->tables_by_id) {
    STROM_ASSIGN(const Shape shape, ShapeOf(*table));
    for (const model::TableBucket& bucket : table->info.Buckets(table->partitions))
      openings.push_back({table.get(), shape, bucket, nullptr});
  }
  std::atomic<size_t> next{0};
  std::mutex failure_mutex;  // guards failure
  Status failure;
  const auto work = [&] {
    for (size_t i = next++; i < openings.size(); i = next++) {
      auto replica = OpenReplica(*openings[i].table, openings[i].shape, openings[i].bucket);
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
    ShardReplicas& owner = by_shard_[OwnerOf(opening.bucket)];
    if (opening.replica->kv() != nullptr) owner.kv_bytes_ += opening.replica->kv()->memory_bytes();
    owner.replicas_[opening.bucket] = std::move(opening.replica);
  }
  for (size_t i = 0; i < by_shard_.size(); ++i) {
    by_shard_[i].index_ = i;
    by_shard_[i].view_ = view;
  }
  clean_start_ = true;  // what is opened from here on is new
  started_ = true;
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
    const auto shape = ShapeOf(*table);
    if (!shape) {
      LogError("{}", shape.error().message);
      continue;
    }
    for (const model::TableBucket& bucket : table->info.Buckets(table->partitions)) {
      if (OwnerOf(bucket) != shard) continue;
      if (Replica* const known = mine.Find(bucket)) {
        if (known->kv() != nullptr) known->kv()->Reshape(*shape);
        continue;
      }
      auto replica = OpenReplica(*table, *shape, bucket);
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
    for (const model::TableBucket& bucket : table->info.Buckets(table->partitions)) {
      if (OwnerOf(bucket) != shard) continue;
      const auto it = mine.replicas_.find(bucket);
      if (view->Has(bucket) || it == mine.replicas_.end()) continue;
      const std::string dir = it->second->log().dir();
      const bool has_keys = it->second->kv() != nullptr;
      const std::string image_dir = ImageDirOf(*table, bucket);
      const std::string remote_kv_dir = RemoteKvDirOf(*table, bucket);
      const std::string remote_log_dir = RemoteLogDirOf(*table, bucket);
      if (has_keys) {
        mine.kv_scans_.CloseAll(bucket);
        mine.kv_bytes_ -= it->second->kv()->memory_bytes();
      }
      mine.replicas_.erase(it);
      {
        const std::lock_guard lock(mutex_);
        flushed_.erase(bucket);
      }
      pool_.Post([this, dir, image_dir, remote_kv_dir, remote_log_dir, bucket, has_keys] {
        if (has_keys) {
          const auto store = KeyStore();
          const Status dropped =
              store ? (*store)->DropSpace(bucket) : std::unexpected(store.error());
          if (!dropped) LogWarn("{}", dropped.error().message);
          RemoveWithEmptyParents(image_dir, options_.data_dir);
          RemoveWithEmptyParents(remote_kv_dir, options_.remote_dir + "/kv");
        }
        RemoveWithEmptyParents(remote_log_dir, options_.remote_dir + "/log");
        RemoveWithEmptyParents(dir, options_.data_dir);
      });
    }
  }
}

void Replicas::RemoveWithEmptyParents(const std::string& dir, const std::string& root) {
  if (const Status removed = files_.RemoveTree(dir); !removed)
    LogWarn("{}", removed.error().message);
  // The table's own folder goes with its last bucket; while others are left this fails, as it
  // should.
  for (std::string parent = io::ParentOf(dir); parent.size() > root.size();
       parent = io::ParentOf(parent)) {
    const auto rest = files_.List(parent);
    if (!rest || !rest->empty() || !files_.RemoveTree(parent)) break;
  }
}

template <class Write>
auto Replicas::WithinMemory(ShardReplicas& shard, Replica& replica, Write write)
    -> decltype(write()) {
  if (shard.kv_bytes_ > 2 * KvShare()) {
    return Err(ErrorCode::kKvStorage,
               "{} MiB of rows wait for the disk; the write has to be tried again",
               shard.kv_bytes_ >> 20);
  }
  const size_t before = replica.kv()->memory_bytes();
  auto result = write();
  shard.kv_bytes_ += replica.kv()->memory_bytes() - before;
  if (shard.kv_bytes_ > KvShare() / 2 && !timers_[shard.index()].flushing) FlushOn(shard.index());
  return result;
}

void Replicas::WhenMemoryAllows(ShardReplicas& shard, std::function<void()> write) {
  if (shard.waiting_for_memory_.empty() && shard.kv_bytes_ <= KvShare()) return write();
  shard.waiting_for_memory_.push_back(std::move(write));
  if (!timers_[shard.index()].flushing) FlushOn(shard.index());
}

void Replicas::AdmitWaiting(ShardReplicas& shard, bool whatever_there_is) {
  while (!shard.waiting_for_memory_.empty() &&
         (whatever_there_is || shard.kv_bytes_ <= KvShare())) {
    const auto write = std::move(shard.waiting_for_memory_.front());
    shard.waiting_for_memory_.pop_front();
    write();
  }
}

Result<int64_t> Replicas::PutKv(ShardReplicas& shard, Replica& replica, ByteView batch,
                                const kv::MergeRequest& request) {
  return WithinMemory(shard, replica, [&] { return replica.PutKv(batch, request, clock_.Now()); });
}

Status Replicas::PutMissing(ShardReplicas& shard, Replica& replica,
                            std::span<const ByteView> keys) {
  return WithinMemory(shard, replica, [&] { return replica.PutMissing(keys, clock_.Now()); });
}

Status Replicas::WriteCheckpoints() {
  const std::lock_guard lock(mutex_);
  STROM_TRY(log::WriteCheckpoint(files_, options_.data_dir + kRecoveryPoints, flushed_));
  return log::WriteCheckpoint(files_, options_.data_dir + kHighWatermarks, flushed_);
}

void Replicas::CloseLogs(ShardReplicas& shard, Status& result) {
  std::vector<log::LogTablet*> logs;
  std::vector<log::FlushJob> jobs;
  const auto failed = [&](const log::LogTablet& log, const Error& error) {
    LogError("close of {}: {}", log.bucket().ToString(), error.message);
    result = std::unexpected(error);
  };
  for (auto& [bucket, replica] : shard.replicas_) {
    log::LogTablet& log = replica->log();
    if (!log.needs_final_flush()) continue;
    auto job = log.MakeFlush(log::LogTablet::FlushKind::kFinal);
    if (!job) {
      failed(log, job.error());
      continue;
    }
    logs.push_back(&log);
    jobs.push_back(std::move(*job));
  }
  std::vector<const log::FlushJob*> pointers;
  for (const log::FlushJob& job : jobs) pointers.push_back(&job);
  const std::vector<Status> results = log::RunFlushes(files_, options_.data_dir, pointers);
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (results[i]) {
      logs[i]->Flushed(jobs[i]);
    } else {
      failed(*logs[i], results[i].error());
    }
  }
}

Status Replicas::Close() {
  timers_.clear();
  Status result;
  for (ShardReplicas& shard : by_shard_) {
    shard.kv_scans_ = KvScans();
    shard.waiting_for_memory_.clear();
    CloseLogs(shard, result);
    for (auto& [bucket, replica] : shard.replicas_) {
      flushed_[bucket] = replica->log().flushed_offset();
      const auto keys = replica->kv() == nullptr ? std::nullopt : replica->kv()->MakeFlush();
      if (!keys) continue;
      if (const Status written = keys->Run(); !written) {
        LogError("close of {}: {}", bucket.ToString(), written.error().message);
        result = written;
      }
      replica->kv()->Flushed();
    }
  }
  if (store_) STROM_TRY(store_->Flush());
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
      for (const model::TableBucket& bucket : table->info.Buckets(table->partitions)) {
        Replica* const replica = mine.Find(bucket);
        if (replica == nullptr) continue;
        replica->Announce(mine.view_->LakeOffset(bucket), on_rows);
      }
    });
  }
}

}  // namespace strom::replica
