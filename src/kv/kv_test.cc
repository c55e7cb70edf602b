#include <filesystem>
#include <set>

#include <arrow/array/array_base.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/uuid.h"
#include "kv/kv_store.h"
#include "kv/kv_tablet.h"
#include "kv/snapshot_image.h"
#include "record/arrow_batch.h"
#include "testing/matchers.h"
#include "testing/temp_dir.h"
#include "testing/vectors.h"

namespace strom::kv {
namespace {

using model::TypeRoot;
using record::ChangeType;
using record::Row;
using record::Value;
using testing::IsError;
using testing::IsOk;
using testing::TempDir;

const model::TableBucket kBucket{7, model::kNoPartition, 0};

model::Column ColumnOf(const std::string& name, model::DataType type, int32_t id) {
  return {name, std::move(type), std::nullopt, std::nullopt, id};
}

/// id BIGINT NOT NULL (the key), a STRING, b INT.
model::TableInfo Info(const model::Properties& properties = {}) {
  model::TableInfo info;
  info.path = {"fluss", "t"};
  info.table_id = kBucket.table_id;
  model::Schema& schema = info.descriptor.schema;
  schema.columns = {ColumnOf("id", model::MakeType(TypeRoot::kBigInt, false), 0),
                    ColumnOf("a", model::MakeType(TypeRoot::kString), 1),
                    ColumnOf("b", model::MakeType(TypeRoot::kInt), 2)};
  schema.primary_key = {"id"};
  schema.highest_field_id = 2;
  info.descriptor.bucket_keys = {"id"};
  info.descriptor.properties = properties;
  info.options = *model::ParseTableOptions(properties);
  return info;
}

std::shared_ptr<const TableShape> ShapeOf(const model::TableInfo& info) {
  return *TableShape::Make(
      info, {{info.schema_id, std::make_shared<const model::Schema>(info.descriptor.schema)}});
}

Row RowOf(int64_t id, std::optional<std::string> a, std::optional<int64_t> b) {
  return {Value{id}, a ? Value{*a} : Value{}, b ? Value{*b} : Value{}};
}

/// A bucket with its log, as the replica keeps them: what is put, what the log says, what is read.
class Bucket {
 public:
  explicit Bucket(model::TableInfo info, bool small = false)
      : info_(std::move(info)), memory_(small ? int64_t{16} << 20 : int64_t{64} << 20) {
    Open();
  }

  /// Closes and opens everything, replaying what the store does not have.
  void Reopen() {
    tablet_.reset();
    store_.reset();
    Open();
  }
  void Flush() {
    if (const auto job = tablet_->MakeFlush()) {
      ASSERT_THAT(job->Run(), IsOk());
      tablet_->Flushed();
    }
  }

  struct Change {
    int64_t id = 0;
    std::optional<Row> row;  // nothing deletes
  };
  Status Put(const std::vector<Change>& changes, const MergeRequest& request = {}) {
    record::KvBatchBuilder batch;
    const TableShape& shape = tablet_->shape();
    std::vector<Bytes> held;
    held.reserve(changes.size() * 2);
    for (const Change& change : changes) {
      STROM_ASSIGN(Bytes key, shape.KeyOf(RowOf(change.id, {}, {})));
      held.push_back(std::move(key));
      const ByteView key_view = held.back();
      if (!change.row) {
        batch.Append({key_view, std::nullopt});
        continue;
      }
      STROM_ASSIGN(Bytes stored, shape.Encode(*change.row));
      held.push_back(stored.substr(2));
      batch.Append({key_view, ByteView(held.back())});
    }
    const Bytes bytes = batch.Build({static_cast<int16_t>(info_.schema_id), -1, -1});
    STROM_ASSIGN(const auto batch_view, record::KvBatchView::Read(bytes));
    STROM_ASSIGN(auto prepared, tablet_->Prepare(batch_view, request));
    const record::LogBatchView view(prepared.changelog);
    const int64_t end = end_offset() + view.last_offset_delta() + 1;
    Bytes logged = prepared.changelog;
    StoreLe(logged.data(), end_offset());
    log_.push_back(std::move(logged));
    tablet_->Commit(std::move(prepared), end);
    return {};
  }
  Status Put(int64_t id, std::optional<Row> row, const MergeRequest& request = {}) {
    return Put({{id, std::move(row)}}, request);
  }

