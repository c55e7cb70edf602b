#include "kv/kv_store.h"

#include <array>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include "base/coding.h"
#include "kv/rocks_internal.h"

namespace strom::kv {
namespace {

constexpr KvStore::SpaceId kStateSpace = 0;  // where the spaces themselves are written down
constexpr size_t kSpaceBytes = sizeof(KvStore::SpaceId);
constexpr size_t kBucketBytes = 20;
constexpr size_t kStateBytes = 20;
constexpr size_t kBatchBytes = 1 << 20;

Bytes Prefix(KvStore::SpaceId space) {
  Bytes out;
  AppendBe(out, space);
  return out;
}

/// Big endian, so that the spaces of a table lie together.
Bytes StateKey(const model::TableBucket& bucket) {
  Bytes out = Prefix(kStateSpace);
  AppendBe(out, bucket.table_id);
  AppendBe(out, bucket.partition_id);
  AppendBe(out, bucket.bucket);
  return out;
}

/// The space of a row's key. Not of a bare space, with which the removal of all its rows begins:
/// that lies in a skip list of its own, where RocksDB would follow a hint into the list of the
/// rows.
class SpaceOfRow final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "strom.SpaceOfRow"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), kSpaceBytes};
  }
  bool InDomain(const rocksdb::Slice& key) const override { return key.size() > kSpaceBytes; }
};

}  // namespace

struct KvStore::Database {
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::WriteOptions write;
};

KvStore::KvStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

KvStore::~KvStore() {
  (void)database_->db->Close();  // flushes; what could not be is in the changelog
}

Result<std::unique_ptr<KvStore>> KvStore::Open(Options options) {
  const auto memory = static_cast<size_t>(options.memory_bytes);
  rocksdb::BlockBasedTableOptions table;
  const auto cache = rocksdb::HyperClockCacheOptions(memory, table.block_size).MakeSharedCache();
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.format_version = 5;

  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocks.compression = rocksdb::kLZ4Compression;
  // Most keys of a write are in no memtable: a filter says so without a search.
  rocks.memtable_whole_key_filtering = true;
  rocks.memtable_prefix_bloom_size_ratio = 0.05;
  // A bucket's rows come in order: each is looked for beside the one before.
  rocks.memtable_insert_with_hint_prefix_extractor = std::make_shared<SpaceOfRow>();
  rocks.allow_concurrent_memtable_write = false;  // which would not look there
  // Write buffers count against the cache; a flush loses no more than a recovery can replay fast.
  rocks.write_buffer_size = std::clamp<size_t>(memory / 8, 1 << 20, 32 << 20);
  rocks.max_write_buffer_number = 4;
  rocks.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(memory / 2, cache, /*allow_stall=*/true);
  rocks.max_background_jobs = 2;
  rocks.max_open_files = 1024;
  rocks.level_compaction_dynamic_level_bytes = true;
  rocks.max_log_file_size = 1 << 20;
  rocks.keep_log_file_num = 2;
  rocks.stats_dump_period_sec = 0;
  rocks.stats_persist_period_sec = 0;

  auto database = std::make_unique<Database>();
  database->write.disableWAL = true;
  rocksdb::DB* db = nullptr;
  STROM_TRY(FromRocks(rocksdb::DB::Open(rocks, options.dir, &db), "open"));
  database->db.reset(db);
  std::unique_ptr<KvStore> store(new KvStore(std::move(database)));
  STROM_TRY(store->LoadSpaces());
  return store;
}

Status KvStore::LoadSpaces() {
  const auto cursor = NewCursor(kStateSpace, "");
  for (; cursor->valid(); cursor->Next()) {
    const ByteView key = cursor->key();
    const ByteView value = cursor->value();
    if (key.size() != kBucketBytes || value.size() != kStateBytes)
      return Err(ErrorCode::kCorrupt, "key store: the record of a bucket has a wrong size");
    const model::TableBucket bucket{LoadBe<int64_t>(key.data()), LoadBe<int64_t>(key.data() + 8),
                                    LoadBe<int32_t>(key.data() + 16)};
    const Space space{LoadLe<uint32_t>(value.data()),
                      {LoadLe<int64_t>(value.data() + 4), LoadLe<int64_t>(value.data() + 12)}};
    next_id_ = std::max(next_id_, space.id + 1);
    spaces_[bucket] = space;
  }
  return cursor->status();
}

namespace {

Bytes EncodeState(KvStore::SpaceId id, const SpaceState& state) {
  Bytes out;
  AppendLe(out, id);
  AppendLe(out, state.log_offset);
  AppendLe(out, state.row_count);
  return out;
}

}  // namespace

Status KvStore::WriteSpace(const model::TableBucket& bucket, const Space& space) {
  return FromRocks(
      database_->db->Put(database_->write, StateKey(bucket), EncodeState(space.id, space.state)),
      "write a bucket's state");
}

