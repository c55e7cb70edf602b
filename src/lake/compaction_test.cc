#include <map>
#include <random>
#include <set>

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "io/file_system.h"
#include "lake/file/data_file_reader.h"
#include "lake/lake.h"
#include "lake/paimon/paimon_commit_internal.h"
#include "lake/paimon/paimon_compaction_internal.h"
#include "lake/paimon/paimon_expiry_internal.h"
#include "testing/faulty_file_system.h"
#include "testing/matchers.h"
#include "testing/temp_dir.h"

namespace strom::lake::paimon {
namespace {

using record::ChangeType;
using testing::FaultyFileSystem;
using testing::IsError;
using testing::IsOk;

const Beat kNoBeat = [] { return Status(); };

SortedRun RunOf(int32_t level, int64_t bytes) {
  return {level, bytes, {}};
}

TEST(PickMerge, WaitsForEnoughFreshRuns) {
  EXPECT_FALSE(PickMerge(std::vector{RunOf(0, 1), RunOf(0, 1), RunOf(5, 100)}, 3));
  const auto unit = PickMerge(std::vector{RunOf(0, 1), RunOf(0, 1), RunOf(0, 1), RunOf(5, 100)}, 3);
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->runs, 3U) << "a large old run is left alone";
  EXPECT_EQ(unit->level, 4);
}

TEST(PickMerge, TakesEverythingWhenTheNewRowsAreMany) {
  const auto unit =
      PickMerge(std::vector{RunOf(0, 50), RunOf(0, 50), RunOf(0, 50), RunOf(5, 50)}, 3);
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->runs, 4U);
  EXPECT_EQ(unit->level, kMaxLevel);
}

TEST(PickAtRest, MergesWhatReadersWouldHaveTo) {
  constexpr int64_t kMiB = 1 << 20;
  EXPECT_FALSE(PickAtRest(std::vector{RunOf(5, 100)}));
  const auto little = PickAtRest(std::vector{RunOf(0, 1), RunOf(5, 10 * kMiB)});
  ASSERT_TRUE(little);
  EXPECT_EQ(little->runs, 2U);
  EXPECT_EQ(little->level, kMaxLevel);
  EXPECT_TRUE(PickAtRest(std::vector{RunOf(0, 100 * kMiB), RunOf(5, 1000 * kMiB)}));
  EXPECT_FALSE(PickAtRest(std::vector{RunOf(0, 10 * kMiB), RunOf(5, 1000 * kMiB)}))
      << "a hundred times what is new is too much";
}

// However many rounds there are, runs stay few, levels never collide, and a byte is rewritten about
// as often as the logarithm says.
TEST(PickMerge, KeepsRunsFewAndRewritesCheap) {
  constexpr int kRounds = 5000;
  std::vector<SortedRun> runs{RunOf(5, 1'000'000)};
  int64_t rewritten = 0;
  for (int round = 0; round < kRounds; ++round) {
    runs.insert(runs.begin(), RunOf(0, 100));
    if (const auto unit = PickMerge(runs, 5)) {
      ASSERT_GE(unit->runs, 2U);
      SortedRun merged = RunOf(unit->level, 0);
      for (size_t i = 0; i < unit->runs; ++i) merged.bytes += runs[i].bytes;
      rewritten += merged.bytes;
      runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(unit->runs));
      if (!runs.empty()) {
        ASSERT_LT(merged.level, runs.front().level);
      }
      ASSERT_GE(merged.level, 1);
      runs.insert(runs.begin(), merged);
    }
    ASSERT_LE(runs.size(), 10U);
  }
  EXPECT_LT(rewritten, int64_t{kRounds} * 100 * 25);
}

ManifestEntry File(const std::string& name, int64_t bytes, int64_t first, int64_t last) {
  ManifestEntry entry;
  entry.partition = EmptyRow();
  entry.file_name = name;
  entry.file_size = bytes;
  entry.row_count = last - first + 1;
  entry.min_sequence = first;
  entry.max_sequence = last;
  return entry;
}

