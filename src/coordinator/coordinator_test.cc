#include "coordinator/coordinator.h"

#include <gtest/gtest.h>

#include "coordinator/tiering_schedule.h"
#include "meta/embedded_tree.h"
#include "testing/faulty_file_system.h"
#include "testing/matchers.h"

namespace strom::coordinator {
namespace {

using testing::IsError;
using testing::IsOk;

class ManualClock final : public Clock {
 public:
  Millis Now() const override { return now; }
  Millis now = 1'731'324'600'000;  // 2024-11-11T11:30Z
};

TEST(TieringSchedule, TheFirstRoundRunsAsSoonAsRowsArriveAndLaterOnesWithinTheFreshness) {
  TieringSchedule schedule;
  schedule.Register(1, 1000, false, 0);
  schedule.Tick(5000);
  EXPECT_FALSE(schedule.Take(5000)) << "an empty table costs nothing";
  schedule.RowsArrived(1, 5000);
  schedule.Tick(5000);
  const auto first = schedule.Take(5000);
  ASSERT_TRUE(first);
  schedule.RowsArrived(1, 5100);
  ASSERT_THAT(schedule.Finish(*first, false, 5200), IsOk());
  schedule.Tick(5999);
  EXPECT_FALSE(schedule.Take(5999));
  schedule.Tick(6000);
  EXPECT_TRUE(schedule.Take(6000)) << "one freshness after the start of the round before";
}

TEST(TieringSchedule, OnlyTheHolderOfTheEpochIsHeard) {
  TieringSchedule schedule;
  schedule.Register(1, 1000, false, 0);
  schedule.RowsArrived(1, 0);
  schedule.Tick(0);
  const auto first = schedule.Take(0);
  ASSERT_TRUE(first);
  EXPECT_THAT(schedule.Heartbeat(*first, 100'000), IsOk());
  schedule.Tick(100'000 + TieringSchedule::kHeartbeatTimeout);
  EXPECT_FALSE(schedule.Take(0)) << "still held";
  schedule.Tick(100'001 + TieringSchedule::kHeartbeatTimeout);
  const auto second = schedule.Take(300'000);
  ASSERT_TRUE(second);
  EXPECT_THAT(schedule.Heartbeat(*first, 300'000), IsError(ErrorCode::kFencedTieringEpoch));
  EXPECT_THAT(schedule.Finish(*first, false, 300'000), IsError(ErrorCode::kFencedTieringEpoch));
  EXPECT_THAT(schedule.Finish(*second, false, 300'000), IsOk());
  schedule.Remove(1);
  EXPECT_THAT(schedule.Heartbeat(*second, 300'000), IsError(ErrorCode::kTableNotExist));
}

TEST(TieringSchedule, ATableThatFailsWaitsLongerEachTimeAndHindersNobody) {
  TieringSchedule schedule;
  schedule.Register(1, 60'000, false, 0);
  schedule.Register(2, 60'000, false, 0);
  Millis now = 0;
  schedule.RowsArrived(1, now);
  schedule.Tick(now);
  auto held = schedule.Take(now);
  for (const Millis wait : {1000, 2000, 4000, 8000}) {
    ASSERT_THAT(schedule.Fail(*held, now), IsOk());
    schedule.RowsArrived(2, now);
    schedule.Tick(now + wait - 1);
    if (const auto other = schedule.Take(now)) {
      EXPECT_EQ(other->table_id, 2);
      ASSERT_THAT(schedule.Finish(*other, false, now), IsOk());
    }
    EXPECT_FALSE(schedule.Take(now));
    now += wait;
    schedule.Tick(now);
    held = schedule.Take(now);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->table_id, 1);
  }
}

TEST(TieringSchedule, RoundsCanBeHeldBackAndHurried) {
  TieringSchedule schedule;
  schedule.Register(1, 60'000, true, 100'000);
  schedule.Pause(1);
  schedule.RowsArrived(1, 100'000);
  schedule.Tick(200'000);
  EXPECT_FALSE(schedule.Take(200'000)) << "paused";
  EXPECT_FALSE(schedule.NextDue()) << "no timer runs for it";
  schedule.Resume(1);
  schedule.Tick(200'000);
  schedule.Pause(1);
  EXPECT_FALSE(schedule.Take(200'000)) << "paused while it waited for a worker";
  schedule.Resume(1);
  schedule.Tick(200'000);
  const auto round = schedule.Take(200'000, "w");
  ASSERT_TRUE(round);
  ASSERT_THAT(schedule.Finish(*round, false, 200'500, {10, 99}), IsOk());
  EXPECT_EQ(schedule.Report().at(1).last_took, 500);
  EXPECT_EQ(schedule.Report().at(1).last.rows, 10);
  EXPECT_EQ(schedule.Report().at(1).worker, "w");
  schedule.RowsArrived(1, 201'000);
  schedule.Tick(201'000);
  EXPECT_FALSE(schedule.Take(201'000)) << "not due yet";
  schedule.HurryUp(1, 201'000);
  schedule.Tick(201'000);
  EXPECT_TRUE(schedule.Take(201'000));
}

TEST(TieringSchedule, ATableThatIsCompactedHasOneMoreRoundWhenItRests) {
  TieringSchedule schedule;
  for (const model::TableId id : {1, 2}) schedule.Register(id, 1000, false, 0);
  schedule.SetCompacted(1, true);
  for (const model::TableId id : {1, 2}) schedule.RowsArrived(id, 0);
  schedule.Tick(0);
  for (int i = 0; i < 2; ++i)
    ASSERT_THAT(schedule.Finish(*schedule.Take(0), false, 10, {5, 100}), IsOk());
  schedule.Tick(1000);
  const auto rest = schedule.Take(1000);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->table_id, 1);
  ASSERT_THAT(schedule.Finish(*rest, false, 1010, {0, 0}), IsOk());
  schedule.Tick(100'000);
  EXPECT_FALSE(schedule.Take(100'000)) << "once is enough";
}

TEST(TieringSchedule, WorkBetweenRoundsTakesTheTableAndLosesNoRound) {
  TieringSchedule schedule;
  schedule.Register(1, 60'000, false, 0);
  schedule.RowsArrived(1, 0);
  schedule.Tick(0);
  const auto work = schedule.TakeOne(1, 10, "hand");
  ASSERT_TRUE(work) << "though a round waits";
  EXPECT_FALSE(schedule.Take(10)) << "which has to wait on";
  EXPECT_FALSE(schedule.TakeOne(1, 10, "another"));
  EXPECT_THAT(schedule.Fail(*work, 20, "no matter"), IsOk());
  EXPECT_EQ(schedule.Report().at(1).failures, 0) << "it was no round";
  schedule.Tick(20);
  const auto round = schedule.Take(20);
  ASSERT_TRUE(round);
  EXPECT_FALSE(schedule.TakeOne(1, 30, "hand"));
  EXPECT_THAT(schedule.Finish(*work, false, 30), IsError(ErrorCode::kFencedTieringEpoch));
  ASSERT_THAT(schedule.Finish(*round, false, 40), IsOk());
  const auto idle = schedule.TakeOne(1, 50, "hand");
  ASSERT_TRUE(idle);
  ASSERT_THAT(schedule.Finish(*idle, false, 60), IsOk());
  schedule.Tick(1'000'000);
  EXPECT_FALSE(schedule.Take(1'000'000)) << "no rows wait";
}

class CoordinatorTest : public ::testing::Test {
 protected:
  void Start(Coordinator::Settings settings = {}) {
    tree_ = std::move(*meta::EmbeddedTree::Open(files_, "/meta"));
    catalog_ = std::move(*meta::Catalog::Open(*tree_, files_, 0));
    auto opened =
        Coordinator::Open(*catalog_, clock_, {0, "/remote", std::move(settings), "/lake"});
    ASSERT_THAT(opened, IsOk());
    coordinator_ = std::move(*opened);
  }
  static model::TableDescriptor Partitioned() {
    model::TableDescriptor descriptor;
    descriptor.schema.columns = {{"id", model::MakeType(model::TypeRoot::kBigInt), {}, {}, 0},
                                 {"dt", model::MakeType(model::TypeRoot::kString), {}, {}, 1}};
    descriptor.schema.highest_field_id = 1;
    descriptor.partition_keys = {"dt"};
    descriptor.properties = {{"table.auto-partition.enabled", "true"},
                             {"table.auto-partition.time-zone", "UTC"}};
    return descriptor;
  }
  std::shared_ptr<const meta::TableEntry> Create(const char* name,
                                                 model::TableDescriptor descriptor) {
    const auto plan = coordinator_->PlanCreateTable({"fluss", name}, std::move(descriptor), false);
    EXPECT_THAT(plan, IsOk());
    return *coordinator_->CommitCreateTable(**plan);
  }

  testing::FaultyFileSystem files_;
  ManualClock clock_;
  std::unique_ptr<meta::EmbeddedTree> tree_;
  std::unique_ptr<meta::Catalog> catalog_;
  std::unique_ptr<Coordinator> coordinator_;
};

TEST_F(CoordinatorTest, TheDefaultDatabaseIsThereAndStays) {
  Start();
  EXPECT_TRUE(coordinator_->view()->databases.contains("fluss"));
  EXPECT_FALSE(coordinator_->PlanDropDatabase("fluss", false, true).has_value());
  EXPECT_THAT(coordinator_->CreateDatabase("fluss", {}, false),
              IsError(ErrorCode::kDatabaseAlreadyExist));
  EXPECT_THAT(coordinator_->CreateDatabase("fluss", {}, true), IsOk());
  EXPECT_THAT(coordinator_->CreateDatabase("__x", {}, false), IsError(ErrorCode::kInvalidDatabase));
  EXPECT_THAT(coordinator_->PlanDropDatabase("nope", false, false),
              IsError(ErrorCode::kDatabaseNotExist));
}

TEST_F(CoordinatorTest, PartitionsComeAheadOfTimeAndGoWhenTheirTimeIsOver) {
  Start();
  const auto table = Create("t", Partitioned());
  const model::TableId id = table->info.table_id;
  (void)coordinator_->RunAutoPartition(id);
  const auto names = [&] {
    std::vector<std::string> out;
    for (const auto& [name, partition] : coordinator_->view()->Find(id)->partitions)
      out.push_back(name);
    return out;
  };
  EXPECT_EQ(names(), (std::vector<std::string>{"20241111", "20241112"}));
  clock_.now += 9LL * 86'400'000;  // the 20th: retention is 7 days
  const auto dropped = coordinator_->RunAutoPartition(std::nullopt);
  EXPECT_EQ(dropped.size(), 2U);
  EXPECT_EQ(names(), (std::vector<std::string>{"20241120", "20241121"}));
  EXPECT_THAT(coordinator_->CreatePartition({"fluss", "t"}, {{"dt", "2024-11-20"}}, false),
              IsError(ErrorCode::kPartitionSpecInvalid));
  EXPECT_THAT(coordinator_->CreatePartition({"fluss", "t"}, {{"dt", "20241120"}}, false),
              IsError(ErrorCode::kPartitionAlreadyExists));
  EXPECT_THAT(coordinator_->CreatePartition({"fluss", "t"}, {{"x", "20241120"}}, false),
              IsError(ErrorCode::kPartitionSpecInvalid));
}

TEST_F(CoordinatorTest, LimitsOnPartitionsAndBucketsHold) {
  Start({{"max.partition.num", "2"}});
  model::TableDescriptor descriptor = Partitioned();
  descriptor.properties.clear();
  Create("t", descriptor);
  for (const char* value : {"a", "b"})
    EXPECT_THAT(coordinator_->CreatePartition({"fluss", "t"}, {{"dt", value}}, false), IsOk());
  EXPECT_THAT(coordinator_->CreatePartition({"fluss", "t"}, {{"dt", "c"}}, false),
              IsError(ErrorCode::kPartitionMaxNum));
}

TEST_F(CoordinatorTest, TheLakeStaysOnWhileATableUsesIt) {
  Start({{"datalake.format", "paimon"}, {"datalake.paimon.warehouse", "/lake"}});
  model::TableDescriptor descriptor = Partitioned();
  descriptor.partition_keys.clear();
  descriptor.properties = {{"table.datalake.enabled", "true"}};
  Create("t", descriptor);
  const Coordinator::ConfigChange off{"datalake.enabled", "false", Coordinator::ConfigOp::kSet};
  const auto refused = coordinator_->PlanConfigs({off});
  ASSERT_THAT(refused, IsError(ErrorCode::kInvalidConfig));
  EXPECT_NE(refused.error().message.find("fluss.t"), std::string::npos) << "names the tables";
  const auto plan = coordinator_->PlanAlterTable({"fluss", "t"},
                                                 {{"table.datalake.enabled", "false"}}, {}, false);
  ASSERT_THAT(plan, IsOk());
  ASSERT_THAT(coordinator_->CommitAlterTable(**plan), IsOk());
  EXPECT_THAT(coordinator_->CommitConfigs(*coordinator_->PlanConfigs({off})), IsOk());
  EXPECT_FALSE(coordinator_->rules().lake_enabled);
  EXPECT_THAT(coordinator_->PlanConfigs({{"data.dir", "/x", Coordinator::ConfigOp::kSet}}),
              IsError(ErrorCode::kInvalidConfig));
}

TEST_F(CoordinatorTest, AnotherLakeIsRefusedWhileATableUsesTheOne) {
  Start({{"datalake.format", "paimon"}});
  EXPECT_EQ(coordinator_->EffectiveSettings().at("datalake.paimon.warehouse"), "/lake");
  model::TableDescriptor descriptor = Partitioned();
  descriptor.partition_keys.clear();
  descriptor.properties = {{"table.datalake.enabled", "true"}};
  Create("t", descriptor);
  const auto set = [](const char* key, const char* value) {
    return Coordinator::ConfigChange{key, value, Coordinator::ConfigOp::kSet};
  };
  EXPECT_THAT(coordinator_->PlanConfigs({set("datalake.format", "iceberg")}),
              IsError(ErrorCode::kInvalidConfig));
  const auto moved = coordinator_->PlanConfigs({set("datalake.paimon.warehouse", "/other")});
  ASSERT_THAT(moved, IsOk());
  EXPECT_TRUE(moved->switches_lake) << "it must be looked at";
  const auto plain = coordinator_->PlanConfigs({set("datalake.enabled", "true")});
  ASSERT_THAT(plain, IsOk());
  // A start with settings that drop the lake of a table is refused, too.
  coordinator_.reset();
  const auto without = Coordinator::Open(*catalog_, clock_, {0, "/remote", {}, "/lake"});
  ASSERT_THAT(without, IsError(ErrorCode::kInvalidConfig));
  EXPECT_NE(without.error().message.find("fluss.t"), std::string::npos);
}

TEST_F(CoordinatorTest, LakeOffsetsAreMergedOverThoseKnownBefore) {
  Start({{"datalake.format", "paimon"}, {"datalake.paimon.warehouse", "/lake"}});
  model::TableDescriptor descriptor = Partitioned();
  descriptor.partition_keys.clear();
  descriptor.bucket_count = 2;
  descriptor.properties = {{"table.datalake.enabled", "true"}};
  const model::TableId id = Create("t", descriptor)->info.table_id;
  const model::TableBucket b0{id, model::kNoPartition, 0};
  const model::TableBucket b1{id, model::kNoPartition, 1};
  const auto first = coordinator_->PrepareLakeSnapshot(id, {{b0, 10}}, false);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(coordinator_->CommitLakeSnapshot(id, {1, *first, *first}, std::nullopt), IsOk());
  const auto second = coordinator_->PrepareLakeSnapshot(id, {{b1, 20}}, false);
  ASSERT_THAT(coordinator_->CommitLakeSnapshot(id, {2, *second, *second}, std::nullopt), IsOk());
  const auto lake = coordinator_->view()->lakes.at(id);
  EXPECT_EQ(lake->offsets, (Coordinator::BucketOffsets{{b0, 10}, {b1, 20}}));
  EXPECT_EQ(lake->snapshots.size(), 1U);
  EXPECT_FALSE(*files_.Exists(*first)) << "offsets that nobody names are removed";
  EXPECT_THAT(coordinator_->CommitLakeSnapshot(99, {2, *second, *second}, std::nullopt),
              IsError(ErrorCode::kTableNotExist));
}

TEST(SnapshotLeases, HoldUntilTheyEndOrAreGivenBack) {
  const model::TableBucket a{1, model::kNoPartition, 0};
  const model::TableBucket b{1, model::kNoPartition, 1};
  testing::FaultyFileSystem files;
  const auto tree = std::move(*meta::EmbeddedTree::Open(files, "/meta"));
  const meta::TimedNumbersStore store(*tree, files, "/remote",
                                      meta::TimedNumbersStore::kSnapshotLeases);
  SnapshotLeases leases(store);
  ASSERT_THAT(leases.Acquire("reader", 0, 1000, {{a, 5}, {b, 6}}), IsOk());
  ASSERT_THAT(leases.Acquire("other", 0, 500, {{a, 5}}), IsOk());
  EXPECT_TRUE(leases.IsLeased(a, 5, 999));
  EXPECT_FALSE(leases.IsLeased(a, 4, 999));
  EXPECT_FALSE(leases.IsLeased(a, 5, 1000)) << "it has ended";
  ASSERT_THAT(leases.Acquire("reader", 400, 2000, {}), IsOk());
  EXPECT_TRUE(leases.IsLeased(b, 6, 1999)) << "it was renewed";
  EXPECT_TRUE(SnapshotLeases(store).IsLeased(b, 6, 1999)) << "the next start knows it";
  ASSERT_THAT(leases.Release("reader", {a}), IsOk());
  EXPECT_TRUE(leases.IsLeased(a, 5, 400)) << "somebody else reads it";
  EXPECT_FALSE(leases.IsLeased(a, 5, 600));
  ASSERT_THAT(leases.Acquire("reader", 600, 2000, {{b, 7}}), IsOk());
  EXPECT_FALSE(leases.IsLeased(b, 6, 700)) << "of a bucket it holds the newest";
  EXPECT_EQ(store.Load().size(), 1U) << "what has ended is forgotten";
  ASSERT_THAT(leases.Release("reader", {b}), IsOk());
  EXPECT_FALSE(leases.IsLeased(b, 7, 0));
  EXPECT_TRUE(store.Load().empty());
}

TEST(ProducerOffsets, AreKeptOnceUntilTheyExpire) {
  const model::TableBucket a{1, model::kNoPartition, 0};
  testing::FaultyFileSystem files;
  const auto tree = std::move(*meta::EmbeddedTree::Open(files, "/meta"));
  const meta::TimedNumbersStore store(*tree, files, "/remote",
                                      meta::TimedNumbersStore::kProducerOffsets);
  ProducerOffsets offsets(store);
  EXPECT_TRUE(*offsets.Register("job", 0, 1000, {{a, 5}}));
  EXPECT_FALSE(*offsets.Register("job", 999, 2000, {{a, 6}})) << "the first ones stay";
  EXPECT_EQ(ProducerOffsets(store).Find("job", 999)->numbers.at(a), 5) << "the next start knows";
  EXPECT_EQ(offsets.Find("job", 1000), nullptr);
  EXPECT_TRUE(*offsets.Register("job", 1000, 2000, {{a, 7}}));
  EXPECT_EQ(offsets.Find("job", 1000)->numbers.at(a), 7);
  EXPECT_TRUE(*offsets.Register("other", 2000, 3000, {}));
  EXPECT_EQ(store.Load().size(), 1U) << "what has expired is forgotten";
  EXPECT_THAT(offsets.Register("a/b", 0, 1, {}), IsError(ErrorCode::kInvalidProducerId));
  EXPECT_THAT(offsets.Drop("other"), IsOk());
  EXPECT_THAT(offsets.Drop("other"), IsOk());
  EXPECT_EQ(offsets.Find("other", 2000), nullptr);
}

TEST(ServerUpkeep, TagsAndTheNewestRebalanceAreKept) {
  testing::FaultyFileSystem files;
  const auto tree = std::move(*meta::EmbeddedTree::Open(files, "/meta"));
  ServerUpkeep upkeep = *ServerUpkeep::Open(*tree, 3);
  EXPECT_FALSE(upkeep.Progress(std::nullopt)->has_value());
  const auto task = upkeep.Start({0, 1, 2});
  ASSERT_THAT(task, IsOk());
  EXPECT_THAT(upkeep.Start({}), IsError(ErrorCode::kRebalanceFailure));
  EXPECT_THAT(upkeep.Start({3}), IsError(ErrorCode::kRebalanceFailure));
  EXPECT_THAT(upkeep.AddTag({3, 4}, ServerUpkeep::Tag::kPermanentOffline),
              IsError(ErrorCode::kServerNotExist));
  EXPECT_THAT(upkeep.CheckNewBuckets(), IsOk()) << "nothing half done";
  ASSERT_THAT(upkeep.AddTag({3}, ServerUpkeep::Tag::kTemporaryOffline), IsOk());
  const ServerUpkeep later = *ServerUpkeep::Open(*tree, 3);
  EXPECT_THAT(later.CheckNewBuckets(), IsError(ErrorCode::kInvalidReplicationFactor));
  EXPECT_EQ((*later.Progress(task->id))->id, task->id);
  EXPECT_THAT(later.Progress("another"), IsError(ErrorCode::kNoRebalanceInProgress));
}

}  // namespace
}  // namespace strom::coordinator
