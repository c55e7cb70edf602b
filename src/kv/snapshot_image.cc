#include "kv/snapshot_image.h"

#include <algorithm>
#include <filesystem>

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "kv/rocks_internal.h"

namespace strom::kv {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatchBytes = 1 << 20;
constexpr int64_t kMostFilesOnTop = 6;  // more deltas than these are merged into one

rocksdb::Options ImageOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.checksum = rocksdb::kCRC32c;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.disable_auto_compactions = true;
  options.write_buffer_size = 16 << 20;
  options.max_background_jobs = 1;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

Status OpenFailed(const rocksdb::Status& status, const std::string& dir) {
  return FromRocks(status, ("open snapshot image " + dir).c_str());
}

/// Writes what differs: both sides are walked in the order of their keys.
Status CopyDifferences(KvStore::Cursor& rows, rocksdb::DB& image) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  rocksdb::WriteBatch batch;
  const auto write_batch = [&](size_t least) -> Status {
    if (batch.GetDataSize() < least || batch.Count() == 0) return {};
    STROM_TRY(FromRocks(image.Write(write, &batch), "write snapshot image"));
    batch.Clear();
    return {};
  };
  const std::unique_ptr<rocksdb::Iterator> old(image.NewIterator(rocksdb::ReadOptions()));
  old->SeekToFirst();
  const auto slice = [](ByteView bytes) { return rocksdb::Slice(bytes.data(), bytes.size()); };
  while (rows.valid() || old->Valid()) {
    const bool only_old = !rows.valid() || (old->Valid() && ToView(old->key()) < rows.key());
    if (only_old) {
      batch.Delete(old->key());
      old->Next();
    } else {
      const bool same_key = old->Valid() && ToView(old->key()) == rows.key();
      if (!same_key || ToView(old->value()) != rows.value())
        batch.Put(slice(rows.key()), slice(rows.value()));
      if (same_key) old->Next();
      rows.Next();
    }
    STROM_TRY(write_batch(kBatchBytes));
  }
  STROM_TRY(rows.status());
  STROM_TRY(FromRocks(old->status(), "read snapshot image"));
  return write_batch(0);
}

}  // namespace

Result<std::vector<SnapshotImage::File>> SnapshotImage::Update(KvStore::Cursor& rows) {
  std::error_code fault;
  fs::create_directories(dir_, fault);
  const std::string checkpoint_dir = dir_ + "/checkpoint";
  fs::remove_all(checkpoint_dir, fault);
  rocksdb::DB* raw = nullptr;
  const rocksdb::Options options = ImageOptions();
  STROM_TRY(OpenFailed(rocksdb::DB::Open(options, dir_ + "/db", &raw), dir_));
  const std::unique_ptr<rocksdb::DB> image(raw);
  STROM_TRY(CopyDifferences(rows, *image));
  STROM_TRY(FromRocks(image->Flush(rocksdb::FlushOptions()), "write snapshot image"));
  std::vector<rocksdb::LiveFileMetaData> live;
  image->GetLiveFilesMetaData(&live);
  const auto on_top = std::ranges::count(live, 0, &rocksdb::LiveFileMetaData::level);
  if (on_top > kMostFilesOnTop) {
    STROM_TRY(FromRocks(image->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr),
                        "merge snapshot image"));
  }
  rocksdb::Checkpoint* maker = nullptr;
  STROM_TRY(FromRocks(rocksdb::Checkpoint::Create(image.get(), &maker), "make checkpoint"));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(maker);
  STROM_TRY(FromRocks(checkpoint->CreateCheckpoint(checkpoint_dir), "make checkpoint"));
  std::vector<File> files;
  for (const auto& entry : fs::directory_iterator(checkpoint_dir, fault)) {
    const std::string name = entry.path().filename().string();
    files.push_back({entry.path().string(), name, static_cast<int64_t>(entry.file_size(fault)),
                     name.ends_with(".sst")});
  }
  if (fault) return Err(ErrorCode::kIo, "list {}: {}", checkpoint_dir, fault.message());
  return files;
}

Status SnapshotImage::Discard() {
  std::error_code fault;
  fs::remove_all(dir_, fault);
  if (fault) return Err(ErrorCode::kIo, "remove {}: {}", dir_, fault.message());
  return {};
}

Status ReadCheckpoint(const std::string& dir,
                      const std::function<Status(ByteView key, ByteView value)>& visit) {
  rocksdb::DB* raw = nullptr;
  rocksdb::Options options = ImageOptions();
  options.create_if_missing = false;
  STROM_TRY(OpenFailed(rocksdb::DB::OpenForReadOnly(options, dir, &raw), dir));
  const std::unique_ptr<rocksdb::DB> db(raw);
  const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions()));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    STROM_TRY(visit(ToView(it->key()), ToView(it->value())));
  return FromRocks(it->status(), "read checkpoint");
}

}  // namespace strom::kv