TEST(PickJoins, JoinsSmallNeighboursInOrder) {
  WriterOptions options;
  options.target_bytes = 1000;
  options.small_files = 3;
  std::vector<ManifestEntry> files{File("c", 10, 20, 29), File("a", 10, 0, 9),
                                   File("b", 10, 10, 19), File("large", 900, 30, 99),
                                   File("d", 10, 100, 109)};
  const auto groups = PickJoins(files, /*bucketed=*/true, options);
  ASSERT_EQ(groups.size(), 1U);
  ASSERT_EQ(groups[0].size(), 3U);
  EXPECT_EQ(groups[0].front().file_name, "a");
  EXPECT_EQ(groups[0].back().file_name, "c");
  EXPECT_EQ(PickJoins(files, /*bucketed=*/false, options)[0].size(), 4U)
      << "without an order a large one in between is no matter";
  files.resize(2);
  EXPECT_TRUE(PickJoins(files, true, options).empty());
}

/// A lake table of (id BIGINT, v STRING) with small files, and what its rows should be.
class CompactionTest : public ::testing::TestWithParam<bool> {
 protected:
  bool keyed() const { return GetParam(); }

  void SetUp() override {
    auto catalog = OpenCatalog(model::LakeFormat::kPaimon, {{"warehouse", dir_.path()}});
    ASSERT_THAT(catalog, IsOk());
    catalog_ = std::move(*catalog);
    descriptor_.schema.columns = {
        {"id", model::MakeType(model::TypeRoot::kBigInt, !keyed()), {}, {}, 0},
        {"v", model::MakeType(model::TypeRoot::kString), {}, {}, 1}};
    if (keyed()) descriptor_.schema.primary_key = {"id"};
    descriptor_.bucket_count = 1;
    descriptor_.bucket_keys = {"id"};
    descriptor_.custom_properties = {{"paimon.target-file-size", "20kb"}};
    ASSERT_THAT(catalog_->CreateTable(path_, descriptor_, false), IsOk());
    auto table = catalog_->OpenTable(path_);
    ASSERT_THAT(table, IsOk());
    table_ = std::move(*table);
  }

  /// One round of `count` random changes.
  void Round(std::mt19937& random, int count) {
    const auto writer = table_->NewWriter(descriptor_.schema, 0);
    ASSERT_THAT(writer, IsOk());
    arrow::Int64Builder ids;
    arrow::StringBuilder values;
    std::vector<ChangeType> changes;
    for (int i = 0; i < count; ++i) {
      const auto id = static_cast<int64_t>(random() % 3000);
      const std::string value = "v" + std::to_string(random());
      ASSERT_TRUE(ids.Append(id).ok());
      ASSERT_TRUE(values.Append(value).ok());
      if (!keyed()) {
        appended_.emplace_back(id, value);
      } else if (random() % 4 == 0) {
        changes.push_back(ChangeType::kDelete);
        model_.erase(id);
      } else {
        changes.push_back(model_.contains(id) ? ChangeType::kUpdateAfter : ChangeType::kInsert);
        model_[id] = value;
      }
    }
    const auto schema =
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("v", arrow::utf8())});
    const auto rows = arrow::RecordBatch::Make(
        schema, count, std::vector<std::shared_ptr<arrow::Array>>{*ids.Finish(), *values.Finish()});
    ASSERT_THAT((*writer)->Write(*rows, offset_, 1, changes), IsOk());
    offset_ += count;
    auto files = (*writer)->Finish();
    ASSERT_THAT(files, IsOk());
    const auto id = table_->Commit({std::move(*files), {}}, "o" + std::to_string(offset_));
    ASSERT_THAT(id, IsOk());
    newest_ = *id;
  }

  void ExpectRows() {
    const auto files = table_->Plan(newest_);
    ASSERT_THAT(files, IsOk());
    std::map<int64_t, std::tuple<int64_t, int8_t, std::string>> newest;
    std::vector<std::tuple<int64_t, int64_t, std::string>> all;
    for (const DataFile& file : *files) {
      const auto reader =
          ReadDataFiles({file.path}, {"id", "v", "__offset", "_SEQUENCE_NUMBER", "_VALUE_KIND"});
      while (true) {
        const auto rows = reader->Next();
        ASSERT_THAT(rows, IsOk());
        if (!*rows) break;
        const auto column = [&]<class Array>(const char* name, const Array*) -> const Array& {
          return static_cast<const Array&>(*(*rows)->GetColumnByName(name));
        };
        const auto& ids = column("id", static_cast<arrow::Int64Array*>(nullptr));
        const auto& values = column("v", static_cast<arrow::StringArray*>(nullptr));
        const auto& offsets = column("__offset", static_cast<arrow::Int64Array*>(nullptr));
        for (int64_t i = 0; i < (*rows)->num_rows(); ++i) {
          all.emplace_back(offsets.Value(i), ids.Value(i), values.GetString(i));
          if (!keyed()) continue;
          const auto& kinds = column("_VALUE_KIND", static_cast<arrow::Int8Array*>(nullptr));
          auto& known = newest.try_emplace(ids.Value(i), -1, 0, "").first->second;
          if (std::get<0>(known) < offsets.Value(i))
            known = {offsets.Value(i), kinds.Value(i), values.GetString(i)};
        }
      }
    }
    if (!keyed()) {
      std::vector<std::pair<int64_t, std::string>> rows;
      for (size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(std::get<0>(all[i]), static_cast<int64_t>(i)) << "rows keep their order";
        rows.emplace_back(std::get<1>(all[i]), std::get<2>(all[i]));
      }
      EXPECT_EQ(rows, appended_);
      return;
    }
    std::map<int64_t, std::string> rows;
    for (const auto& [id, row] : newest) {
      if (std::get<1>(row) == 0 || std::get<1>(row) == 2) rows[id] = std::get<2>(row);
    }
    EXPECT_EQ(rows, model_);
  }

  size_t Files() { return table_->Plan(newest_)->size(); }

  const model::TablePath path_{"db", "t"};
  testing::TempDir dir_;
  model::TableDescriptor descriptor_;
  std::unique_ptr<LakeCatalog> catalog_;
  std::unique_ptr<LakeTable> table_;
  int64_t newest_ = 0;
  int64_t offset_ = 0;
  std::map<int64_t, std::string> model_;                   // of a table with keys
  std::vector<std::pair<int64_t, std::string>> appended_;  // of one without
};

