#include "record/kv_batch.h"

#include <gtest/gtest.h>

#include "record/row.h"
#include "testing/matchers.h"
#include "testing/vectors.h"

namespace strom::record {
namespace {

using testing::IsError;
using testing::IsOk;

TEST(KvBatch, BytesAreThoseOfTheRealClient) {
  const Json vectors = testing::LoadVectors("kv_batches");
  const auto types = testing::TypesOf(vectors["types"]);
  size_t checked = 0;
  for (const Json& vector : vectors["kv_batches"]) {
    const bool indexed = vector["kv_format"] == "INDEXED";
    KvBatchBuilder builder;
    std::vector<Bytes> held;
    held.reserve(vector["records"].size() * 2);
    for (const Json& item : vector["records"]) {
      held.push_back(FromHex(item["key"].get<std::string>()));
      KvRecord entry{held.back(), std::nullopt};
      if (!item["delete"].get<bool>()) {
        const Row row = testing::RowOf(types, item["row"]);
        held.push_back(*(indexed ? EncodeIndexedRow(types, row) : EncodeCompactedRow(types, row)));
        entry.row = held.back();
      }
      builder.Append(entry);
    }
    const Bytes built =
        builder.Build({vector["schema_id"].get<int16_t>(), vector["writer_id"].get<int64_t>(),
                       vector["batch_sequence"].get<int32_t>()});
    EXPECT_EQ(ToHex(built), vector["hex"].get<std::string>());
    const auto batch = KvBatchView::Read(built);
    ASSERT_THAT(batch, IsOk());
    KvRecords records(*batch);
    for (const Json& item : vector["records"]) {
      const auto next = records.Next();
      ASSERT_THAT(next, IsOk());
      ASSERT_TRUE(next->has_value());
      EXPECT_EQ(ToHex((*next)->key), item["key"].get<std::string>());
      EXPECT_EQ((*next)->row.has_value(), !item["delete"].get<bool>());
    }
    EXPECT_FALSE((*records.Next()).has_value());
    ++checked;
  }
  EXPECT_GT(checked, 5U);
}

TEST(KvBatch, ValueBatchesAreThoseOfTheRealServer) {
  const Json vectors = testing::LoadVectors("kv_batches");
  const auto types = testing::TypesOf(vectors["types"]);
  for (const Json& vector : vectors["value_batches"]) {
    const bool indexed = vector["kv_format"] == "INDEXED";
    ValueBatchBuilder builder;
    int16_t i = 0;
    for (const Json& item : vector["rows"]) {
      const Row row = testing::RowOf(types, item);
      builder.Append(EncodeStoredValue(
          static_cast<int16_t>(i++ % 2 + 1),
          *(indexed ? EncodeIndexedRow(types, row) : EncodeCompactedRow(types, row))));
    }
    const Bytes built = builder.Build();
    EXPECT_EQ(ToHex(built), vector["hex"].get<std::string>());
    EXPECT_EQ(ReadValueBatch(built)->size(), vector["rows"].size());
  }
}

TEST(KvBatch, EveryCutAndEveryWrongBitIsRefused) {
  KvBatchBuilder builder;
  builder.Append({"key", ByteView("row")});
  builder.Append({"gone", std::nullopt});
  const Bytes whole = builder.Build({});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(KvBatchView::Read(ByteView(whole).substr(0, size)),
                IsError(ErrorCode::kCorruptRecord));
  for (size_t i = 0; i < whole.size() * 8; ++i) {
    Bytes bad = whole;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    EXPECT_THAT(KvBatchView::Read(bad), IsError(ErrorCode::kCorruptRecord)) << i;
  }
}

}  // namespace
}  // namespace strom::record
