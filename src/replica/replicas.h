#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "io/file_system.h"
#include "log/checkpoint_file.h"
#include "meta/view.h"
#include "replica/kv_scans.h"
#include "replica/kv_snapshots.h"
#include "replica/replica.h"
#include "runtime/loop.h"

namespace strom::replica {

/// The replicas of one shard, and the metadata that the shard last heard of. Used on that shard
/// only.
class ShardReplicas {
 public:
  Replica* Find(const model::TableBucket& bucket) {
    const auto it = replicas_.find(bucket);
    return it == replicas_.end() ? nullptr : it->second.get();
  }
  template <class Visit>
  void Each(Visit visit) const {
    for (const auto& [bucket, replica] : replicas_) visit(*replica);
  }
  const std::shared_ptr<const meta::ClusterView>& view() const { return view_; }
  size_t index() const { return index_; }
  KvScans& kv_scans() { return kv_scans_; }

 private:
  friend class Replicas;
  size_t index_ = 0;
  KvScans kv_scans_;
  std::deque<std::function<void()>> waiting_for_memory_;
  size_t kv_bytes_ = 0;  // rows in memory of all key tables
  std::unordered_map<model::TableBucket, std::unique_ptr<Replica>> replicas_;
  std::shared_ptr<const meta::ClusterView> view_;
};

/// All replicas of this server, dealt out to its shards; opens and drops them as the metadata says,
/// flushes them, cuts what is past its time, and leaves checkpoints behind. Where each bucket's
/// files lie: docs/formats/log.md.
class Replicas {
 public:
  struct Options {
    std::string data_dir;
    int64_t segment_bytes = int64_t{1} << 30;
    int64_t index_interval_bytes = 4096;
    std::chrono::milliseconds flush_interval{5'000};
    std::chrono::milliseconds retention_interval{300'000};
    std::chrono::milliseconds writer_expiration{7LL * 86'400'000};
    bool roll_active_segment = true;
    int64_t kv_memory_bytes = 256 << 20;  // for the keys of all buckets together
    std::string remote_dir;               // where key snapshots and closed segments go
    std::chrono::milliseconds kv_snapshot_interval{600'000};
    std::chrono::milliseconds remote_log_interval{60'000};  // 0: logs are not copied
    size_t remote_log_segments_per_job = 5;
  };

  Replicas(runtime::Shards& shards, runtime::BlockingPool& pool, io::FileSystem& files,
           const Clock& clock, Options options)
      : shards_(shards),
        pool_(pool),
        files_(files),
        clock_(clock),
        options_(std::move(options)),
        by_shard_(shards.count()) {}

  /// Before Start.
  void SetCoordinator(CoordinatorLink& link) { link_ = &link; }
  /// Opens every replica of `view`, recovering in parallel what was not closed in order. Before the
  /// shards serve anything. Errors: kIo, kCorrupt.
  Status Start(std::shared_ptr<const meta::ClusterView> view);
  /// Shows every shard a new view, opening and dropping replicas; then calls `done`, on any shard.
  /// Any thread, one at a time.
  void Apply(std::shared_ptr<const meta::ClusterView> view, std::function<void()> done);
  /// Flushes and closes everything and marks the shutdown as clean. After the shards stopped.
  Status Close();

  size_t OwnerOf(const model::TableBucket& bucket) const {
    return shards_.OwnerOf(std::hash<model::TableBucket>()(bucket));
  }
  runtime::Loop& LoopOf(size_t shard) { return shards_.at(shard); }
  ShardReplicas& at(size_t shard) { return by_shard_[shard]; }
  size_t shard_count() const { return by_shard_.size(); }

  /// Runs `write`, which puts keys into replicas of the shard, now or as soon as the rows in memory
  /// leave room for it; in the order of the calls.
  void WhenMemoryAllows(ShardReplicas& shard, std::function<void()> write);
  /// As Replica::PutKv; rows in memory are brought to the store earlier when they grow many. Where
  /// that is not possible and they are far too many, the write is refused with kKvStorage.
  Result<int64_t> PutKv(ShardReplicas& shard, Replica& replica, ByteView batch,
                        const kv::MergeRequest& request);
  /// As Replica::PutMissing, likewise.
  Status PutMissing(ShardReplicas& shard, Replica& replica, std::span<const ByteView> keys);

  /// Calls `on_rows` once when the table has committed rows that the lake does not have; maybe at
  /// once. Any thread; `on_rows` runs on a shard, and may run once for each of them.
  void AnnounceRows(model::TableId table, std::function<void()> on_rows);

  /// Where the segments of a bucket's remote log lie, as readers are told.
  std::string RemoteLogDirOf(const meta::TableEntry& table, const model::TableBucket& bucket) const;
  /// Runs `work`, which may wait for files, in the pool.
  void InPool(runtime::Loop::Work work) { pool_.Post(std::move(work)); }
  io::FileSystem& files() { return files_; }

 private:
  /// "db/table-1[/partition-p2]", the same in all directories.
  static std::string FolderOf(const meta::TableEntry& table, const model::TableBucket& bucket);
  std::string LogDirOf(const meta::TableEntry& table, const model::TableBucket& bucket) const;
  std::string ImageDirOf(const meta::TableEntry& table, const model::TableBucket& bucket) const;
  std::string RemoteKvDirOf(const meta::TableEntry& table, const model::TableBucket& bucket) const;
  using Shape = std::shared_ptr<const kv::TableShape>;
  /// The shape of a primary key table's rows; null for a log table.
  static Result<Shape> ShapeOf(const meta::TableEntry& table);
  /// `shape`: as ShapeOf says.
  Result<std::unique_ptr<Replica>> OpenReplica(const meta::TableEntry& table, const Shape& shape,
                                               const model::TableBucket& bucket);
  Result<std::unique_ptr<Replica>> OpenKeys(std::unique_ptr<log::LogTablet> log, RemoteLog remote,
                                            const std::string& remote_log_dir, const Shape& shape);
  /// The remote log of a bucket, of which `log` then is the continuation.
  Result<RemoteLog> OpenRemoteLog(const meta::TableEntry& table, log::LogTablet& log);
  /// Replays what the log has beyond the keys.
  Status CatchUp(kv::KvTablet& keys, log::LogTablet& log, const model::RemoteLogManifest& remote,
                 const std::string& remote_log_dir);
  /// The store of all keys; opened with the first primary key table.
  Result<kv::KvStore*> KeyStore();
  bool CopiesLogs() const { return options_.remote_log_interval.count() > 0; }
  /// Runs `write` on a replica with keys and keeps count of the rows in memory.
  size_t KvShare() const {  // of the rows in memory of one shard
    return static_cast<size_t>(options_.kv_memory_bytes) / 4 / by_shard_.size();
  }
  void AdmitWaiting(ShardReplicas& shard, bool whatever_there_is);
  template <class Write>
  auto WithinMemory(ShardReplicas& shard, Replica& replica, Write write) -> decltype(write());
  Status DropOrphanKeys(const meta::ClusterView& view);
  void ApplyOn(size_t shard, const std::shared_ptr<const meta::ClusterView>& view);
  void FlushOn(size_t shard);
  void RetainOn(size_t shard);
  void SnapshotOn(size_t shard);
  void CopyOn(size_t shard);
  void StartCopy(size_t shard, RemoteLogJob job, int32_t local_segments);
  /// Below this offset a bucket's rows may be given up once they are old enough.
  static int64_t NeededFrom(const Replica& replica, const meta::TableEntry& table,
                            const meta::ClusterView& view);
  /// Takes a snapshot of what the store has now; in the pool.
  void TakeSnapshot(size_t shard, KvSnapshotJob job);
  /// Removes a folder, and those above it up to `root` that are empty then; in the pool.
  void RemoveWithEmptyParents(const std::string& dir, const std::string& root);
  void StartTimers(size_t shard);
  /// Flushes the logs of a shard for good; `result` is the last failure, if any.
  void CloseLogs(ShardReplicas& shard, Status& result);
  Status WriteCheckpoints();

  runtime::Shards& shards_;
  runtime::BlockingPool& pool_;
  io::FileSystem& files_;
  const Clock& clock_;
  const Options options_;
  CoordinatorLink* link_ = nullptr;
  std::mutex store_mutex_;  // guards store_
  std::unique_ptr<kv::KvStore> store_;
  std::vector<ShardReplicas> by_shard_;
  struct Timers {
    std::unique_ptr<runtime::Loop::Timer> flush;
    std::unique_ptr<runtime::Loop::Timer> retention;
    std::unique_ptr<runtime::Loop::Timer> snapshots;
    std::unique_ptr<runtime::Loop::Timer> copies;
    bool flushing = false;
  };
  std::vector<Timers> timers_;
  // Read while opening.
  log::OffsetCheckpoint flushed_before_;
  bool clean_start_ = false;
  bool started_ = false;
  std::mutex mutex_;  // guards flushed_ and the checkpoint file
  log::OffsetCheckpoint flushed_;
};

}  // namespace strom::replica