TEST_P(CompactionTest, EqualsAModelAndKeepsFilesFew) {
  std::mt19937 random(7);
  int compactions = 0;
  for (int round = 0; round < 60; ++round) {
    Round(random, static_cast<int>(random() % 400) + 1);
    const auto compacted =
        table_->Compact("o" + std::to_string(offset_), LakeTable::Effort::kAsNeeded, kNoBeat);
    ASSERT_THAT(compacted, IsOk());
    if (*compacted) {
      newest_ = **compacted;
      ++compactions;
      const auto own = table_->OwnCommitAfter(std::nullopt);
      EXPECT_EQ((*own)->snapshot_id, newest_);
      EXPECT_EQ((*own)->offsets_path, "o" + std::to_string(offset_));
    }
    ExpectRows();
    EXPECT_LT(Files(), 45U);
  }
  EXPECT_GT(compactions, 5);
  EXPECT_EQ(table_->Snapshots()->back().commit_kind == "COMPACT",
            table_->Snapshots()->back().snapshot_id == newest_ && compactions > 0 &&
                table_->Snapshots()->back().delta_records <= 0);
}

TEST_P(CompactionTest, AtRestABucketOfKeysHasOneRun) {
  std::mt19937 random(9);
  for (int round = 0; round < 3; ++round) Round(random, 300);
  EXPECT_FALSE(table_->Compact("o", LakeTable::Effort::kAsNeeded, kNoBeat)->has_value());
  const auto merged = table_->Compact("o", LakeTable::Effort::kAtRest, kNoBeat);
  ASSERT_THAT(merged, IsOk());
  EXPECT_EQ(merged->has_value(), keyed());
  if (*merged) newest_ = **merged;
  ExpectRows();
  const auto files = table_->Plan(newest_);
  EXPECT_EQ(std::ranges::all_of(*files, &DataFile::merged), keyed());
  EXPECT_FALSE(table_->Compact("o", LakeTable::Effort::kAll, kNoBeat)->has_value());
}

