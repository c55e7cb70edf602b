#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include <arrow/array.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/initialize.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>

#include "lake/file/data_file_reader.h"
#include "lake/paimon/paimon_compaction_internal.h"
#include "lake/paimon/paimon_key_file_internal.h"
#include "record/arrow_batch.h"

namespace strom::lake::paimon {
namespace {

using record::FromArrow;

Result<std::unique_ptr<DataFileReader>> Read(const PaimonFiles& files, const TableSchema& schema,
                                             const std::vector<ManifestEntry>& entries,
                                             const arrow::Schema& columns) {
  std::vector<std::string> paths;
  for (const ManifestEntry& entry : entries) {
    STROM_ASSIGN(const std::string partition, PaimonFiles::PartitionDir(schema, entry.partition));
    paths.push_back(files.PathOf(partition, entry));
  }
  return ReadDataFiles(std::move(paths), columns.field_names());
}

/// Merges sorted runs into one, a stretch of keys at a time.
///
/// The rows at hand are sorted together; up to the first place where a run's rows at hand end,
/// nothing can come between them any more.
class RunMerger {
 public:
  RunMerger(const KeyFileShape& shape, std::vector<std::unique_ptr<DataFileReader>> runs,
            bool drop_deletes)
      : shape_(shape), drop_deletes_(drop_deletes) {
    for (auto& run : runs) runs_.push_back({std::move(run), 0});
  }

  /// The next rows, each key once, or nothing at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next() {
    STROM_ASSIGN(const auto sorted, AtHand());
    if (!sorted) return nullptr;
    const int64_t end = FinalUntil(*sorted);
    rest_ = end < sorted->num_rows() ? sorted->Slice(end) : nullptr;
    const auto& ends = EndsOf(*sorted);
    for (int64_t i = 0; i < end; ++i) {
      if (ends.Value(i) >= 0) runs_[static_cast<size_t>(ends.Value(i))].at_hand = false;
    }
    STROM_ASSIGN(const auto newest, shape_.Newest(sorted, end, drop_deletes_));
    auto without_ends = newest->RemoveColumn(newest->num_columns() - 1);
    STROM_TRY(FromArrow(without_ends.status(), "merge changes"));
    return *without_ends;
  }

 private:
  struct Run {
    std::unique_ptr<DataFileReader> reader;
    bool at_hand = false;  // rows of it are in rest_
    bool done = false;
  };

  /// rest_ and the next batch of each run that has none in it, sorted. The last column says which
  /// run ends with a row, -1 for none.
  Result<std::shared_ptr<arrow::RecordBatch>> AtHand() {
    std::vector<std::shared_ptr<arrow::RecordBatch>> parts;
    if (rest_) parts.push_back(rest_);
    for (size_t i = 0; i < runs_.size(); ++i) {
      Run& run = runs_[i];
      if (run.at_hand || run.done) continue;
      std::shared_ptr<arrow::RecordBatch> rows;
      do {
        STROM_ASSIGN(rows, run.reader->Next());
      } while (rows && rows->num_rows() == 0);
      if (!rows) {
        run.done = true;
        continue;
      }
      run.at_hand = true;
      STROM_ASSIGN(const auto in_schema, InSchema(*rows, shape_.schema()));
      STROM_ASSIGN(auto marked, WithEnd(*in_schema, static_cast<int32_t>(i)));
      parts.push_back(std::move(marked));
    }
    if (parts.empty()) return nullptr;
    const auto all = arrow::ConcatenateRecordBatches(parts);
    STROM_TRY(FromArrow(all.status(), "merge changes"));
    return shape_.Sorted(*all, KeyFileShape::Order::kKeyAndSequence);
  }

  static Result<std::shared_ptr<arrow::RecordBatch>> WithEnd(const arrow::RecordBatch& rows,
                                                             int32_t run) {
    arrow::Int32Builder ends;
    STROM_TRY(FromArrow(ends.Reserve(rows.num_rows()), "merge changes"));
    for (int64_t i = 0; i + 1 < rows.num_rows(); ++i) ends.UnsafeAppend(-1);
    ends.UnsafeAppend(run);
    const auto column = ends.Finish();
    STROM_TRY(FromArrow(column.status(), "merge changes"));
    auto marked = rows.AddColumn(rows.num_columns(), arrow::field("_end", arrow::int32()), *column);
    STROM_TRY(FromArrow(marked.status(), "merge changes"));
    return *marked;
  }
  static const arrow::Int32Array& EndsOf(const arrow::RecordBatch& rows) {
    return static_cast<const arrow::Int32Array&>(*rows.column(rows.num_columns() - 1));
  }

  /// Behind the key at which the first run ends; behind all when no run can have more.
  int64_t FinalUntil(const arrow::RecordBatch& sorted) const {
    const auto& ends = EndsOf(sorted);
    int64_t at = 0;
    while (at < sorted.num_rows() && ends.Value(at) < 0) ++at;
    if (at < sorted.num_rows()) ++at;
    while (at < sorted.num_rows() && shape_.SameKey(sorted, at - 1, at)) ++at;
    return at;
  }