  std::optional<Row> Get(int64_t id) const {
    const Bytes key = *tablet_->shape().KeyOf(RowOf(id, {}, {}));
    const ByteView view = key;
    std::optional<Row> row;
    EXPECT_THAT(tablet_->Get({&view, 1},
                             [&](size_t, ByteView value) {
                               row = *tablet_->shape().Decode(*record::DecodeStoredValue(value));
                             }),
                IsOk());
    return row;
  }
  std::map<int64_t, Row> All() const {
    std::map<int64_t, Row> rows;
    Bytes before;
    EXPECT_THAT(tablet_->Scan("",
                              [&](ByteView key, ByteView value) {
                                EXPECT_LT(before, key);
                                before = Bytes(key);
                                Row row =
                                    *tablet_->shape().Decode(*record::DecodeStoredValue(value));
                                rows[row[0].As<int64_t>()] = std::move(row);
                                return true;
                              }),
                IsOk());
    return rows;
  }
  /// Every change that was logged: "+I", "-U", "+U", "-D" and the row.
  std::vector<std::pair<std::string, Row>> Log() const {
    std::vector<std::pair<std::string, Row>> all;
    for (const Bytes& batch : log_) {
      const auto rows = tablet_->shape().DecodeLog(record::LogBatchView(batch));
      EXPECT_THAT(rows, IsOk());
      for (const auto& [type, row] : *rows) all.emplace_back(record::ShortName(type), row);
    }
    return all;
  }
  int64_t end_offset() const {
    return log_.empty() ? 0 : record::LogBatchView(log_.back()).next_offset();
  }
  KvTablet& tablet() { return *tablet_; }
  KvStore& store() { return *store_; }
  void Reshape(const model::TableInfo& info, const TableShape::Schemas& schemas) {
    info_ = info;
    schemas_ = schemas;
    tablet_->Reshape(*TableShape::Make(info, schemas));
  }

