#include <unordered_map>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/initialize.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/util/byte_size.h>

#include "lake/iceberg/iceberg_keys_internal.h"
#include "lake/iceberg/iceberg_writer_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::iceberg {
namespace {

using record::ChangeType;
using record::FromArrow;

constexpr int64_t kBufferBytes = 64 << 20;

/// Writes the last row of each key that changed, and names the rows that are gone by file and
/// position: every reader of the format takes them, and at no cost that grows with the deletes of
/// the past. Where a key's old row is, the key columns of the bucket's files tell.
class KeyWriter final : public LakeWriter {
 public:
  KeyWriter(BucketFiles files, FileRows rows) : files_(std::move(files)), rows_(std::move(rows)) {
    const Schema& schema = files_.metadata().schema();
    for (const int32_t id : schema.identifier_ids) {
      key_columns_.push_back(schema.FindById(id)->name);
      key_positions_.push_back(rows_.schema()->GetFieldIndex(key_columns_.back()));
    }
  }

  Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
               std::span<const ChangeType> changes) override {
    if (rows.num_rows() == 0) return {};
    if (changes.size() != static_cast<size_t>(rows.num_rows())) {
      return Err(ErrorCode::kInvalidArgument, "{}: {} rows have {} change types",
                 files_.files().location(), rows.num_rows(), changes.size());
    }
    STROM_TRY(files_.PlaceBy(rows));
    STROM_ASSIGN(auto converted, rows_.Convert(rows, base_offset, timestamp));
    for (int64_t i = 0; i < converted->num_rows(); ++i) {
      Bytes key;
      for (const int position : key_positions_)
        STROM_TRY(AppendKey(*converted->column(position), i, key));
      const ChangeType change = changes[static_cast<size_t>(i)];
      const auto [it, is_new] = last_.try_emplace(std::move(key));
      // The first change of a key tells whether the table had it before.
      if (is_new) it->second.was_there = change != ChangeType::kInsert;
      const bool stays = change == ChangeType::kInsert || change == ChangeType::kUpdateAfter;
      it->second.row = stays ? buffered_rows_ + i : kGone;
    }
    buffered_rows_ += converted->num_rows();
    buffered_bytes_ += arrow::util::TotalBufferSize(*converted);
    buffer_.push_back(std::move(converted));
    return buffered_bytes_ < kBufferBytes ? Status() : WriteOut();
  }

  Result<LakeFiles> Finish() override {
    if (!buffer_.empty()) STROM_TRY(WriteOut());
    if (!gone_.empty()) {
      std::ranges::sort(gone_);
      STROM_ASSIGN(auto file, files_.WriteDeletes(gone_));
      for (const auto& own : finished_)
        file->referenced.erase(static_cast<const IcebergFile&>(*own).entry.path);
      finished_.push_back(std::move(file));
    }
    return std::move(finished_);
  }

 private:
  static constexpr int64_t kGone = -1;
  struct Last {
    int64_t row = kGone;  // in the buffer
    bool was_there = false;
  };

  Status WriteOut() {
    STROM_TRY(FindOldRows());
    std::vector<int64_t> kept;
    for (const auto& [key, last] : last_) {
      if (last.row != kGone) kept.push_back(last.row);
    }
    std::ranges::sort(kept);
    if (!kept.empty()) STROM_TRY(WriteRows(kept));
    last_.clear();
    buffer_.clear();
    buffered_rows_ = 0;
    buffered_bytes_ = 0;
    return {};
  }

  Status WriteRows(const std::vector<int64_t>& kept) {
    const auto all = arrow::ConcatenateRecordBatches(buffer_);
    STROM_TRY(FromArrow(all.status(), "rows"));
    arrow::Int64Builder indices;
    STROM_TRY(FromArrow(indices.AppendValues(kept), "rows"));
    std::shared_ptr<arrow::Array> places;
    STROM_TRY(FromArrow(indices.Finish(&places), "rows"));
    const auto taken = arrow::compute::Take(arrow::Datum(*all), arrow::Datum(places),
                                            arrow::compute::TakeOptions::NoBoundsCheck());
    STROM_TRY(FromArrow(taken.status(), "rows"));
    STROM_ASSIGN(BucketFiles::Open open, files_.OpenData());
    STROM_TRY(open.writer->Write(*taken->record_batch()));
    STROM_ASSIGN(auto file, files_.FinishData(open));
    finished_.push_back(std::move(file));
    return {};
  }

  /// Finds the rows that keys of the buffer have in the table, and in files of this round.
  Status FindOldRows() {
    const bool any =
        std::ranges::any_of(last_, [](const auto& item) { return item.second.was_there; });
    if (!any) return {};
    if (!known_) STROM_TRY(ReadBucket());
    const auto look = [&](const std::string& path) {
      std::set<int64_t>& gone = deleted_[path];
      return ForEachKey(path, key_columns_, [&](const Bytes& key, int64_t position) {
        const auto it = last_.find(key);
        if (it == last_.end() || !it->second.was_there || !gone.insert(position).second) return;
        gone_.emplace_back(path, position);
      });
    };
    for (const std::string& path : live_) STROM_TRY(look(path));
    for (const auto& file : finished_)
      STROM_TRY(look(static_cast<const IcebergFile&>(*file).entry.path));
    return {};
  }

  /// The bucket's data files, and which of their rows are gone already.
  Status ReadBucket() {
    known_ = true;
    STROM_ASSIGN(const IcebergFiles::Live* const live, files_.table().LiveFiles());
    for (const FileEntry& entry : live->data) {
      if (entry.partition == files_.partition()) live_.push_back(entry.path);
    }
    // Rows that deletes by equality name are named once more, which does no harm.
    std::vector<FileEntry> deletes;
    std::ranges::copy_if(live->deletes, std::back_inserter(deletes), [&](const FileEntry& entry) {
      return entry.partition == files_.partition() && entry.content == Content::kPositionDeletes;
    });
    STROM_ASSIGN(deleted_, ReadDeletes(deletes));
    return {};
  }

  BucketFiles files_;
  const FileRows rows_;
  std::vector<std::string> key_columns_;
  std::vector<int> key_positions_;  // in the rows of a file
  // What is in memory: all rows, and of each key the last one.
  std::vector<std::shared_ptr<arrow::RecordBatch>> buffer_;
  int64_t buffered_rows_ = 0;
  int64_t buffered_bytes_ = 0;
  std::unordered_map<Bytes, Last> last_;
  // The bucket in the lake.
  bool known_ = false;
  std::vector<std::string> live_;
  Positions deleted_;
  std::vector<std::pair<std::string, int64_t>> gone_;  // by this round
  LakeFiles finished_;
};

}  // namespace

Result<std::unique_ptr<LakeWriter>> OpenKeyWriter(BucketFiles files, FileRows rows) {
  STROM_TRY(FromArrow(arrow::compute::Initialize(), "take functions"));
  return std::make_unique<KeyWriter>(std::move(files), std::move(rows));
}

}  // namespace strom::lake::iceberg