  const KeyFileShape& shape_;
  const bool drop_deletes_;
  std::vector<Run> runs_;
  std::shared_ptr<arrow::RecordBatch> rest_;
};

/// Merges the newest runs of a bucket of keys.
Status MergeRuns(const PaimonFiles& files, BucketFiles& target, std::vector<SortedRun> runs,
                 const MergeUnit& unit, const Beat& beat, Rewritten& out) {
  const TableSchema& schema = target.schema();
  const KeyFileShape shape(schema);
  std::vector<std::unique_ptr<DataFileReader>> readers;
  for (size_t i = 0; i < unit.runs; ++i) {
    STROM_ASSIGN(auto reader, Read(files, schema, runs[i].files, *shape.schema()));
    readers.push_back(std::move(reader));
  }
  // With nothing below, a deletion has done its work.
  RunMerger merger(shape, std::move(readers), /*drop_deletes=*/unit.runs == runs.size());
  std::unique_ptr<KeyFileWriter> writer;
  const auto close = [&]() -> Status {
    if (!writer) return {};
    STROM_ASSIGN(auto file, writer->Finish());
    out.added.push_back(std::move(file));
    writer.reset();
    return {};
  };
  while (true) {
    STROM_ASSIGN(const auto rows, merger.Next());
    if (!rows) break;
    STROM_TRY(beat());
    if (rows->num_rows() == 0) continue;
    if (!writer) {
      STROM_ASSIGN(writer,
                   KeyFileWriter::Open(shape, target, {.compacted = true, .level = unit.level}));
    }
    STROM_TRY(writer->Write(*rows));
    if (writer->bytes_so_far() >= target.options().target_bytes) STROM_TRY(close());
  }
  STROM_TRY(close());
  for (size_t i = 0; i < unit.runs; ++i) {
    for (ManifestEntry& entry : runs[i].files) out.removed.push_back(std::move(entry));
  }
  return {};
}

/// Joins files of an append table into one.
Status Join(const PaimonFiles& files, BucketFiles& target, std::vector<ManifestEntry> group,
            const Beat& beat, Rewritten& out) {
  const TableSchema& schema = target.schema();
  arrow::FieldVector fields;
  std::vector<model::DataType> types;
  for (const Field& field : schema.fields) {
    fields.push_back(FileField(field));
    types.push_back(field.type);
  }
  const auto columns = arrow::schema(std::move(fields));
  STROM_ASSIGN(const auto reader, Read(files, schema, group, *columns));
  const BucketFiles::Place place = target.Next(target.options().prefix);
  STROM_ASSIGN(const auto file, OpenDataFile(place.path, columns, types, target.options().file));
  while (true) {
    STROM_ASSIGN(const auto rows, reader->Next());
    if (!rows) break;
    STROM_TRY(beat());
    STROM_ASSIGN(const auto converted, InSchema(*rows, columns));
    STROM_TRY(file->Write(*converted));
  }
  STROM_ASSIGN(const FinishedFile finished, file->Finish());
  STROM_ASSIGN(ManifestEntry entry, target.EntryOfRows(place.name, finished));
  entry.min_sequence = group.front().min_sequence;
  entry.max_sequence = schema.buckets() >= 0 ? group.back().max_sequence : finished.rows - 1;
  entry.compacted = true;
  out.added.push_back(std::make_unique<PaimonFile>(std::move(entry), place.path, false));
  for (ManifestEntry& old : group) out.removed.push_back(std::move(old));
  return {};
}

}  // namespace

Result<std::vector<SortedRun>> SortedRunsOf(const TableSchema& schema,
                                            std::vector<ManifestEntry> files) {
  // Level 0 by age, newest first; of a higher level all belong together.
  std::ranges::sort(files, [](const ManifestEntry& a, const ManifestEntry& b) {
    if (a.level != b.level) return a.level < b.level;
    return a.max_sequence > b.max_sequence;
  });
  std::vector<SortedRun> runs;
  for (ManifestEntry& file : files) {
    if (runs.empty() || file.level == 0 || runs.back().level != file.level)
      runs.push_back({file.level, 0, {}});
    runs.back().bytes += file.file_size;
    runs.back().files.push_back(std::move(file));
  }
  const std::vector<model::DataType> types = KeyFileShape(schema).key_types();
  for (SortedRun& run : runs) {
    if (run.files.size() < 2) continue;
    std::vector<std::pair<record::Row, size_t>> order;
    for (size_t i = 0; i < run.files.size(); ++i) {
      STROM_ASSIGN(record::Row key, DecodeRow(types, run.files[i].min_key));
      order.emplace_back(std::move(key), i);
    }
    std::ranges::sort(order, [](const auto& a, const auto& b) {
      return std::ranges::lexicographical_compare(a.first, b.first, Less);
    });
    std::vector<ManifestEntry> sorted;
    for (const auto& [key, i] : order) sorted.push_back(std::move(run.files[i]));
    run.files = std::move(sorted);
  }
  return runs;
}