 private:
  void Open() {
    store_ = std::move(*KvStore::Open({dir_.path(), memory_}));
    const auto shape = schemas_.empty() ? ShapeOf(info_) : *TableShape::Make(info_, schemas_);
    tablet_ = std::move(*KvTablet::Open(*store_, kBucket, shape));
    for (const Bytes& batch : log_)
      ASSERT_THAT(tablet_->Apply(record::LogBatchView(batch)), IsOk());
  }
  TempDir dir_;
  model::TableInfo info_;
  const int64_t memory_;
  TableShape::Schemas schemas_;
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<KvTablet> tablet_;
  std::vector<Bytes> log_;
};

TEST(KvTablet, LogsWhatChanges) {
  Bucket bucket(Info());
  ASSERT_THAT(bucket.Put({{1, RowOf(1, "a", 1)}, {2, RowOf(2, "b", 2)}, {1, RowOf(1, "c", 3)}}),
              IsOk());
  ASSERT_THAT(bucket.Put({{2, {}}, {9, {}}}), IsOk());
  using Log = std::vector<std::pair<std::string, Row>>;
  EXPECT_EQ(bucket.Log(), (Log{{"+I", RowOf(1, "a", 1)},
                               {"+I", RowOf(2, "b", 2)},
                               {"-U", RowOf(1, "a", 1)},
                               {"+U", RowOf(1, "c", 3)},
                               {"-D", RowOf(2, "b", 2)}}));
  EXPECT_EQ(bucket.Get(1), RowOf(1, "c", 3));
  EXPECT_EQ(bucket.Get(2), std::nullopt);
  EXPECT_EQ(bucket.tablet().row_count(), 1);
}

TEST(KvTablet, AWriteThatChangesNothingTakesOneOffset) {
  Bucket bucket(Info());
  ASSERT_THAT(bucket.Put(5, std::nullopt), IsOk());
  EXPECT_EQ(bucket.end_offset(), 1);
  EXPECT_TRUE(bucket.Log().empty());
  bucket.Reopen();
  EXPECT_EQ(bucket.tablet().log_offset(), 1);
}

TEST(KvTablet, RefusesRowsThatTheTableCannotHave) {
  model::TableInfo info = Info();
  info.descriptor.schema.columns[2].type.nullable = false;
  Bucket bucket(info);
  ASSERT_THAT(bucket.Put(1, RowOf(1, "a", 1)), IsOk());
  EXPECT_THAT(bucket.Put({{2, RowOf(2, "b", 2)}, {1, RowOf(1, "x", {})}}),
              IsError(ErrorCode::kInvalidArgument));
  EXPECT_THAT(bucket.Put(1, RowOf(3, "b", 2)), IsError(ErrorCode::kInvalidArgument))
      << "a row under another row's key";
  EXPECT_EQ(bucket.All().size(), 1U) << "nothing of a refused batch stays";
  EXPECT_EQ(bucket.Log().size(), 1U);
}

TEST(KvTablet, PartialUpdatesNeedTheKeyAndNullableColumns) {
  const std::vector<int32_t> without_key{1};
  const std::vector<int32_t> beyond{0, 9};
  const std::vector<int32_t> some{0, 1};
  Bucket bucket(Info());
  EXPECT_THAT(bucket.Put(1, RowOf(1, "a", 1), {.target_columns = without_key}),
              IsError(ErrorCode::kInvalidTargetColumn));
  EXPECT_THAT(bucket.Put(1, RowOf(1, "a", 1), {.target_columns = beyond}),
              IsError(ErrorCode::kInvalidTargetColumn));
  ASSERT_THAT(bucket.Put(1, RowOf(1, "a", 1)), IsOk());
  ASSERT_THAT(bucket.Put(1, RowOf(1, "new", 5), {.target_columns = some}), IsOk());
  EXPECT_EQ(bucket.Get(1), RowOf(1, "new", 1));

  model::TableInfo strict = Info();
  strict.descriptor.schema.columns[2].type.nullable = false;
  Bucket other(strict);
  EXPECT_THAT(other.Put(1, RowOf(1, "a", 1), {.target_columns = some}),
              IsError(ErrorCode::kInvalidTargetColumn));
  Bucket first(Info({{"table.merge-engine", "first_row"}}));
  EXPECT_THAT(first.Put(1, RowOf(1, "a", 1), {.target_columns = some}),
              IsError(ErrorCode::kInvalidTargetColumn));
}

TEST(KvTablet, OverwriteGoesPastTheMergeEngine) {
  Bucket bucket(Info({{"table.merge-engine", "first_row"}, {"table.delete.behavior", "IGNORE"}}));
  ASSERT_THAT(bucket.Put(1, RowOf(1, "a", 1)), IsOk());
  ASSERT_THAT(bucket.Put(1, RowOf(1, "b", 1), {.target_columns = {}, .overwrite = true}), IsOk());
  EXPECT_EQ(bucket.Get(1), RowOf(1, "b", 1));
  ASSERT_THAT(bucket.Put(1, std::nullopt, {.target_columns = {}, .overwrite = true}), IsOk());
  EXPECT_EQ(bucket.Get(1), std::nullopt);
}

TEST(KvTablet, MissingKeysAreInsertedOnce) {
  Bucket bucket(Info());
  ASSERT_THAT(bucket.Put(1, RowOf(1, "a", 1)), IsOk());
  std::vector<Bytes> keys;
  for (const int64_t id : {1, 2}) keys.push_back(*bucket.tablet().shape().KeyOf(RowOf(id, {}, {})));
  const std::vector<ByteView> views(keys.begin(), keys.end());
  auto prepared = bucket.tablet().PrepareMissing(views);
  ASSERT_THAT(prepared, IsOk());
  ASSERT_TRUE(prepared->has_value());
  EXPECT_EQ((*prepared)->changes.size(), 1U);
  bucket.tablet().Commit(std::move(**prepared), 3);
  EXPECT_EQ(bucket.Get(2), RowOf(2, {}, {}));
  EXPECT_FALSE(bucket.tablet().PrepareMissing(views)->has_value());
}

TEST(KvTablet, RowsOfOlderSchemasGainNulls) {
  Bucket bucket(Info());
  ASSERT_THAT(bucket.Put(1, RowOf(1, "a", 1)), IsOk());
  const model::TableInfo before = Info();
  model::TableInfo after = before;
  after.schema_id = 2;
  after.descriptor.schema.columns.push_back(ColumnOf("c", model::MakeType(TypeRoot::kDouble), 3));
  bucket.Reshape(after, {{1, std::make_shared<const model::Schema>(before.descriptor.schema)},
                         {2, std::make_shared<const model::Schema>(after.descriptor.schema)}});
  EXPECT_EQ(bucket.Get(1),
            (Row{Value{int64_t{1}}, Value{std::string("a")}, Value{int64_t{1}}, {}}));
  const std::vector<int32_t> some{0, 3};
  const Row with_c{Value{int64_t{1}}, {}, {}, Value{0.5}};
  ASSERT_THAT(bucket.Put(1, with_c, {.target_columns = some}), IsOk());
  const Row whole{Value{int64_t{1}}, Value{std::string("a")}, Value{int64_t{1}}, Value{0.5}};
  EXPECT_EQ(bucket.Get(1), whole);
  bucket.Reopen();
  EXPECT_EQ(bucket.Get(1), whole);
}

/// Rows in memory, a key without a value is gone.
RowBuffer Rows(const std::map<Bytes, std::optional<Bytes>>& rows) {
  RowBuffer buffer;
  for (const auto& [key, value] : rows) buffer.Put(key, value);
  return buffer;
}

std::optional<Bytes> ValueOf(const KvStore& store, KvStore::SpaceId space, ByteView key) {
  std::optional<Bytes> found;
  EXPECT_THAT(store.Get(space, {&key, 1}, [&](size_t, ByteView value) { found = Bytes(value); }),
              IsOk());
  return found;
}

TEST(KvStore, SpacesGoWhileOthersAreWritten) {
  const TempDir dir;
  const auto store = std::move(*KvStore::Open({dir.path()}));
  for (int64_t round = 0; round < 50; ++round) {
    std::map<Bytes, std::optional<Bytes>> rows;
    for (int i = 0; i < 100; ++i) rows[fmt::format("{:03}", (i * 7 + round) % 150)] = Bytes("v");
    const model::TableBucket other{7, round, 0};
    ASSERT_THAT(store->OpenSpace(kBucket), IsOk());
    ASSERT_THAT(store->OpenSpace(other), IsOk());
    ASSERT_THAT(store->Write(kBucket, Rows(rows), {round, 1}), IsOk());
    ASSERT_THAT(store->Write(other, Rows(rows), {round, 1}), IsOk());
    if (round % 3 == 0) {
      ASSERT_THAT(store->DropSpace(kBucket), IsOk());
    }
    if (round > 0) {
      ASSERT_THAT(store->DropSpace({7, round - 1, 0}), IsOk());
    }
    size_t count = 0;
    const auto cursor = store->NewCursor(*store->OpenSpace(other), "");
    for (; cursor->valid(); cursor->Next()) ++count;
    EXPECT_EQ(count, 100U);
  }
}

TEST(KvStore, SpacesAreApartAndForgottenWhole) {
  const TempDir dir;
  const model::TableBucket other{7, 3, 0};
  {
    const auto store = std::move(*KvStore::Open({dir.path()}));
    ASSERT_THAT(store->OpenSpace(kBucket), IsOk());
    ASSERT_THAT(store->OpenSpace(other), IsOk());
    ASSERT_THAT(store->Write(kBucket, Rows({{"k", Bytes("1")}}), {1, 1}), IsOk());
    ASSERT_THAT(store->Write(other, Rows({{"k", Bytes("2")}, {"l", Bytes("3")}}), {2, 2}), IsOk());
  }
  const auto store = std::move(*KvStore::Open({dir.path()}));
  EXPECT_EQ(store->Spaces().size(), 2U);
  EXPECT_EQ(*store->StateOf(other), (SpaceState{2, 2}));
  const auto space = *store->OpenSpace(kBucket);
  EXPECT_EQ(ValueOf(*store, space, "k"), "1");
  ASSERT_THAT(store->DropSpace(kBucket), IsOk());
  ASSERT_THAT(store->Write(kBucket, Rows({{"k", Bytes("9")}}), {9, 9}), IsOk()) << "a late flush";
  const auto again = *store->OpenSpace(kBucket);
  EXPECT_NE(again, space);
  EXPECT_EQ(ValueOf(*store, again, "k"), std::nullopt);
  EXPECT_EQ(*store->StateOf(kBucket), SpaceState{});
}

RC_GTEST_PROP(RowBuffer, IsAMapWithRunsInOrder, (const std::vector<uint16_t>& steps)) {
  using Model = std::map<Bytes, std::optional<Bytes>>;
  RowBuffer buffer;
  Model model;
  const auto taken = [](const SortedChanges& changes) {
    Model seen;
    for (const Change* change : changes) {
      const auto value = change->value();
      RC_ASSERT(
          seen.emplace(change->key(), value ? std::optional(Bytes(*value)) : std::nullopt).second);
    }
    RC_ASSERT(std::ranges::is_sorted(changes, {}, &Change::key));
    return seen;
  };
  for (const uint16_t step : steps) {
    const Bytes key = std::to_string(step % 500) + Bytes(step % 3 * 10, 'k');
    const auto value = step % 7 == 0 ? std::nullopt : std::optional(Bytes(step % 300, 'v'));
    buffer.Put(key, value);
    model[key] = value;
    RC_ASSERT(buffer.size() == model.size());
    const Change* const known = buffer.Find(key, RowBuffer::Hash(key));
    RC_ASSERT(known != nullptr && known->value() == value);
    RC_ASSERT(buffer.Find("none", RowBuffer::Hash("none")) == nullptr);
    if (step % 5 != 0) continue;
    Model seen;
    size_t before = SIZE_MAX;
    for (const SortedChanges& run : buffer.Runs()) {
      RC_ASSERT(run.size() * 2 <= before);
      before = run.size();
      seen.merge(taken(run));
    }
    RC_ASSERT(seen == model);
    RC_ASSERT(taken(buffer.Sorted()) == model);
    buffer = RowBuffer(std::move(buffer));
  }
}

TEST(SnapshotImage, FollowsItsRowsAndWritesWhatChanged) {
  const TempDir dir;
  const TempDir store_dir;
  const auto store = std::move(*KvStore::Open({store_dir.path()}));
  const auto space = *store->OpenSpace(kBucket);
  RowBuffer many;
  for (int i = 0; i < 5000; ++i) many.Put(fmt::format("key {:05}", i), Bytes(200, 'v'));
  ASSERT_THAT(store->Write(kBucket, many, {1, 5000}), IsOk());
  SnapshotImage image(dir.path());
  const auto names = [](const std::vector<SnapshotImage::File>& files) {
    std::set<std::string> shared;
    for (const SnapshotImage::File& file : files) {
      if (file.shared) shared.insert(file.name);
    }
    return shared;
  };
  const auto first = image.Update(*store->NewCursor(space, ""));
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(
      store->Write(kBucket, Rows({{"key 00007", std::nullopt}, {"new", Bytes("n")}}), {2, 5000}),
      IsOk());
  const auto second = image.Update(*store->NewCursor(space, ""));
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(std::ranges::includes(names(*second), names(*first))) << "nothing is written twice";
  EXPECT_EQ(names(*second).size(), names(*first).size() + 1);
  size_t rows = 0;
  bool has_new = false;
  ASSERT_THAT(ReadCheckpoint(dir.path() + "/checkpoint",
                             [&](ByteView key, ByteView) -> Status {
                               EXPECT_NE(key, "key 00007");
                               has_new = has_new || key == "new";
                               ++rows;
                               return {};
                             }),
              IsOk());
  EXPECT_EQ(rows, 5000U);
  EXPECT_TRUE(has_new);
  for (int i = 0; i < 20; ++i) {  // many small changes are merged in the end
    ASSERT_THAT(
        store->Write(kBucket, Rows({{fmt::format("step {}", i), Bytes("s")}}), {3 + i, 5001 + i}),
        IsOk());
    ASSERT_THAT(image.Update(*store->NewCursor(space, "")), IsOk());
  }
  EXPECT_LT(names(*image.Update(*store->NewCursor(space, ""))).size(), 10U);
}

// ---- against a model -------------------------------------------------------------------------

enum class Engine { kLast, kFirst, kVersioned, kSum };

model::Properties PropertiesOf(Engine engine) {
  switch (engine) {
    case Engine::kFirst: return {{"table.merge-engine", "first_row"}};
    case Engine::kVersioned:
      return {{"table.merge-engine", "versioned"},
              {"table.merge-engine.versioned.ver-column", "b"}};
    case Engine::kSum: return {{"table.merge-engine", "aggregation"}};
    case Engine::kLast: break;
  }
  return {};
}

Row Merge(Engine engine, const Row& old, const Row& fresh) {
  const auto b = [](const Row& row) { return row[2].is_null() ? INT64_MIN : row[2].As<int64_t>(); };
  if (engine == Engine::kFirst) return old;
  if (engine == Engine::kVersioned) return b(old) <= b(fresh) ? fresh : old;
  if (engine == Engine::kLast) return fresh;
  Row sum = old;
  if (!fresh[1].is_null()) sum[1] = fresh[1];
  if (old[2].is_null()) {
    sum[2] = fresh[2];
  } else if (!fresh[2].is_null()) {
    sum[2] = Value{int64_t{static_cast<int32_t>(old[2].As<int64_t>() + fresh[2].As<int64_t>())}};
  }
  return sum;
}

/// Replays a log into a map.
std::map<int64_t, Row> Replayed(const std::vector<std::pair<std::string, Row>>& log) {
  std::map<int64_t, Row> rows;
  for (const auto& [kind, row] : log) {
    const int64_t id = row[0].As<int64_t>();
    if (kind == "-U" || kind == "-D") {
      EXPECT_EQ(rows[id], row) << "an old row is the one that was there";
    }
    if (kind == "-D") rows.erase(id);
    if (kind == "+I") {
      EXPECT_FALSE(rows.contains(id));
    }
    if (kind == "+I" || kind == "+U") rows[id] = row;
  }
  return rows;
}

RC_GTEST_PROP(KvTablet, EqualsAModelThroughFlushesAndRestarts, ()) {
  const auto engine =
      *rc::gen::element(Engine::kLast, Engine::kFirst, Engine::kVersioned, Engine::kSum);
  model::TableInfo info = Info(PropertiesOf(engine));
  if (engine == Engine::kSum) info.descriptor.schema.columns[2].agg_function = {"sum", {}};
  Bucket bucket(info, /*small=*/true);
  std::map<int64_t, Row> model;
  const int steps = *rc::gen::inRange(1, 25);
  for (int step = 0; step < steps; ++step) {
    switch (*rc::gen::inRange(0, 8)) {
      case 0: bucket.Reopen(); break;
      case 1: bucket.Flush(); break;
      case 2: RC_ASSERT(bucket.All() == model); break;
      default: {
        std::vector<Bucket::Change> changes;
        const int count = *rc::gen::inRange(0, 6);
        for (int i = 0; i < count; ++i) {
          const auto id = *rc::gen::inRange<int64_t>(0, 8);
          if (*rc::gen::inRange(0, 4) == 0) {
            changes.push_back({id, {}});
            model.erase(id);
            continue;
          }
          const auto b = *rc::gen::inRange<int64_t>(-3, 3);
          const Row row = RowOf(id, *rc::gen::element<std::string>("", "x", "a longer text"),
                                b == 0 ? std::nullopt : std::optional(b));
          changes.push_back({id, row});
          const auto it = model.find(id);
          if (it == model.end()) {
            model[id] = row;
          } else {
            it->second = Merge(engine, it->second, row);
          }
        }
        RC_ASSERT(bucket.Put(changes).has_value());
      }
    }
  }
  RC_ASSERT(bucket.All() == model);
  RC_ASSERT(Replayed(bucket.Log()) == model);
  RC_ASSERT(bucket.tablet().row_count() == static_cast<int64_t>(model.size()));
  bucket.Reopen();
  RC_ASSERT(bucket.All() == model);
  RC_ASSERT(bucket.tablet().row_count() == static_cast<int64_t>(model.size()));
  for (int64_t id = 0; id < 8; ++id) {
    const auto it = model.find(id);
    RC_ASSERT(bucket.Get(id) == (it == model.end() ? std::nullopt : std::optional(it->second)));
  }
}

}  // namespace
}  // namespace strom::kv
