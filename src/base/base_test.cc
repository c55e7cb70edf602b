#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/bytes.h"
#include "base/coding.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "testing/vectors.h"

namespace strom {
namespace {

TEST(Hash, Crc32cIsThatOfTheRealSystem) {
  for (const Json& vector : testing::LoadVectors("primitives")["crc32c"]) {
    const Bytes data = FromHex(vector["data"].get<std::string>());
    EXPECT_EQ(fmt::format("{:08x}", Crc32c(data)), vector["crc32c"].get<std::string>());
  }
}

TEST(Hash, MurmursAreThoseOfTheRealSystem) {
  for (const Json& vector : testing::LoadVectors("buckets")["cases"]) {
    const Bytes key = FromHex(vector["key"].get<std::string>());
    EXPECT_EQ(Murmur42(key), vector["fluss_murmur"].get<int32_t>());
    EXPECT_EQ(FlussMix(Murmur42(key)), vector["fluss_mixed"].get<int32_t>());
    if (vector["iceberg_hash"].is_number()) {
      EXPECT_EQ(Murmur3(key, 0), vector["iceberg_hash"].get<int32_t>());
    }
  }
}

RC_GTEST_PROP(Hash, CrcOfPartsIsCrcOfTheWhole, (const std::string& a, const std::string& b)) {
  RC_ASSERT(Crc32c(b, Crc32c(a)) == Crc32c(a + b));
}

RC_GTEST_PROP(Coding, VarintsComeBack, (uint64_t value)) {
  Bytes out;
  AppendVarint(out, value);
  RC_ASSERT(out.size() == VarintSize(value));
  Reader in(out);
  RC_ASSERT(in.Varint() == value);
  RC_ASSERT(in.ok() && in.done());
}

TEST(Coding, VarintsAreThoseOfTheRealSystem) {
  for (const Json& vector : testing::LoadVectors("primitives")["compacted_varint64"]) {
    Bytes out;
    const Json& value = vector["int64"];
    AppendVarint(out, static_cast<uint64_t>(value.is_string() ? std::stoll(value.get<std::string>())
                                                              : value.get<int64_t>()));
    EXPECT_EQ(ToHex(out), vector["hex"].get<std::string>());
  }
}

RC_GTEST_PROP(Coding, AReaderNeverReadsBehindTheEnd,
              (const std::string& bytes, const std::vector<uint8_t>& steps)) {
  Reader in(bytes);
  for (const uint8_t step : steps) {
    switch (step % 4) {
      case 0: in.Le<uint64_t>(); break;
      case 1: in.Varint(); break;
      case 2: in.Take(step); break;
      default: in.Be<uint16_t>(); break;
    }
    RC_ASSERT(in.position() <= bytes.size());
  }
}

TEST(JsonNumbers, OnlyAWholeNumberOfTheTypeIsRead) {
  const Json json = Json::parse(
      R"({"fits": -5, "wide": 3000000000, "unsigned": 18446744073709551615, "huge": 9.2e22, "half": 0.5, "text": "5"})");
  EXPECT_EQ(JsonOr<int32_t>(json, "fits", 1), -5);
  EXPECT_EQ(JsonOr<int32_t>(json, "wide", 1), 1);
  EXPECT_EQ(JsonOr<int64_t>(json, "wide", 1), 3000000000);
  for (const char* key : {"unsigned", "huge", "half", "text", "absent"}) {
    EXPECT_EQ(JsonOr<int64_t>(json, key, 1), 1) << key;
    EXPECT_FALSE(JsonInt(json, key)) << key;
  }
}

RC_GTEST_PROP(Bytes, HexComesBack, (const std::string& bytes)) {
  RC_ASSERT(FromHex(ToHex(bytes)) == bytes);
}

TEST(Text, Utf8IsWhatTheStandardCallsSo) {
  for (const std::string_view good :
       {"", "plain", "z\u00FCrich", "\u20AC", "\uD7FF\uE000", "\U00010000", "\U0010FFFF"})
    EXPECT_TRUE(IsUtf8(good)) << good;
  for (const std::string_view bad :
       {"\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xC3"})
    EXPECT_FALSE(IsUtf8(bad));
}

TEST(Text, TheNearestWordIsTheOneMeant) {
  EXPECT_EQ(Nearest("table.datalake.enable", {"table.datalake.enabled", "table.log.ttl"}),
            "table.datalake.enabled");
  EXPECT_EQ(Nearest("xyz", {"table.datalake.enabled", "table.log.ttl"}), "");
}

}  // namespace
}  // namespace strom