TEST_P(CompactionTest, AnInterruptedOneLeavesNoFile) {
  std::mt19937 random(3);
  for (int round = 0; round < 5; ++round) Round(random, 300);
  const auto count = [&] {
    return std::ranges::distance(
        std::filesystem::recursive_directory_iterator(catalog_->LocationOf(path_)),
        std::filesystem::recursive_directory_iterator());
  };
  const auto before = count();
  const auto stopped = table_->Compact("o", LakeTable::Effort::kAsNeeded,
                                       []() -> Status { return Err(ErrorCode::kClosed, "stop"); });
  EXPECT_THAT(stopped, IsError(ErrorCode::kClosed));
  EXPECT_EQ(count(), before);
  ExpectRows();
  EXPECT_TRUE(table_->Compact("o", LakeTable::Effort::kAsNeeded, kNoBeat)->has_value());
}

TEST_P(CompactionTest, AWorkerThatWasReplacedCommitsNothing) {
  std::mt19937 random(5);
  Round(random, 100);
  const int64_t before = offset_;
  const auto replaced = std::move(*catalog_->OpenTable(path_));
  for (LakeTable* const table : {replaced.get(), table_.get()})
    ASSERT_THAT(table->OwnCommitAfter(std::nullopt), IsOk());

  // Somebody else's commit is no matter, another worker's is.
  const PaimonFiles files(io::LocalFiles(), catalog_->LocationOf(path_));
  Snapshot foreign = *files.ReadSnapshot(newest_);
  foreign.id = newest_ + 1;
  foreign.commit_user = "somebody";
  ASSERT_THAT(files.CreateSnapshot(foreign), IsOk());
  EXPECT_THAT(replaced->Commit({}, "o" + std::to_string(before)), IsOk());
  EXPECT_THAT(table_->Commit({}, "late"), IsError(ErrorCode::kFencedTieringEpoch));
  const auto fenced = [&] {
    return table_->Compact("late", LakeTable::Effort::kAsNeeded, kNoBeat);
  };
  for (int i = 0; i < 8; ++i) {
    table_ = std::move(*catalog_->OpenTable(path_));
    Round(random, 300);
  }
  ASSERT_THAT(table_->OwnCommitAfter(std::nullopt), IsOk());
  ASSERT_THAT(catalog_->OpenTable(path_).value()->Commit({}, "o"), IsOk());
  EXPECT_THAT(fenced(), IsError(ErrorCode::kFencedTieringEpoch));
  EXPECT_EQ((*(*catalog_->OpenTable(path_))->OwnCommitAfter(std::nullopt))->offsets_path, "o");
}

INSTANTIATE_TEST_SUITE_P(Tables, CompactionTest, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "WithKeys" : "Append"; });

TableSchema PlainSchema() {
  TableSchema schema;
  schema.fields = {{0, "id", model::MakeType(model::TypeRoot::kBigInt), {}}};
  schema.highest_field_id = 0;
  schema.options = {{"bucket", "1"}, {"bucket-key", "id"}};
  return schema;
}

TEST(PaimonCommit, ACompactionOfFilesThatAreGoneIsRefused) {
  FaultyFileSystem disk;
  const PaimonFiles files(disk, "/lake/t");
  ManifestEntry old = File("a", 10, 0, 9);
  ASSERT_THAT(CommitFiles(files, PlainSchema(), {{old}, {}, "o"}), IsOk());
  old.is_delete = true;
  const Commit compaction{{old, File("b", 10, 0, 9)}, {}, "o", true};
  EXPECT_EQ(*CommitFiles(files, PlainSchema(), compaction), 2);
  EXPECT_THAT(CommitFiles(files, PlainSchema(), compaction), IsError(ErrorCode::kConflict));
  const Snapshot last = *files.ReadSnapshot(2);
  EXPECT_EQ(last.commit_kind, "COMPACT");
  EXPECT_EQ(last.total_records, 10);
  EXPECT_EQ(files.LiveEntries(last)->size(), 1U);
}

