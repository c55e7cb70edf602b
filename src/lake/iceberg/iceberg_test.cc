#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include <arrow/array.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "io/file_system.h"
#include "lake/conventions.h"
#include "lake/file/avro_file.h"
#include "lake/file/data_file_reader.h"
#include "lake/iceberg/iceberg_files.h"
#include "lake/lake.h"
#include "testing/matchers.h"
#include "testing/temp_dir.h"

namespace strom::lake::iceberg {
namespace {

using record::ChangeType;
using strom::testing::IsError;
using strom::testing::IsOk;
using strom::testing::TempDir;

std::string Sample(const std::string& name) {
  std::ifstream file(std::string(STROM_TEST_DATA) + "/iceberg/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

model::Column ColumnOf(const std::string& name, model::TypeRoot root) {
  model::Column column;
  column.name = name;
  column.type = model::MakeType(root);
  return column;
}

/// A table of keys: id, v.
model::TableDescriptor Keyed() {
  model::TableDescriptor table;
  table.schema.columns = {ColumnOf("id", model::TypeRoot::kBigInt),
                          ColumnOf("v", model::TypeRoot::kString)};
  table.schema.columns[0].type.nullable = false;
  table.schema.primary_key = {"id"};
  table.bucket_keys = {"id"};
  table.bucket_count = 2;
  return table;
}

TEST(IcebergMetadata, DocumentsOfTheRealWriterAreRead) {
  const auto keys = TableMetadata::Parse(Sample("fluss-0.9.1-pk.v3.metadata.json"));
  ASSERT_THAT(keys, IsOk());
  EXPECT_EQ(keys->last_sequence(), 2);
  ASSERT_EQ(keys->snapshots().size(), 2U);
  ASSERT_NE(keys->current(), nullptr);
  EXPECT_EQ(keys->current()->parent, keys->snapshots()[0].id);
  EXPECT_EQ(keys->current()->summary.at(kOffsetsProperty), "file:/remote/U4.offsets");
  EXPECT_EQ(keys->current()->Number("total-records"), 6);
  EXPECT_EQ(keys->spec().fields[0].transform, "bucket[2]");
  EXPECT_EQ(keys->schema().identifier_ids, std::vector<int32_t>{1});
  EXPECT_EQ(keys->schema().Find("amt")->type.name, "decimal(15, 2)");
  EXPECT_FALSE(keys->HasOtherRefs());
  const auto log = TableMetadata::Parse(Sample("fluss-0.9.1-log-partitioned.v2.metadata.json"));
  ASSERT_THAT(log, IsOk());
  EXPECT_EQ(log->spec().fields.size(), 2U);
}

TEST(IcebergMetadata, WhatIsNotKnownHereSurvivesACommit) {
  Json document = *ParseJson(Sample("fluss-0.9.1-pk.v3.metadata.json"), "sample");
  document["made-later"] = Json{{"x", 1}};
  document["snapshots"][0]["key-id"] = "k";
  const auto before = TableMetadata::Parse(document.dump());
  ASSERT_THAT(before, IsOk());
  Snapshot snapshot;
  snapshot.id = 7;
  snapshot.sequence = 3;
  snapshot.time_ms = 1;
  snapshot.manifest_list = "m";
  snapshot.parent = before->current()->id;
  const auto after = before->With(AddSnapshot{snapshot}, "v3", snapshot.time_ms);
  ASSERT_THAT(after, IsOk());
  const Json json = *ParseJson(after->document(), "document");
  EXPECT_EQ(json["made-later"], document["made-later"]);
  EXPECT_EQ(json["snapshots"][0]["key-id"], "k");
  EXPECT_EQ(json["metadata-log"].back()["metadata-file"], "v3");
  EXPECT_GE(json["last-updated-ms"], document["last-updated-ms"]) << "time does not go back";
  EXPECT_EQ(after->current()->id, 7);
  const auto less = after->With(RemoveSnapshots{{before->snapshots()[0].id}}, "v4", 1);
  ASSERT_THAT(less, IsOk());
  EXPECT_EQ(less->snapshots().size(), 2U);
  EXPECT_EQ((*ParseJson(less->document(), "document"))["snapshot-log"].size(), 2U);
}

TEST(IcebergMetadata, BadDocumentsAreRefused) {
  const std::string good = Sample("fluss-0.9.1-pk.v3.metadata.json");
  EXPECT_THAT(TableMetadata::Parse(good.substr(0, good.size() / 2)), IsError(ErrorCode::kCorrupt));
  for (const char* key : {"location", "table-uuid", "schemas", "partition-specs", "snapshots"}) {
    Json document = *ParseJson(good, "sample");
    document.erase(key);
    EXPECT_THAT(TableMetadata::Parse(document.dump()), IsError(ErrorCode::kCorrupt)) << key;
  }
  Json document = *ParseJson(good, "sample");
  document["format-version"] = 3;
  EXPECT_THAT(TableMetadata::Parse(document.dump()), IsError(ErrorCode::kUnsupported));
}

/// The record type of an Avro schema without texts for readers.
Json WithoutDocs(Json json) {
  if (json.is_object()) json.erase("doc");
  if (json.is_structured()) {
    for (auto& item : json) item = WithoutDocs(item);
  }
  return json;
}

TEST(IcebergManifest, SchemasAreThoseOfTheRealWriter) {
  const auto schema_of = [](const Bytes& file) {
    const size_t from = file.find("{\"type\":\"record\"");
    int depth = 0;
    for (size_t at = from; at < file.size(); ++at) {
      if (file[at] == '{') ++depth;
      if (file[at] == '}' && --depth == 0)
        return *ParseJson(file.substr(from, at + 1 - from), "Avro schema");
    }
    return Json();
  };
  const auto unordered = [](const Json& json) { return nlohmann::json::parse(json.dump()); };
  const auto table = TableMetadata::Parse(Sample("fluss-0.9.1-pk.v3.metadata.json"));
  const Json manifest = schema_of(EncodeManifest(table->schema(), table->spec(), false, {}));
  const Json expected = *ParseJson(Sample("avro-schema.manifest.v2.json"), "sample");
  // The real writer has fields for later versions of the format after ours.
  const Json& ours = manifest["fields"];
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(unordered(WithoutDocs(ours[i])), unordered(WithoutDocs(expected["fields"][i])));
  const Json& file = ours[4]["type"]["fields"];
  const Json& real = expected["fields"][4]["type"]["fields"];
  for (size_t i = 0; i < file.size(); ++i) {
    const auto there = std::ranges::find_if(
        real, [&](const Json& field) { return field["field-id"] == file[i]["field-id"]; });
    ASSERT_NE(there, real.end()) << file[i].dump();
    EXPECT_EQ(unordered(WithoutDocs(file[i])), unordered(WithoutDocs(*there)));
  }
  EXPECT_EQ(
      unordered(WithoutDocs(schema_of(EncodeManifestList({}, {})))),
      unordered(WithoutDocs(*ParseJson(Sample("avro-schema.manifest-list.v2.json"), "sample"))));
}

TEST(IcebergManifest, EntriesComeBack) {
  const auto table = TableMetadata::Parse(Sample("fluss-0.9.1-log-partitioned.v2.metadata.json"));
  FileEntry added;
  added.path = "/lake/data/a.parquet";
  added.partition = {PartitionValue{"2026-01-01"}, PartitionValue{int64_t{1}}};
  added.rows = 3;
  added.bytes = 100;
  added.null_counts = {{1, 2}};
  added.lower = {{1, Bytes("\0\1", 2)}};
  added.upper = {{1, "z"}};
  added.snapshot_id = 5;
  FileEntry old = added;
  old.status = FileEntry::Status::kExisting;
  old.sequence = 2;
  old.file_sequence = 1;
  old.partition[0] = {};
  old.referenced_data_file = "x";
  ManifestFile manifest = Summarize(table->schema(), table->spec(), false, {added, old});
  manifest.path = "m";
  manifest.sequence = 9;
  EXPECT_EQ(manifest.added.files, 1);
  EXPECT_EQ(manifest.existing.rows, 3);
  EXPECT_TRUE(manifest.partitions[0].contains_null);
  EXPECT_EQ(manifest.partitions[0].lower, "2026-01-01");
  const auto entries = DecodeManifest(
      EncodeManifest(table->schema(), table->spec(), false, {added, old}), manifest, table->spec());
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].sequence, 9) << "inherited from the list";
  EXPECT_EQ((*entries)[1].sequence, 2);
  EXPECT_EQ((*entries)[1].file_sequence, 1);
  EXPECT_EQ((*entries)[0].partition, added.partition);
  EXPECT_EQ((*entries)[1].partition, old.partition);
  EXPECT_EQ((*entries)[0].lower, added.lower);
  EXPECT_EQ((*entries)[1].referenced_data_file, "x");
  const auto list = DecodeManifestList(EncodeManifestList({5, {}, 9}, {manifest}));
  ASSERT_THAT(list, IsOk());
  EXPECT_EQ((*list)[0].partitions[0].lower, "2026-01-01");
  EXPECT_EQ((*list)[0].existing.files, 1);
}

TEST(IcebergSchema, BoundsHold) {
  const Type text{"string", {}};
  EXPECT_EQ(EncodeBound(text, {std::string("a text of more than sixteen")}, false),
            "a text of more t");
  EXPECT_EQ(EncodeBound(text, {std::string("a text of more than sixteen")}, true),
            "a text of more u");
  EXPECT_EQ(EncodeBound({"int", {}}, {int64_t{-2}}, false), Bytes("\xfe\xff\xff\xff"));
  EXPECT_EQ(EncodeBound({"long", {}}, {int64_t{1}}, false), Bytes("\1\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(EncodeBound({"decimal(9, 2)", {}}, {record::Decimal{-129}}, false),
            Bytes("\xff\x7f", 2));
  EXPECT_EQ(EncodeBound({"double", {}}, {0.0}, false), Bytes("\0\0\0\0\0\0\0\x80", 8));
}

/// A table in a folder of its own, and rows as the stream has them.
class Lake {
 public:
  Lake() : catalog_(*OpenCatalog(model::LakeFormat::kIceberg, {{"warehouse", dir_.path()}})) {
    EXPECT_THAT(catalog_->CreateTable(path_, Keyed(), false), IsOk());
  }

  struct Change {
    ChangeType type;
    int64_t id;
    std::string value;
  };
  /// Writes changes of bucket 0; each starts at the offset after the last.
  Result<LakeFiles> Write(LakeTable& table, const std::vector<Change>& changes) {
    STROM_ASSIGN(const auto writer, table.NewWriter(Keyed().schema, 0));
    for (size_t from = 0; from < changes.size(); from += 7) {  // in some batches
      const size_t end = std::min(changes.size(), from + 7);
      arrow::Int64Builder ids;
      arrow::StringBuilder values;
      std::vector<ChangeType> types;
      for (size_t i = from; i < end; ++i) {
        EXPECT_TRUE(ids.Append(changes[i].id).ok());
        EXPECT_TRUE(values.Append(changes[i].value).ok());
        types.push_back(changes[i].type);
      }
      const auto rows = arrow::RecordBatch::Make(
          arrow::schema({arrow::field("id", arrow::int64()), arrow::field("v", arrow::utf8())}),
          static_cast<int64_t>(types.size()), {*ids.Finish(), *values.Finish()});
      STROM_TRY(writer->Write(*rows, offset_, 1000, types));
      offset_ += rows->num_rows();
    }
    return writer->Finish();
  }

  std::unique_ptr<LakeTable> Open() { return *catalog_->OpenTable(path_); }

  /// What a snapshot has, read as its files and their deletes say. Each key must be there once.
  std::map<int64_t, std::string> Read(int64_t snapshot) {
    std::map<int64_t, std::string> rows;
    const auto table = Open();
    const auto files = table->Plan(snapshot);
    EXPECT_THAT(files, IsOk());
    std::set<std::string> deletes;
    for (const DataFile& file : *files) deletes.insert(file.deletes.begin(), file.deletes.end());
    std::set<std::pair<std::string, int64_t>> gone;
    ForEachRow({deletes.begin(), deletes.end()}, {"file_path", "pos"},
               [&](const arrow::RecordBatch& batch, int64_t i, int64_t) {
                 gone.emplace(static_cast<const arrow::StringArray&>(*batch.column(0)).GetString(i),
                              static_cast<const arrow::Int64Array&>(*batch.column(1)).Value(i));
               });
    for (const DataFile& file : *files) {
      ForEachRow({file.path}, {"id", "v"},
                 [&](const arrow::RecordBatch& batch, int64_t i, int64_t position) {
                   if (gone.contains({file.path, position})) return;
                   const auto id = static_cast<const arrow::Int64Array&>(*batch.column(0)).Value(i);
                   const auto& values = static_cast<const arrow::StringArray&>(*batch.column(1));
                   EXPECT_TRUE(rows.emplace(id, values.GetString(i)).second) << id << " twice";
                 });
    }
    return rows;
  }
  size_t FileCount(int64_t snapshot) { return Open()->Plan(snapshot)->size(); }

 private:
  template <class Visit>
  static void ForEachRow(const std::vector<std::string>& paths,
                         const std::vector<std::string>& columns, Visit visit) {
    const auto reader = ReadDataFiles(paths, columns);
    int64_t position = 0;
    while (true) {
      const auto batch = reader->Next();
      ASSERT_THAT(batch, IsOk());
      if (!*batch) return;
      for (int64_t i = 0; i < (*batch)->num_rows(); ++i) visit(**batch, i, position++);
    }
  }

  TempDir dir_;
  std::unique_ptr<LakeCatalog> catalog_;
  const model::TablePath path_{"db", "t"};
  int64_t offset_ = 0;
};

TEST(IcebergTable, EachSnapshotIsWhatTheKeysWere) {
  Lake lake;
  std::mt19937 random(17);
  std::map<int64_t, std::string> model;
  std::map<int64_t, std::map<int64_t, std::string>> states;
  for (int round = 0; round < 60; ++round) {
    std::vector<Lake::Change> changes;
    for (int i = 0; i < 40; ++i) {
      const int64_t id = random() % 100;
      const auto it = model.find(id);
      if (it != model.end() && random() % 4 == 0) {
        changes.push_back({ChangeType::kDelete, id, it->second});
        model.erase(it);
        continue;
      }
      const std::string value = fmt::format("{}-{}", round, i);
      if (it == model.end()) {
        changes.push_back({ChangeType::kInsert, id, value});
      } else {
        changes.push_back({ChangeType::kUpdateBefore, id, it->second});
        changes.push_back({ChangeType::kUpdateAfter, id, value});
      }
      model[id] = value;
    }
    const auto table = lake.Open();
    auto files = lake.Write(*table, changes);
    ASSERT_THAT(files, IsOk());
    const auto id = table->Commit({std::move(*files), {}}, fmt::format("offsets-{}", round));
    ASSERT_THAT(id, IsOk());
    states[*id] = model;
    if (round % 3 == 0) {
      const auto compacted =
          table->Compact("compacted", LakeTable::Effort::kAsNeeded, [] { return Status(); });
      ASSERT_THAT(compacted, IsOk());
      if (*compacted) states[**compacted] = model;
    }
  }
  for (const auto& [id, state] : states) EXPECT_EQ(lake.Read(id), state);
  const auto own = lake.Open()->OwnCommitAfter(std::nullopt);
  ASSERT_THAT(own, IsOk());
  ASSERT_TRUE(*own);
  EXPECT_LE(lake.FileCount((*own)->snapshot_id), 8U);
  EXPECT_FALSE(*lake.Open()->OwnCommitAfter((*own)->snapshot_id));
}

TEST(IcebergTable, ABucketIsReplacedInOneStep) {
  Lake lake;
  const auto table = lake.Open();
  for (int i = 0; i < 4; ++i) {
    auto files = lake.Write(
        *table, {{ChangeType::kUpdateAfter, i, "v"}, {ChangeType::kUpdateAfter, 0, "w"}});
    ASSERT_THAT(table->Commit({std::move(*files), {}}, "o"), IsOk());
  }
  auto files = lake.Write(*table, {{ChangeType::kInsert, 9, "all there is"}});
  const auto id = table->Commit({std::move(*files), {{0, {}}}}, "o");
  ASSERT_THAT(id, IsOk());
  EXPECT_EQ(lake.Read(*id), (std::map<int64_t, std::string>{{9, "all there is"}}));
  const auto empty = table->Commit({{}, {{0, {}}}}, "o");
  ASSERT_THAT(empty, IsOk());
  EXPECT_TRUE(lake.Read(*empty).empty());
  EXPECT_EQ(lake.Read(*id).size(), 1U) << "the snapshot before is as it was";
  EXPECT_EQ(table->Snapshots()->back().total_records, 0);
}

TEST(IcebergTable, DeletesOfFilesThatAreGoneAreAConflict) {
  Lake lake;
  const auto table = lake.Open();
  for (int i = 0; i < 6; ++i) {
    auto files = lake.Write(*table, {{ChangeType::kInsert, i, "v"}});
    ASSERT_THAT(table->Commit({std::move(*files), {}}, "o"), IsOk());
  }
  auto late = lake.Write(*table, {{ChangeType::kUpdateAfter, 3, "w"}});
  ASSERT_THAT(late, IsOk());
  const auto compacted = table->Compact("o", LakeTable::Effort::kAsNeeded, [] { return Status(); });
  ASSERT_THAT(compacted, IsOk());
  ASSERT_TRUE(*compacted) << "the file that the late round means is rewritten";
  EXPECT_THAT(table->Commit({std::move(*late), {}}, "o"), IsError(ErrorCode::kConflict));
  EXPECT_EQ(lake.Read(**compacted).at(3), "v");
}

TEST(IcebergTable, AWorkerThatWasReplacedCommitsNothing) {
  Lake lake;
  const auto first = lake.Open();
  const auto second = lake.Open();
  for (LakeTable* const table : {first.get(), second.get()})
    ASSERT_THAT(table->OwnCommitAfter(std::nullopt), IsOk());
  auto late = lake.Write(*first, {{ChangeType::kInsert, 1, "v"}});
  auto files = lake.Write(*second, {{ChangeType::kInsert, 1, "v"}});
  const auto id = second->Commit({std::move(*files), {}}, "o");
  ASSERT_THAT(id, IsOk());
  EXPECT_THAT(first->Commit({std::move(*late), {}}, "o"), IsError(ErrorCode::kFencedTieringEpoch));
  EXPECT_EQ(first->Snapshots()->size(), 1U);
  EXPECT_EQ(lake.Read(*id), (std::map<int64_t, std::string>{{1, "v"}}));
  auto more = lake.Write(*second, {{ChangeType::kInsert, 2, "w"}});
  EXPECT_THAT(second->Commit({std::move(*more), {}}, "o"), IsOk()) << "its own is no matter";
}

TEST(IcebergTable, WhatKilledWritersLeftGoesAndNothingElse) {
  Lake lake;
  const auto table = lake.Open();
  std::map<int64_t, std::string> model;
  int64_t newest = 0;
  for (int i = 0; i < 5; ++i) {
    auto files = lake.Write(*table, {{ChangeType::kUpdateAfter, i % 3, std::to_string(i)}});
    model[i % 3] = std::to_string(i);
    newest = *table->Commit({std::move(*files), {}}, "o");
  }
  ASSERT_THAT(table->Compact("o", LakeTable::Effort::kAsNeeded, [] { return Status(); }), IsOk());
  const auto orphans = lake.Write(*table, {{ChangeType::kInsert, 7, "of a worker that died"}});
  ASSERT_THAT(orphans, IsOk());
  const Millis now = SystemClock().Now();
  EXPECT_EQ(table->RemoveOrphans(now - 3'600'000).value(), 0) << "they are too young";
  EXPECT_EQ(table->RemoveOrphans(now + 3'600'000).value(), static_cast<int64_t>(orphans->size()));
  EXPECT_EQ(table->RemoveOrphans(now + 3'600'000).value(), 0);
  for (const SnapshotInfo& snapshot : *table->Snapshots())
    EXPECT_FALSE(lake.Read(snapshot.snapshot_id).empty());
  EXPECT_EQ(lake.Read(newest), model);
}

TEST(IcebergTable, OldMetadataGoesWhereTheTableAsksForIt) {
  model::TableDescriptor descriptor = Keyed();
  descriptor.custom_properties = {{"iceberg.write.metadata.delete-after-commit.enabled", "true"},
                                  {"iceberg.write.metadata.previous-versions-max", "3"}};
  TempDir dir;
  const auto catalog = *OpenCatalog(model::LakeFormat::kIceberg, {{"warehouse", dir.path()}});
  const model::TablePath path{"db", "t"};
  ASSERT_THAT(catalog->CreateTable(path, descriptor, false), IsOk());
  for (int i = 0; i < 10; ++i) ASSERT_THAT((*catalog->OpenTable(path))->Commit({}, "o"), IsOk());
  size_t documents = 0;
  for (const io::Entry& entry : *io::LocalFiles().List(dir.path() + "/db/t/metadata"))
    documents += entry.name.ends_with(".metadata.json");
  EXPECT_EQ(documents, 4U) << "the newest and the three of its log";
}

TEST(IcebergTable, ExpiryKeepsWhatIsStillRead) {
  Lake lake;
  const auto table = lake.Open();
  std::vector<int64_t> ids;
  for (int i = 0; i < 8; ++i) {
    auto files = lake.Write(*table, {{ChangeType::kUpdateAfter, i % 2, std::to_string(i)}});
    ids.push_back(*table->Commit({std::move(*files), {}}, "o"));
  }
  constexpr Millis kYear = 366LL * 24 * 3600 * 1000;
  const auto expired = table->ExpireSnapshots(ids[5], SystemClock().Now() + kYear);
  ASSERT_THAT(expired, IsOk());
  EXPECT_EQ(*expired, 5) << "the registered one and those after it stay";
  EXPECT_EQ(table->Snapshots()->size(), 3U);
  EXPECT_EQ(lake.Read(ids[5]), (std::map<int64_t, std::string>{{0, "4"}, {1, "5"}}));
  EXPECT_EQ(lake.Read(ids[7]), (std::map<int64_t, std::string>{{0, "6"}, {1, "7"}}));
  EXPECT_THAT(table->Plan(ids[0]), IsError(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace strom::lake::iceberg
