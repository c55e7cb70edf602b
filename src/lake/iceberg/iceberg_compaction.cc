#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/initialize.h>
#include <arrow/datum.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "lake/file/data_file_reader.h"
#include "lake/iceberg/iceberg_keys_internal.h"
#include "lake/iceberg/iceberg_table_internal.h"
#include "lake/iceberg/iceberg_writer_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::iceberg {
namespace {

using record::FromArrow;

/// So many small files, or files of deletes, are worth a rewrite.
constexpr size_t kManyFiles = 5;
/// A file with this part of its rows gone is rewritten whatever its size.
constexpr double kGoneRatio = 0.1;
/// Files are merged while the next larger one is at most so many times what there is already: then
/// a row is written again a logarithmic number of times.
constexpr int64_t kSizeRatio = 2;

struct Bucket {
  std::vector<FileEntry> data;
  std::vector<FileEntry> deletes;
};

class BucketCompaction {
 public:
  BucketCompaction(BucketFiles files, Bucket bucket, const std::function<Status()>& beat)
      : files_(std::move(files)), bucket_(std::move(bucket)), beat_(beat) {}

  /// Decides and does it. The files that come are added to `added`, those that go to `removed`.
  Status Run(std::set<std::string>& removed, LakeFiles& added) {
    STROM_ASSIGN(gone_, ReadDeletes(bucket_.deletes));
    const std::vector<FileEntry> chosen = Choose();
    const bool many_deletes = bucket_.deletes.size() >= kManyFiles;
    if (chosen.empty() && !many_deletes) return {};
    if (!chosen.empty()) STROM_TRY(Rewrite(chosen, added));
    for (const FileEntry& entry : chosen) removed.insert(entry.path);
    // What is still gone from files that stay goes into one file.
    std::vector<std::pair<std::string, int64_t>> left;
    for (const FileEntry& entry : bucket_.data) {
      if (removed.contains(entry.path)) continue;
      if (const auto it = gone_.find(entry.path); it != gone_.end()) {
        for (const int64_t position : it->second) left.emplace_back(entry.path, position);
      }
    }
    std::ranges::sort(left);
    for (const FileEntry& entry : bucket_.deletes) removed.insert(entry.path);
    if (left.empty()) return {};
    STROM_ASSIGN(auto file, files_.WriteDeletes(left));
    added.push_back(std::move(file));
    return {};
  }

 private:
  int64_t GoneOf(const FileEntry& entry) const {
    const auto it = gone_.find(entry.path);
    return it == gone_.end() ? 0 : static_cast<int64_t>(it->second.size());
  }

  std::vector<FileEntry> Choose() const {
    std::vector<FileEntry> by_size = bucket_.data;
    std::ranges::sort(by_size, {}, &FileEntry::bytes);
    std::vector<FileEntry> chosen;
    size_t small = 0;
    int64_t sum = 0;
    while (small < by_size.size()) {
      const int64_t bytes = by_size[small].bytes;
      if (bytes >= files_.options().target_bytes) break;
      if (small > 1 && bytes > kSizeRatio * sum) break;
      sum += bytes;
      ++small;
    }
    if (small < kManyFiles) small = 0;
    for (size_t i = 0; i < by_size.size(); ++i) {
      const auto rows = static_cast<double>(std::max<int64_t>(by_size[i].rows, 1));
      if (i < small || static_cast<double>(GoneOf(by_size[i])) / rows >= kGoneRatio)
        chosen.push_back(by_size[i]);
    }
    // In the order they were written, so that rows stay by offset as far as they were.
    std::ranges::sort(chosen, {}, [](const FileEntry& e) { return e.file_sequence.value_or(0); });
    return chosen;
  }

  Status Rewrite(const std::vector<FileEntry>& chosen, LakeFiles& added) {
    const auto schema = FileSchema(files_.metadata().schema());
    std::vector<std::string> columns;
    for (const auto& field : schema->fields()) columns.push_back(field->name());
    BucketFiles::Open open;
    const auto close = [&]() -> Status {
      STROM_ASSIGN(auto file, files_.FinishData(open));
      added.push_back(std::move(file));
      return {};
    };
    for (const FileEntry& entry : chosen) {
      STROM_ASSIGN(const std::string local, io::LocalPath(entry.path));
      const auto reader = ReadDataFiles({local}, columns);
      int64_t position = 0;
      while (true) {
        STROM_TRY(beat_());
        STROM_ASSIGN(auto batch, reader->Next());
        if (!batch) break;
        const int64_t rows = batch->num_rows();
        STROM_ASSIGN(batch, InSchema(*batch, schema));
        STROM_ASSIGN(batch, WithoutGone(batch, entry.path, position));
        position += rows;
        if (batch->num_rows() == 0) continue;
        if (!open.writer) {
          STROM_ASSIGN(open, files_.OpenData());
        }
        STROM_TRY(open.writer->Write(*batch));
        if (open.writer->bytes_so_far() >= files_.options().target_bytes) STROM_TRY(close());
      }
    }
    return open.writer ? close() : Status();
  }

  /// `batch` begins at `position` of the file.
  Result<std::shared_ptr<arrow::RecordBatch>> WithoutGone(std::shared_ptr<arrow::RecordBatch> batch,
                                                          const std::string& path,
                                                          int64_t position) const {
    const auto it = gone_.find(path);
    if (it == gone_.end()) return batch;
    const int64_t end = position + batch->num_rows();
    auto next = it->second.lower_bound(position);
    if (next == it->second.end() || *next >= end) return batch;
    arrow::Int64Builder kept;
    for (int64_t at = position; at < end; ++at) {
      if (next != it->second.end() && *next == at) {
        ++next;
      } else {
        STROM_TRY(FromArrow(kept.Append(at - position), "rows"));
      }
    }
    std::shared_ptr<arrow::Array> places;
    STROM_TRY(FromArrow(kept.Finish(&places), "rows"));
    const auto taken = arrow::compute::Take(arrow::Datum(batch), arrow::Datum(places),
                                            arrow::compute::TakeOptions::NoBoundsCheck());
    STROM_TRY(FromArrow(taken.status(), "rows"));
    return taken->record_batch();
  }

  BucketFiles files_;
  const Bucket bucket_;
  const std::function<Status()>& beat_;
  Positions gone_;
};

}  // namespace

Status PlanCompaction(const std::shared_ptr<TableState>& table, const std::function<Status()>& beat,
                      Commit& commit, LakeFiles& added) {
  STROM_TRY(FromArrow(arrow::compute::Initialize(), "take functions"));
  STROM_ASSIGN(const WriterOptions options, WriterOptionsOf(table->metadata()));
  STROM_ASSIGN(const IcebergFiles::Live* const live, table->LiveFiles());
  std::map<PartitionTuple, Bucket> buckets;
  for (const FileEntry& entry : live->data) buckets[entry.partition].data.push_back(entry);
  for (const FileEntry& entry : live->deletes) buckets[entry.partition].deletes.push_back(entry);
  for (auto& [partition, bucket] : buckets) {
    const auto* const number =
        partition.empty() ? nullptr : std::get_if<int64_t>(&partition.back());
    BucketFiles bucket_files(table, options, number == nullptr ? 0 : static_cast<int32_t>(*number));
    bucket_files.PlaceAt(partition);
    BucketCompaction compaction(std::move(bucket_files), std::move(bucket), beat);
    STROM_TRY(compaction.Run(commit.removed, added));
  }
  for (const auto& file : added)
    commit.added.push_back(static_cast<const IcebergFile&>(*file).entry);
  return {};
}

}  // namespace strom::lake::iceberg