TEST(PaimonCommit, ABucketIsReplacedInOneStep) {
  FaultyFileSystem disk;
  const PaimonFiles files(disk, "/lake/t");
  ManifestEntry other = File("c", 5, 0, 9);
  other.bucket = 1;
  ASSERT_THAT(CommitFiles(files, PlainSchema(), {{File("a", 10, 0, 9), other}, {}, "o"}), IsOk());
  Commit commit{{File("b", 3, 0, 9)}, {}, "o"};
  const ManifestEntry old = File("a", 10, 0, 9);
  commit.replaced = {{old.partition, old.bucket}};
  EXPECT_EQ(*CommitFiles(files, PlainSchema(), commit), 2);
  const Snapshot last = *files.ReadSnapshot(2);
  EXPECT_EQ(last.commit_kind, "OVERWRITE");
  EXPECT_EQ(last.total_records, 20);
  EXPECT_EQ(last.delta_records, 0);
  std::set<std::string> live;
  for (const ManifestEntry& entry : *files.LiveEntries(last)) live.insert(entry.file_name);
  EXPECT_EQ(live, (std::set<std::string>{"b", "c"}));
}

/// A table that replaces its only file again and again, with data and changelog files that exist.
class ExpiryTest : public ::testing::Test {
 protected:
  void Replace(int count) {
    for (int i = 0; i < count; ++i) {
      Commit commit{{}, {}, "o"};
      if (!current_.empty()) {
        commit.entries.push_back(File(current_, 10, 0, 9));
        commit.entries.back().is_delete = true;
      }
      current_ = "data-" + std::to_string(next_);
      const std::string changelog = "changelog-" + std::to_string(next_++);
      commit.entries.push_back(File(current_, 10, 0, 9));
      commit.changelog.push_back(File(changelog, 10, 0, 9));
      for (const std::string& name : {current_, changelog})
        ASSERT_THAT(io::WriteFileAtomically(disk_, files_.DataFilePath("", 0, name), "rows"),
                    IsOk());
      ASSERT_THAT(CommitFiles(files_, PlainSchema(), commit), IsOk());
    }
  }
  size_t Count(const std::string& folder) {
    const auto listed = disk_.List(std::string("/lake/t/") + folder);
    return listed ? listed->size() : 0;
  }
  bool Has(const std::string& name) { return *disk_.Exists(files_.DataFilePath("", 0, name)); }
  Result<int64_t> Expire(Retention retention = {.least = 3, .most = 3}) {
    return ExpireSnapshots(files_, PlainSchema(), retention, INT64_MAX, SystemClock().Now());
  }
  /// Every snapshot that is left can be read, with its files.
  void ExpectWhole() {
    for (const int64_t id : *files_.SnapshotIds()) {
      const auto live = files_.LiveEntries(*files_.ReadSnapshot(id));
      ASSERT_THAT(live, IsOk());
      for (const ManifestEntry& entry : *live) EXPECT_TRUE(Has(entry.file_name));
    }
  }

  FaultyFileSystem disk_;
  const PaimonFiles files_{disk_, "/lake/t"};
  std::string current_;
  int next_ = 0;
};

TEST_F(ExpiryTest, OldSnapshotsGoWithTheirFiles) {
  Replace(10);
  EXPECT_EQ(*Expire(), 7);
  EXPECT_EQ(*files_.SnapshotIds(), (std::vector<int64_t>{8, 9, 10}));
  EXPECT_EQ(Count("bucket-0"), 6U) << "three data and three changelog files";
  EXPECT_EQ(*io::ReadWholeFile(disk_, "/lake/t/snapshot/EARLIEST"), "8");
  ExpectWhole();
  EXPECT_EQ(*Expire(), 0);
  const size_t manifests = Count("manifest");
  Replace(40);
  EXPECT_EQ(*Expire(), 40);
  EXPECT_LT(Count("manifest"), manifests + 40) << "manifests go as well";
  ExpectWhole();
}

TEST_F(ExpiryTest, NumbersAndAgeDecideTogether) {
  Replace(10);
  EXPECT_EQ(*Expire({.least = 2, .most = 1000}), 0) << "all are younger than an hour";
  EXPECT_EQ(*Expire({.least = 2, .most = 1000, .age = -1000}), 8) << "old ones go, but for two";
  Replace(10);
  EXPECT_EQ(*Expire({.least = 1, .most = 5, .step = 3}), 3) << "in steps";
  EXPECT_EQ(*ExpireSnapshots(files_, PlainSchema(), {.least = 1, .most = 1}, 15, 0), 3)
      << "never the registered one";
}