std::optional<MergeUnit> PickMerge(std::span<const SortedRun> runs, size_t trigger) {
  constexpr int64_t kMostAmplification = 2;  // newer rows may take so many times the oldest run
  const auto fresh = std::ranges::count(runs, 0, &SortedRun::level);
  if (static_cast<size_t>(fresh) < trigger) return std::nullopt;
  const int64_t newer =
      std::accumulate(runs.begin(), runs.end() - 1, int64_t{0},
                      [](int64_t sum, const SortedRun& run) { return sum + run.bytes; });
  if (newer > kMostAmplification * runs.back().bytes) return MergeUnit{runs.size(), kMaxLevel};
  // All of level 0, and then every older run that is not much larger than what is merged so far: a
  // small batch of new rows does not make a large run be written again. How much larger follows
  // from the levels there are between the fresh rows and the oldest ones.
  size_t picked = 0;
  int64_t bytes = 0;
  for (; picked < runs.size() && runs[picked].level == 0; ++picked) bytes += runs[picked].bytes;
  const auto most = static_cast<double>(kMostAmplification * runs.back().bytes);
  const double ratio = std::max(
      1.0,
      std::pow(most / static_cast<double>(std::max<int64_t>(bytes, 1)), 1.0 / (kMaxLevel - 1)));
  for (; picked < runs.size(); ++picked) {
    if (static_cast<double>(runs[picked].bytes) > ratio * static_cast<double>(bytes)) break;
    bytes += runs[picked].bytes;
  }
  if (picked == runs.size()) return MergeUnit{picked, kMaxLevel};
  // It lies right above the next older run; where there is no level left, that run is merged too.
  while (picked < runs.size() && runs[picked].level - 1 < 1) ++picked;
  if (picked == runs.size()) return MergeUnit{picked, kMaxLevel};
  return MergeUnit{picked, runs[picked].level - 1};
}

std::optional<MergeUnit> PickAtRest(std::span<const SortedRun> runs) {
  constexpr int64_t kMostAtRest = 16;
  constexpr int64_t kLittleBytes = int64_t{64} << 20;
  if (runs.size() < 2) return std::nullopt;
  int64_t newer = 0;
  for (const SortedRun& run : runs.first(runs.size() - 1)) newer += run.bytes;
  const int64_t all = newer + runs.back().bytes;
  if (all > kLittleBytes && newer * kMostAtRest < all) return std::nullopt;
  return MergeUnit{runs.size(), kMaxLevel};
}

std::vector<std::vector<ManifestEntry>> PickJoins(std::vector<ManifestEntry> files, bool bucketed,
                                                  const WriterOptions& options) {
  std::ranges::sort(files, [&](const ManifestEntry& a, const ManifestEntry& b) {
    return bucketed ? a.min_sequence < b.min_sequence
                    : std::tie(a.creation_ms, a.file_name) < std::tie(b.creation_ms, b.file_name);
  });
  const int64_t large = options.target_bytes / 10 * 7;
  std::vector<std::vector<ManifestEntry>> groups;
  std::vector<ManifestEntry> group;
  int64_t bytes = 0;
  const auto close = [&] {
    const bool worth_it =
        group.size() >= options.small_files || (group.size() > 1 && bytes >= large);
    if (worth_it) groups.push_back(std::move(group));
    group.clear();
    bytes = 0;
  };
  for (ManifestEntry& file : files) {
    if (file.file_size >= large) {
      if (bucketed) close();  // rows keep their order
      continue;
    }
    bytes += file.file_size;
    group.push_back(std::move(file));
    if (bytes >= options.target_bytes) close();
  }
  close();
  return groups;
}

Result<Rewritten> CompactBucket(const PaimonFiles& files, const TableSchema& schema,
                                std::vector<ManifestEntry> live, LakeTable::Effort effort,
                                const Beat& beat) {
  STROM_TRY(FromArrow(arrow::compute::Initialize(), "sort functions"));
  STROM_ASSIGN(WriterOptions options, WriterOptionsOf(schema));
  const ManifestEntry& any = live.front();
  BucketFiles target(files, schema, options, any.bucket);
  STROM_TRY(target.PlaceAt(any.partition));
  Rewritten out;
  const auto rewrite = [&]() -> Status {
    if (schema.primary_keys.empty()) {
      for (auto& group : PickJoins(std::move(live), schema.buckets() >= 0, options))
        STROM_TRY(Join(files, target, std::move(group), beat, out));
      return {};
    }
    STROM_ASSIGN(std::vector<SortedRun> runs, SortedRunsOf(schema, std::move(live)));
    auto unit = effort == LakeTable::Effort::kAtRest ? PickAtRest(runs) : std::nullopt;
    if (effort == LakeTable::Effort::kAll && runs.size() > 1)
      unit = MergeUnit{runs.size(), kMaxLevel};
    if (!unit) unit = PickMerge(runs, options.sorted_runs);
    return unit ? MergeRuns(files, target, std::move(runs), *unit, beat, out) : Status();
  };
  if (const Status done = rewrite(); !done) {
    RemoveFiles(files, out.added);
    return std::unexpected(done.error());
  }
  for (ManifestEntry& entry : out.removed) entry.is_delete = true;
  return out;
}

}  // namespace strom::lake::paimon