Result<KvStore::SpaceId> KvStore::OpenSpace(const model::TableBucket& bucket) {
  const std::lock_guard lock(mutex_);
  const auto [it, is_new] = spaces_.try_emplace(bucket);
  if (is_new) {
    it->second.id = next_id_++;
    STROM_TRY(WriteSpace(bucket, it->second));
  }
  return it->second.id;
}

Result<SpaceState> KvStore::StateOf(const model::TableBucket& bucket) const {
  const std::lock_guard lock(mutex_);
  const auto it = spaces_.find(bucket);
  if (it == spaces_.end())
    return Err(ErrorCode::kNotFound, "key store: {} has no keys here", bucket.ToString());
  return it->second.state;
}

Status KvStore::DropSpace(const model::TableBucket& bucket) {
  const std::lock_guard lock(mutex_);
  const auto it = spaces_.find(bucket);
  if (it == spaces_.end()) return {};
  rocksdb::WriteBatch batch;
  batch.Delete(StateKey(bucket));
  batch.DeleteRange(Prefix(it->second.id), Prefix(it->second.id + 1));
  STROM_TRY(FromRocks(database_->db->Write(database_->write, &batch), "drop a bucket"));
  spaces_.erase(it);
  return {};
}

Status KvStore::Clear(const model::TableBucket& bucket) {
  STROM_TRY(DropSpace(bucket));
  STROM_TRY(OpenSpace(bucket));
  return {};
}

std::vector<model::TableBucket> KvStore::Spaces() const {
  const std::lock_guard lock(mutex_);
  std::vector<model::TableBucket> all;
  for (const auto& [bucket, space] : spaces_) all.push_back(bucket);
  return all;
}

Status KvStore::Write(const model::TableBucket& bucket, const RowBuffer& changes,
                      const SpaceState& state) {
  SpaceId id = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto it = spaces_.find(bucket);
    if (it == spaces_.end()) return {};  // dropped meanwhile
    id = it->second.id;
  }
  // Several batches: the state goes with the last one, and the changelog from the old state on
  // gives the same rows again if a crash falls between them.
  rocksdb::WriteBatch batch;
  Bytes key = Prefix(id);
  // Ordered changes cost a fifth of unordered ones.
  for (const Change* const change : changes.Sorted()) {
    key.resize(kSpaceBytes);
    key += change->key();
    if (const auto value = change->value()) {
      batch.Put(key, *value);
    } else {
      batch.Delete(key);
    }
    if (batch.GetDataSize() < kBatchBytes) continue;
    STROM_TRY(FromRocks(database_->db->Write(database_->write, &batch), "write keys"));
    batch.Clear();
  }
  const std::lock_guard lock(mutex_);
  const auto it = spaces_.find(bucket);
  if (it == spaces_.end() || it->second.id != id) return {};
  batch.Put(StateKey(bucket), EncodeState(id, state));
  STROM_TRY(FromRocks(database_->db->Write(database_->write, &batch), "write keys"));
  it->second.state = state;
  return {};
}

Status KvStore::Get(SpaceId space, std::span<const ByteView> keys, const Found& found) const {
  rocksdb::DB& db = *database_->db;
  const Bytes prefix = Prefix(space);
  Bytes full;  // all keys with their prefix, one after the other
  size_t bytes = 0;
  for (const ByteView key : keys) bytes += kSpaceBytes + key.size();
  full.reserve(bytes);  // what refers to it stays
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const ByteView key : keys) {
    const size_t from = full.size();
    full += prefix;
    full += key;
    slices.emplace_back(full.data() + from, kSpaceBytes + key.size());
  }
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db.MultiGet(rocksdb::ReadOptions(), db.DefaultColumnFamily(), keys.size(), slices.data(),
              values.data(), statuses.data(), /*sorted_input=*/true);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    STROM_TRY(FromRocks(statuses[i], "read keys"));
    found(i, ToView(values[i]));
  }
  return {};
}

namespace {

class RocksCursor final : public KvStore::Cursor {
 public:
  RocksCursor(rocksdb::DB& db, KvStore::SpaceId space, ByteView from)
      : end_(Prefix(space + 1)), upper_(end_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_;
    it_.reset(db.NewIterator(options));
    Bytes start = Prefix(space);
    start += from;
    it_->Seek(start);
  }
  bool valid() const override { return it_->Valid(); }
  ByteView key() const override { return ToView(it_->key()).substr(kSpaceBytes); }
  ByteView value() const override { return ToView(it_->value()); }
  void Next() override { it_->Next(); }
  Status status() const override { return FromRocks(it_->status(), "scan keys"); }

 private:
  const Bytes end_;
  const rocksdb::Slice upper_;  // the iterator refers to it
  std::unique_ptr<rocksdb::Iterator> it_;
};

}  // namespace

std::unique_ptr<KvStore::Cursor> KvStore::NewCursor(SpaceId space, ByteView from) const {
  return std::make_unique<RocksCursor>(*database_->db, space, from);
}

Status KvStore::Flush() {
  return FromRocks(database_->db->Flush(rocksdb::FlushOptions()), "flush");
}

}  // namespace strom::kv