TEST_F(ExpiryTest, TagsAndConsumersHoldOn) {
  Replace(3);
  const Bytes second = *io::ReadWholeFile(disk_, "/lake/t/snapshot/snapshot-2");
  ASSERT_THAT(io::WriteFileAtomically(disk_, "/lake/t/tag/tag-keep", second), IsOk());
  Replace(7);
  ASSERT_THAT(
      io::WriteFileAtomically(disk_, "/lake/t/consumer/consumer-c", R"({"nextSnapshot":6})"),
      IsOk());
  EXPECT_EQ(*Expire(), 5);
  EXPECT_TRUE(Has("data-1")) << "the file of snapshot 2";
  EXPECT_FALSE(Has("data-2"));
  EXPECT_THAT(files_.LiveEntries(*SnapshotFromJson(second)), IsOk());
  ASSERT_THAT(disk_.Remove("/lake/t/consumer/consumer-c"), IsOk());
  EXPECT_EQ(*Expire(), 2);
}

TEST_F(ExpiryTest, AnInterruptedOneIsFinishedLater) {
  Replace(10);
  // As a crash before the snapshots themselves were removed leaves it.
  for (const char* name : {"data-0", "changelog-0", "changelog-1"})
    ASSERT_THAT(disk_.Remove(files_.DataFilePath("", 0, name)), IsOk());
  const Snapshot first = *files_.ReadSnapshot(1);
  files_.Remove({first.delta_manifest_list, *first.changelog_manifest_list});
  EXPECT_EQ(*Expire(), 7);
  EXPECT_EQ(Count("bucket-0"), 6U);
  ExpectWhole();
}

TEST_F(ExpiryTest, WhatKilledWritersLeftGoesAndNothingElse) {
  Replace(6);
  ASSERT_THAT(Expire(), IsOk());
  const auto put = [&](const std::string& path) {
    ASSERT_THAT(io::WriteFileAtomically(disk_, files_.dir() + "/" + path, "x"), IsOk());
  };
  const std::vector<std::string> orphans = {
      "bucket-0/data-of-nobody", "manifest/manifest-of-nobody", "dt=1/bucket-3/data-x.parquet",
      "manifest/.manifest-1.123.tmp"};
  const std::vector<std::string> kept = {"bucket-0/" + current_ + ".index", "statistics/stat-1",
                                         "README"};
  for (const auto& path : orphans) put(path);
  for (const auto& path : kept) put(path);
  EXPECT_EQ(RemoveOrphans(files_, FaultyFileSystem::kModifiedAt).value(), 0) << "too young";
  EXPECT_EQ(RemoveOrphans(files_, FaultyFileSystem::kModifiedAt + 1).value(), 4);
  for (const auto& path : orphans) EXPECT_FALSE(*disk_.Exists(files_.dir() + "/" + path)) << path;
  EXPECT_TRUE(*disk_.Exists(files_.dir() + "/" + kept[0]));
  EXPECT_TRUE(*disk_.Exists(files_.dir() + "/" + kept[1]));
  ExpectWhole();
  put("branch/branch-b/snapshot/snapshot-1");
  EXPECT_THAT(RemoveOrphans(files_, INT64_MAX), IsError(ErrorCode::kUnsupported));
}

TEST(Retention, OptionsAreReadAndChecked) {
  TableSchema schema = PlainSchema();
  schema.options["snapshot.num-retained.min"] = "4";
  schema.options["snapshot.num-retained.max"] = "7";
  schema.options["snapshot.time-retained"] = "2 h";
  const auto retention = Retention::Of(schema);
  ASSERT_THAT(retention, IsOk());
  EXPECT_EQ(retention->least, 4);
  EXPECT_EQ(retention->most, 7);
  EXPECT_EQ(retention->age, 7'200'000);
  schema.options["snapshot.num-retained.max"] = "3";
  EXPECT_THAT(Retention::Of(schema), IsError(ErrorCode::kInvalidConfig));
  schema.options["snapshot.num-retained.max"] = "many";
  EXPECT_FALSE(Retention::Of(schema).has_value());
}

}  // namespace
}  // namespace strom::lake::paimon
