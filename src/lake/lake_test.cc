#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/json.h"
#include "lake/file/avro_file.h"
#include "lake/paimon/paimon_commit_internal.h"
#include "lake/paimon/paimon_files.h"
#include "record/row.h"
#include "testing/faulty_file_system.h"
#include "testing/matchers.h"

namespace strom::lake::paimon {
namespace {

using testing::FaultyFileSystem;
using testing::IsError;
using testing::IsOk;

constexpr const char* kDir = "/lake/db.db/t";

std::string Sample(const std::string& name) {
  std::ifstream file(std::string(STROM_TEST_DATA) + "/paimon/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TableSchema Schema() {
  TableSchema schema;
  schema.fields = {{0, "id", model::MakeType(model::TypeRoot::kBigInt), {}},
                   {1, "dt", model::MakeType(model::TypeRoot::kString), {}}};
  schema.highest_field_id = 1;
  schema.partition_keys = {"dt"};
  schema.options = {{"bucket", "2"}, {"bucket-key", "id"}};
  return schema;
}

ManifestEntry Entry(const std::string& name, const std::string& partition, int64_t rows) {
  ManifestEntry entry;
  const auto row = record::EncodeAlignedRow(Schema().PartitionTypes(), {{partition}});
  entry.partition = SerializeRow(1, *row);
  entry.bucket = 1;
  entry.total_buckets = 2;
  entry.file_name = name;
  entry.file_size = 100;
  entry.row_count = rows;
  entry.value_stats = {EmptyRow(), EmptyRow(), {std::nullopt, 3}};
  entry.value_stats_columns = {"id"};
  entry.min_sequence = 5;
  entry.max_sequence = 9;
  entry.creation_ms = 1'700'000'000'000;
  entry.delete_rows = 0;
  return entry;
}

std::vector<std::string> LiveFiles(const PaimonFiles& files) {
  std::vector<std::string> names;
  const auto id = files.LatestSnapshotId();
  EXPECT_THAT(id, IsOk());
  if (!*id) return names;
  const auto entries = files.LiveEntries(*files.ReadSnapshot(**id));
  EXPECT_THAT(entries, IsOk());
  for (const ManifestEntry& entry : *entries) names.push_back(entry.file_name);
  std::ranges::sort(names);
  return names;
}

TEST(PaimonFormat, SchemasOfRealTablesComeBack) {
  for (const char* name :
       {"paimon-1.4.2-nested-types.schema-1.json", "fluss-0.9.1-log-partitioned.schema-0.json"}) {
    const std::string text = Sample(name);
    const auto schema = SchemaFromJson(text);
    ASSERT_THAT(schema, IsOk());
    EXPECT_EQ(nlohmann::json::parse(SchemaToJson(*schema)), nlohmann::json::parse(text)) << name;
  }
}

TEST(PaimonFormat, SnapshotsOfRealTablesAreRead) {
  const auto fluss = SnapshotFromJson(Sample("fluss-0.9.1-pk.snapshot-2.json"));
  ASSERT_THAT(fluss, IsOk());
  EXPECT_EQ(fluss->commit_user, kCommitUser);
  EXPECT_EQ(fluss->commit_identifier, kBatchCommitIdentifier);
  EXPECT_EQ(fluss->properties.at(kOffsetsProperty), "file:/remote/U4.offsets");
  EXPECT_EQ(fluss->total_records, 6);
  const auto again = SnapshotFromJson(SnapshotToJson(*fluss));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->properties, fluss->properties);
  EXPECT_THAT(SnapshotFromJson(Sample("pypaimon-2.1.0.snapshot-2.json")), IsOk())
      << "newer fields are skipped";
}

TEST(PaimonFormat, ManifestsComeBack) {
  std::vector<ManifestEntry> entries{Entry("a", "x", 10), Entry("b", "y", 20)};
  entries[1].is_delete = true;
  entries[1].external_path = "/elsewhere/b";
  const auto again = DecodeManifest(EncodeManifest(entries));
  ASSERT_THAT(again, IsOk());
  ASSERT_EQ(again->size(), 2U);
  EXPECT_EQ((*again)[0].Identity(), entries[0].Identity());
  EXPECT_EQ((*again)[0].value_stats.null_counts, entries[0].value_stats.null_counts);
  EXPECT_EQ((*again)[0].value_stats_columns, entries[0].value_stats_columns);
  EXPECT_EQ((*again)[0].max_sequence, 9);
  EXPECT_TRUE((*again)[1].is_delete);
  EXPECT_EQ((*again)[1].external_path, "/elsewhere/b");
}

RC_GTEST_PROP(AvroFile, NoBytesMakeTheReaderLeaveItsBounds,
              (const std::string& tail, uint16_t cut)) {
  const Bytes good = EncodeManifest({Entry("a", "x", 10)});
  (void)ReadAvroFile(good.substr(0, cut % good.size()) + tail);
  (void)ReadAvroFile(tail);
}

TEST(PaimonCommit, SnapshotsFollowEachOtherAndCountRows) {
  FaultyFileSystem disk;
  const PaimonFiles files(disk, kDir);
  EXPECT_EQ(*CommitFiles(files, Schema(), {{Entry("a", "x", 10)}, {}, "offsets-1"}), 1);
  EXPECT_EQ(
      *CommitFiles(files, Schema(), {{Entry("b", "y", 5), Entry("c", "x", 1)}, {}, "offsets-2"}),
      2);
  EXPECT_EQ(*CommitFiles(files, Schema(), {{}, {}, "offsets-3"}), 3)
      << "a round without rows still names its offsets";
  EXPECT_EQ(LiveFiles(files), (std::vector<std::string>{"a", "b", "c"}));
  const Snapshot last = *files.ReadSnapshot(3);
  EXPECT_EQ(last.total_records, 16);
  EXPECT_EQ(last.delta_records, 0);
  EXPECT_EQ(last.properties.at(kOffsetsProperty), "offsets-3");
}

TEST(PaimonCommit, WhoLosesTheRaceCommitsOnTopOfTheWinner) {
  FaultyFileSystem disk;
  const PaimonFiles files(disk, kDir);
  ASSERT_THAT(CommitFiles(files, Schema(), {{Entry("a", "x", 10)}, {}, "o"}), IsOk());
  // Somebody else's snapshot 2 appears, and the hint still says 1.
  Snapshot other = *files.ReadSnapshot(1);
  other.id = 2;
  ASSERT_THAT(files.CreateSnapshot(other), IsOk());
  ASSERT_THAT(io::WriteFileAtomically(disk, std::string(kDir) + "/snapshot/LATEST", "1"), IsOk());
  EXPECT_THAT(files.CreateSnapshot(other), IsError(ErrorCode::kAlreadyExists))
      << "never overwritten";
  EXPECT_EQ(*CommitFiles(files, Schema(), {{Entry("b", "x", 1)}, {}, "o"}), 3);
  EXPECT_EQ(LiveFiles(files), (std::vector<std::string>{"a", "b"}));
}

TEST(PaimonCommit, ManyCommitsKeepEveryFileAndFewManifests) {
  FaultyFileSystem disk;
  const PaimonFiles files(disk, kDir);
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(fmt::format("f{:03}", i));
    ASSERT_THAT(CommitFiles(files, Schema(),
                            {{Entry(expected.back(), "p" + std::to_string(i % 3), 1)}, {}, "o"}),
                IsOk());
  }
  EXPECT_EQ(LiveFiles(files), expected);
  const Snapshot last = *files.ReadSnapshot(100);
  EXPECT_LT(files.ReadManifestList(last.base_manifest_list)->size(), 31U);
  EXPECT_EQ(last.total_records, 100);
}

// Whatever write fails, the table stays whole: the commit is there with all its files, or not at
// all.
TEST(PaimonCommit, SurvivesTheFailureOfEachWrite) {
  for (int nth = 0; nth < 40; ++nth) {
    FaultyFileSystem disk;
    const PaimonFiles files(disk, kDir);
    ASSERT_THAT(CommitFiles(files, Schema(), {{Entry("a", "x", 10)}, {}, "o"}), IsOk());
    disk.FailFrom(nth);
    const auto second = CommitFiles(files, Schema(), {{Entry("b", "x", 5)}, {}, "p"});
    const bool fired = disk.fired();
    disk.FailFrom(-1);
    const auto live = LiveFiles(files);
    const bool there = live == std::vector<std::string>{"a", "b"};
    EXPECT_TRUE(there || live == std::vector<std::string>{"a"}) << nth;
    if (second) {
      EXPECT_TRUE(there) << nth;
    }
    const auto third = CommitFiles(files, Schema(), {{Entry("c", "x", 1)}, {}, "q"});
    ASSERT_THAT(third, IsOk()) << nth;
    EXPECT_EQ(LiveFiles(files).size(), there ? 3U : 2U) << nth;
    if (!fired) return;
  }
}

TEST(PaimonFiles, PartitionFoldersAreEscaped) {
  const auto partition = [](const std::string& value) {
    const auto row = record::EncodeAlignedRow(Schema().PartitionTypes(), {{value}});
    return *PaimonFiles::PartitionDir(Schema(), SerializeRow(1, *row));
  };
  EXPECT_EQ(partition("2025-01-01"), "dt=2025-01-01");
  EXPECT_EQ(partition("a/b=c"), "dt=a%2Fb%3Dc");
  EXPECT_EQ(partition(""), "dt=__DEFAULT_PARTITION__");
}

}  // namespace
}  // namespace strom::lake::paimon
