#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "meta/catalog.h"
#include "meta/embedded_tree.h"
#include "meta/timed_numbers.h"
#include "testing/faulty_file_system.h"
#include "testing/matchers.h"

namespace strom::meta {
namespace {

using testing::FaultyFileSystem;
using testing::IsError;
using testing::IsOk;

std::unique_ptr<EmbeddedTree> MustOpen(io::FileSystem& files, int64_t compact_from = 4 << 20) {
  auto tree = EmbeddedTree::Open(files, "/meta", compact_from);
  EXPECT_THAT(tree, IsOk());
  return std::move(*tree);
}

TEST(EmbeddedTree, ChangesAreAllOrNothing) {
  FaultyFileSystem files;
  const auto tree = MustOpen(files);
  ASSERT_THAT(tree->Commit({Change::Create("/a", "1")}), IsOk());
  EXPECT_THAT(tree->Commit({Change::Set("/a", "2"), Change::Create("/a", "3")}),
              IsError(ErrorCode::kConflict));
  EXPECT_EQ(tree->Get("/a")->data, "1");
  EXPECT_THAT(tree->Commit({Change::Set("/a", "2", 7)}), IsError(ErrorCode::kConflict))
      << "another version";
  EXPECT_THAT(tree->Commit({Change::Check("/a", 0), Change::Set("/a", "2", 0)}), IsOk());
  EXPECT_EQ(tree->Get("/a")->version, 1);
  EXPECT_THAT(tree->Commit({Change::Set("/b", "x")}), IsError(ErrorCode::kConflict)) << "not there";
}

TEST(EmbeddedTree, ChildrenAreNamedOnceAndGoWithTheirParent) {
  FaultyFileSystem files;
  const auto tree = MustOpen(files);
  ASSERT_THAT(tree->Commit({Change::Create("/t/a/x", ""), Change::Create("/t/a/y", ""),
                            Change::Create("/t/b", ""), Change::Create("/t-c", "")}),
              IsOk());
  EXPECT_EQ(tree->Children("/t"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(tree->Children("/t/a"), (std::vector<std::string>{"x", "y"}));
  ASSERT_THAT(tree->Commit({Change::Delete("/t")}), IsOk());
  EXPECT_TRUE(tree->Children("/t").empty());
  EXPECT_TRUE(tree->Get("/t-c").has_value()) << "a neighbour with a longer name stays";
}

TEST(EmbeddedTree, WatchesHearWhatChangesBelowThem) {
  FaultyFileSystem files;
  const auto tree = MustOpen(files);
  std::vector<std::string> heard;
  tree->Watch("/a", [&](const std::string& path) { heard.push_back(path); });
  ASSERT_THAT(tree->Commit({Change::Create("/a/b", ""), Change::Create("/ab", ""),
                            Change::Create("/a", "")}),
              IsOk());
  EXPECT_EQ(heard, (std::vector<std::string>{"/a/b", "/a"}));
}

TEST(EmbeddedTree, CountersGiveTheirValueBeforeTheStep) {
  FaultyFileSystem files;
  const auto tree = MustOpen(files);
  EXPECT_EQ(*tree->NextId("/c"), 0);
  EXPECT_EQ(*tree->NextId("/c", 10), 1);
  EXPECT_EQ(*tree->NextId("/c"), 11);
  EXPECT_EQ(tree->Get("/c")->data, Bytes("\0\0\0\0\0\0\0\x0c", 8));
}

// A change that was acknowledged is there after any loss of power, one that was not is there whole
// or not at all.
RC_GTEST_PROP(EmbeddedTree, AcknowledgedChangesOutliveCrashes,
              (const std::vector<uint8_t>& steps)) {
  FaultyFileSystem files;
  auto tree = std::move(*EmbeddedTree::Open(files, "/meta", 300));
  std::map<std::string, std::string> model;
  int64_t torn = 0;
  for (const uint8_t step : steps) {
    const std::string path = "/n" + std::to_string(step % 5);
    const std::string value = std::to_string(step) + std::string(step % 40, 'v');
    if (step % 7 == 0) {
      torn = (torn + 13) % 50;
      files.Crash(torn);
      auto opened = EmbeddedTree::Open(files, "/meta", 300);
      RC_ASSERT(opened.has_value());
      tree = std::move(*opened);
    } else if (step % 7 == 1 && model.contains(path)) {
      RC_ASSERT(tree->Commit({Change::Delete(path)}).has_value());
      model.erase(path);
    } else {
      const bool there = model.contains(path);
      RC_ASSERT(tree->Commit({there ? Change::Set(path, value) : Change::Create(path, value)})
                    .has_value());
      model[path] = value;
    }
    for (int i = 0; i < 5; ++i) {
      const std::string name = "/n" + std::to_string(i);
      const auto node = tree->Get(name);
      RC_ASSERT(node.has_value() == model.contains(name));
      if (node) RC_ASSERT(node->data == model[name]);
    }
  }
}

TEST(EmbeddedTree, ADiskThatFailsMakesItRefuseRatherThanForget) {
  for (int nth = 0; nth < 12; ++nth) {
    FaultyFileSystem files;
    std::vector<std::string> acknowledged;
    {
      const auto tree = MustOpen(files, 100);
      files.FailFrom(nth);
      for (int i = 0; i < 8; ++i) {
        const std::string path = "/n" + std::to_string(i);
        if (tree->Commit({Change::Create(path, "value")})) acknowledged.push_back(path);
      }
    }
    files.Crash();
    const auto tree = MustOpen(files, 100);
    for (const std::string& path : acknowledged)
      EXPECT_TRUE(tree->Get(path).has_value()) << nth << " " << path;
  }
}

TEST(EmbeddedTree, DamageBeforeTheEndIsToldAndNotGuessedAt) {
  FaultyFileSystem files;
  {
    const auto tree = MustOpen(files);
    for (int i = 0; i < 5; ++i)
      ASSERT_THAT(tree->Commit({Change::Create("/n" + std::to_string(i), "value")}), IsOk());
  }
  files.FlipByte("/meta/journal", 70);
  EXPECT_THAT(EmbeddedTree::Open(files, "/meta"), IsError(ErrorCode::kCorrupt));
}

model::TableDescriptor Descriptor() {
  model::TableDescriptor descriptor;
  descriptor.schema.columns = {{"id", model::MakeType(model::TypeRoot::kBigInt), {}, {}, 0},
                               {"dt", model::MakeType(model::TypeRoot::kString), {}, {}, 1}};
  descriptor.schema.highest_field_id = 1;
  descriptor.partition_keys = {"dt"};
  descriptor.bucket_count = 2;
  descriptor.properties["table.replication.factor"] = "1";
  descriptor.comment = "it's a table";
  return descriptor;
}

TEST(Catalog, WhatWasWrittenIsReadBackByTheNextStart) {
  FaultyFileSystem files;
  model::TableId table_id = -1;
  {
    const auto tree = MustOpen(files);
    const auto catalog = std::move(*Catalog::Open(*tree, files, 0));
    ASSERT_THAT(catalog->CreateDatabase("db", {"comment", {{"k", "v"}}}, 5), IsOk());
    const auto table = catalog->CreateTable({"db", "t"}, Descriptor(), {}, 6);
    ASSERT_THAT(table, IsOk());
    table_id = (*table)->info.table_id;
    ASSERT_THAT(catalog->CreatePartition(**table, "a"), IsOk());
    ASSERT_THAT(catalog->CreatePartition(*catalog->view()->Find(table_id), "b"), IsOk());
    ASSERT_THAT(catalog->DropPartition(*catalog->view()->Find(table_id), "a"), IsOk());
    model::TableInfo next = catalog->view()->Find(table_id)->info;
    next.schema_id = 2;
    next.descriptor.schema = *model::WithColumn(
        next.descriptor.schema, {"x", model::MakeType(model::TypeRoot::kInt), {}, {}, -1});
    ASSERT_THAT(catalog->UpdateTable(*catalog->view()->Find(table_id), next), IsOk());
    const auto path = catalog->WriteLakeOffsets("/remote/lake", table_id,
                                                {{{table_id, 1, 0}, 7}, {{table_id, 1, 1}, 9}});
    ASSERT_THAT(path, IsOk());
    ASSERT_THAT(catalog->PutLake(table_id, {{{3, *path, *path}}, {}}), IsOk());
    ASSERT_THAT(catalog->PutDynamicConfig({{"datalake.format", "paimon"}, {"x", std::nullopt}}),
                IsOk());
  }
  files.Crash();
  const auto tree = MustOpen(files);
  const auto catalog = std::move(*Catalog::Open(*tree, files, 0));
  const TableEntry* table = catalog->view()->Find(model::TablePath{"db", "t"});
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->info.table_id, table_id);
  EXPECT_EQ(table->info.schema_id, 2);
  EXPECT_EQ(table->schemas.size(), 2U);
  EXPECT_EQ(table->info.descriptor.comment, "it's a table");
  EXPECT_EQ(table->partitions, (std::map<std::string, model::PartitionId>{{"b", 1}}));
  const auto lake = catalog->view()->lakes.at(table_id);
  EXPECT_EQ(lake->snapshots.back().snapshot_id, 3);
  EXPECT_EQ(lake->offsets.at({table_id, 1, 1}), 9);
  EXPECT_EQ(catalog->dynamic_config().at("datalake.format"), "paimon");
  EXPECT_EQ(catalog->dynamic_config().at("x"), std::nullopt);
  EXPECT_EQ(catalog->view()->databases.at("db")->descriptor.custom_properties.at("k"), "v");
}

TEST(BucketNumbers, HaveThePublishedForm) {
  EXPECT_EQ(BucketNumbersToJson("offsets", 5, {}), R"({"version":1,"table_id":5})");
  EXPECT_EQ(
      BucketNumbersToJson("offsets", 5,
                          {{{5, model::kNoPartition, 0}, 10}, {{5, model::kNoPartition, 2}, 30}}),
      R"({"version":1,"table_id":5,"bucket_offsets":[10,-1,30]})");
  const BucketNumbers partitioned{{{5, 1, 0}, 1}, {{5, 2, 1}, 2}};
  const std::string json = BucketNumbersToJson("snapshots", 5, partitioned);
  EXPECT_EQ(json, R"({"version":1,"table_id":5,"partition_snapshots":[)"
                  R"({"partition_id":1,"bucket_snapshots":[1]},)"
                  R"({"partition_id":2,"bucket_snapshots":[-1,2]}]})");
  EXPECT_EQ(*BucketNumbersFromJson("snapshots", json), partitioned);
  EXPECT_THAT(BucketNumbersFromJson("offsets", "{}"), IsError(ErrorCode::kCorrupt));
}

TEST(TimedNumbersStore, LeasesOutliveACrashAndLeaveNoFiles) {
  FaultyFileSystem files;
  const model::TableBucket a{1, model::kNoPartition, 0};
  const model::TableBucket b{2, 7, 1};
  {
    const auto tree = MustOpen(files);
    TimedNumbersStore store(*tree, files, "/remote", TimedNumbersStore::kSnapshotLeases);
    ASSERT_THAT(store.Put("reader", {500, {{a, 3}}}), IsOk());
    ASSERT_THAT(store.Put("reader", {1000, {{a, 4}, {b, 6}}}), IsOk());
    ASSERT_THAT(store.Put("gone", {1000, {{a, 4}}}), IsOk());
    ASSERT_THAT(store.Put("broken", {1000, {{a, 4}}}), IsOk());
    ASSERT_THAT(store.Drop("gone"), IsOk());
    ASSERT_THAT(store.Drop("never was"), IsOk());
    EXPECT_THAT(store.Put("../escape", {}), IsError(ErrorCode::kInvalidArgument));
    ASSERT_THAT(files.RemoveTree("/remote/lease/kv-snapshot/broken"), IsOk());
  }
  files.Crash();
  const auto tree = MustOpen(files);
  const auto leases =
      TimedNumbersStore(*tree, files, "/remote", TimedNumbersStore::kSnapshotLeases).Load();
  ASSERT_EQ(leases.size(), 1U) << "a lease that cannot be read does not stop the start";
  EXPECT_EQ(leases.at("reader").expires, 1000);
  EXPECT_EQ(leases.at("reader").numbers, (BucketNumbers{{a, 4}, {b, 6}}));
  EXPECT_EQ(files.List("/remote/lease/kv-snapshot/reader/1")->size(), 1U);
  EXPECT_FALSE(*files.Exists("/remote/lease/kv-snapshot/gone"));
}

}  // namespace
}  // namespace strom::meta
