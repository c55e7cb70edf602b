#include <chrono>

#include <gtest/gtest.h>

#include "model/duration.h"
#include "model/kv_snapshot.h"
#include "model/partition.h"
#include "model/remote_log.h"
#include "model/table_rules.h"
#include "testing/matchers.h"
#include "testing/vectors.h"

namespace strom::model {
namespace {

using testing::IsError;
using testing::IsOk;

TEST(SchemaJson, TypesComeBackAsTheRealSystemWritesThem) {
  for (const Json& vector : testing::LoadVectors("schema_json")["data_types"]) {
    const std::string text = vector["json"].get<std::string>();
    const auto type = DataTypeFromJson(text);
    ASSERT_THAT(type, IsOk()) << text;
    EXPECT_EQ(DataTypeToJson(*type), text);
  }
}

TEST(SchemaJson, SchemasComeBackAsTheRealSystemWritesThem) {
  for (const Json& vector : testing::LoadVectors("schema_json")["schemas"]) {
    const std::string text = vector["json"].get<std::string>();
    const auto schema = SchemaFromJson(text);
    ASSERT_THAT(schema, IsOk()) << text;
    EXPECT_EQ(Json::parse(SchemaToJson(*schema)), Json::parse(text));
  }
}

TEST(SchemaJson, DescriptorsComeBackWithTheSameContent) {
  for (const Json& vector : testing::LoadVectors("schema_json")["table_descriptors"]) {
    const std::string text = vector["json"].get<std::string>();
    const auto descriptor = DescriptorFromJson(text);
    ASSERT_THAT(descriptor, IsOk()) << text;
    // The order of properties carries no meaning.
    EXPECT_EQ(nlohmann::json::parse(DescriptorToJson(*descriptor)), nlohmann::json::parse(text));
  }
}

TEST(SchemaJson, AColumnIdIsNotAPositionAfterARow) {
  Schema schema;
  DataType address = MakeType(TypeRoot::kRow);
  address.fields = {{"street", MakeType(TypeRoot::kString), {}, -1},
                    {"zip", MakeType(TypeRoot::kInt), {}, -1}};
  schema.columns = {{"id", MakeType(TypeRoot::kBigInt), {}, {}, -1},
                    {"addr", address, {}, {}, -1},
                    {"d", MakeType(TypeRoot::kDate), {}, {}, -1}};
  AssignIds(schema);
  EXPECT_EQ(schema.columns[2].id, 4);
  EXPECT_EQ(schema.columns[1].type.fields[1].id, 3);
}

struct BadSchema {
  const char* what;
  const char* json;
};
class BadSchemas : public ::testing::TestWithParam<BadSchema> {};

TEST_P(BadSchemas, AreRefused) {
  EXPECT_FALSE(SchemaFromJson(GetParam().json).has_value()) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Schema, BadSchemas,
    ::testing::Values(
        BadSchema{"no json", "{"}, BadSchema{"no columns", R"({"columns":[]})"},
        BadSchema{"unknown type", R"({"columns":[{"name":"a","data_type":{"type":"VARCHAR"}}]})"},
        BadSchema{
            "two of a name",
            R"({"columns":[{"name":"a","data_type":{"type":"INTEGER"}},{"name":"a","data_type":{"type":"INTEGER"}}]})"},
        BadSchema{
            "key without column",
            R"({"columns":[{"name":"a","data_type":{"type":"INTEGER"}}],"primary_key":["b"]})"},
        BadSchema{
            "decimal too wide",
            R"({"columns":[{"name":"a","data_type":{"type":"DECIMAL","precision":39,"scale":0}}]})"},
        BadSchema{
            "ids given to some",
            R"({"columns":[{"name":"a","data_type":{"type":"INTEGER"},"id":0},{"name":"b","data_type":{"type":"INTEGER"}}]})"}));

TEST(Partition, AutoPartitionValuesAreThoseOfTheRealSystem) {
  const std::map<std::string, TimeUnit> units{{"HOUR", TimeUnit::kHour},
                                              {"DAY", TimeUnit::kDay},
                                              {"MONTH", TimeUnit::kMonth},
                                              {"QUARTER", TimeUnit::kQuarter},
                                              {"YEAR", TimeUnit::kYear}};
  for (const Json& vector : testing::LoadVectors("partitions")["auto_partition"]) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    ASSERT_EQ(std::sscanf(vector["instant"].get<std::string>().c_str(), "%d-%u-%uT%d:%d:%dZ", &year,
                          &month, &day, &hour, &minute, &second),
              6);
    const std::chrono::sys_days date{std::chrono::year{year} / static_cast<int>(month) /
                                     static_cast<int>(day)};
    const Millis now =
        (int64_t{date.time_since_epoch().count()} * 86400 + hour * 3600 + minute * 60 + second) *
        1000;
    const auto value =
        AutoPartitionValue(now, units.at(vector["time_unit"].get<std::string>()),
                           vector["time_zone"].get<std::string>(), vector["offset"].get<int32_t>());
    ASSERT_THAT(value, IsOk());
    EXPECT_EQ(*value, vector["partition_value"].get<std::string>()) << vector.dump();
  }
}

TEST(Partition, AValueGivenByHandMustHaveTheFormOfTheUnit) {
  AutoPartition automatic;
  automatic.enabled = true;
  automatic.time_zone = "UTC";
  constexpr Millis kNow = 1'731'324'600'000;  // 2024-11-11T11:30Z
  EXPECT_THAT(CheckAutoPartitionValue("20241111", automatic, kNow), IsOk());
  EXPECT_THAT(CheckAutoPartitionValue("2024-11-11", automatic, kNow),
              IsError(ErrorCode::kPartitionSpecInvalid));
  EXPECT_THAT(CheckAutoPartitionValue("20241301", automatic, kNow),
              IsError(ErrorCode::kPartitionSpecInvalid));
  EXPECT_THAT(CheckAutoPartitionValue("20240101", automatic, kNow),
              IsError(ErrorCode::kPartitionSpecInvalid))
      << "past retention";
}

TEST(Duration, FormsThatUsersWrite) {
  EXPECT_EQ(*ParseDuration("3min"), 180'000);
  EXPECT_EQ(*ParseDuration("30 s"), 30'000);
  EXPECT_EQ(*ParseDuration("7d"), 7 * 86'400'000LL);
  EXPECT_EQ(*ParseDuration("PT10M"), 600'000);
  EXPECT_EQ(*ParseMemorySize("64mb"), 64 << 20);
  EXPECT_EQ(*ParseMemorySize("4096"), 4096);
  for (const char* bad : {"", "10", "min", "3 fortnights", "s3"})
    EXPECT_FALSE(ParseDuration(bad).has_value()) << bad;
}

TableDescriptor LogTable() {
  TableDescriptor descriptor;
  descriptor.schema.columns = {{"id", MakeType(TypeRoot::kBigInt), {}, {}, 0},
                               {"name", MakeType(TypeRoot::kString), {}, {}, 1}};
  descriptor.schema.highest_field_id = 1;
  return descriptor;
}

/// One reason to refuse a table, and the code it is refused with.
struct Refusal {
  const char* what;
  ErrorCode code;
  void (*spoil)(TableDescriptor&);
};
class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, HaveTheirCode) {
  TableDescriptor descriptor = LogTable();
  GetParam().spoil(descriptor);
  const ClusterRules rules;
  Status status = ApplyDefaults(rules, descriptor);
  if (status) {
    const auto validated = ValidateDescriptor(rules, descriptor);
    if (!validated) status = std::unexpected(validated.error());
  }
  EXPECT_THAT(status, IsError(GetParam().code)) << GetParam().what;
}

TEST(KvSnapshot, HasThePublishedForm) {
  const std::string published =
      R"({"version":1,"table_id":12,"partition_id":7,"bucket_id":2,"snapshot_id":5,)"
      R"("snapshot_location":"/r/kv/db/t-12/p-p7/2/snap-5","kv_snapshot_handle":{)"
      R"("shared_file_handles":[{"kv_file_handle":{"path":"/r/a","size":1024},"local_path":"000012.sst"}],)"
      R"("private_file_handles":[{"kv_file_handle":{"path":"/r/b","size":16},"local_path":"CURRENT"}],)"
      R"("snapshot_incremental_size":1040},"log_offset":1000,"row_count":10})";
  const auto snapshot = KvSnapshotFromJson(published);
  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->bucket, (TableBucket{12, 7, 2}));
  EXPECT_EQ(KvSnapshotToJson(*snapshot), published);
  EXPECT_THAT(KvSnapshotFromJson("{}"), IsError(ErrorCode::kCorrupt));
}

TEST(RemoteLogManifest, HasThePublishedForm) {
  const Json vectors = testing::LoadVectors("remote_files")["manifests"];
  for (const Json& vector : vectors) {
    const std::string published = vector["json"].get<std::string>();
    const auto manifest = RemoteLogManifestFromJson(published);
    ASSERT_THAT(manifest, IsOk());
    EXPECT_EQ(RemoteLogManifestToJson(*manifest), published);
  }
  const auto two = RemoteLogManifestFromJson(vectors[0]["json"].get<std::string>());
  EXPECT_EQ(two->start_offset(), 0);
  EXPECT_EQ(two->end_offset(), 90);
  EXPECT_EQ(two->IndexOf(39), 0U);
  EXPECT_EQ(two->IndexOf(40), 1U);
  EXPECT_FALSE(two->Has(90));
  const auto clipped = RemoteLogManifestFromJson(vectors[1]["json"].get<std::string>());
  EXPECT_EQ(clipped->start_offset(), 5);
  EXPECT_EQ(clipped->highest_copied_end_offset, 120);
}

TEST(RemoteLogManifest, GapsAndNonsenseAreRefused) {
  for (
      const char* segments :
      {R"([{"segment_id":"a","start_offset":0,"end_offset":4,"max_timestamp":1,"size_in_bytes":9},
            {"segment_id":"b","start_offset":5,"end_offset":9,"max_timestamp":1,"size_in_bytes":9}])",
       R"([{"segment_id":"a","start_offset":4,"end_offset":0,"max_timestamp":1,"size_in_bytes":9}])",
       R"([{"segment_id":"a","start_offset":0}])", R"(["a"])", R"({})"}) {
    const std::string text = fmt::format(
        R"({{"version":1,"database":"d","table":"t","table_id":1,"bucket_id":0,"remote_log_segments":{}}})",
        segments);
    EXPECT_THAT(RemoteLogManifestFromJson(text), IsError(ErrorCode::kCorrupt)) << segments;
  }
}

/// A key table on `id` whose second column has an aggregate function.
void Aggregate(TableDescriptor& d, const std::string& function, TypeRoot type) {
  d.schema.primary_key = {d.schema.columns[0].name};
  d.schema.columns[0].type.nullable = false;
  d.properties["table.merge-engine"] = "aggregation";
  d.schema.columns[1].type = MakeType(type);
  d.schema.columns[1].agg_function = {function, {}};
}

INSTANTIATE_TEST_SUITE_P(
    CreateKeyTable, Refusals,
    ::testing::Values(Refusal{"sum of texts", ErrorCode::kInvalidConfig,
                              [](TableDescriptor& d) { Aggregate(d, "sum", TypeRoot::kString); }},
                      Refusal{"unknown function", ErrorCode::kInvalidConfig,
                              [](TableDescriptor& d) { Aggregate(d, "median", TypeRoot::kInt); }},
                      Refusal{"unknown parameter", ErrorCode::kInvalidConfig,
                              [](TableDescriptor& d) {
                                Aggregate(d, "max", TypeRoot::kInt);
                                d.schema.columns[1].agg_function->parameters["delimiter"] = ";";
                              }},
                      Refusal{"function without engine", ErrorCode::kInvalidConfig,
                              [](TableDescriptor& d) {
                                Aggregate(d, "max", TypeRoot::kInt);
                                d.properties.erase("table.merge-engine");
                              }},
                      Refusal{"function on the key", ErrorCode::kInvalidTable,
                              [](TableDescriptor& d) {
                                Aggregate(d, "max", TypeRoot::kInt);
                                d.schema.primary_key.push_back(d.schema.columns[1].name);
                              }},
                      Refusal{"auto-increment text", ErrorCode::kInvalidTable,
                              [](TableDescriptor& d) {
                                Aggregate(d, "last_value", TypeRoot::kString);
                                d.schema.auto_increment = {d.schema.columns[1].name};
                              }},
                      Refusal{"auto-increment without key", ErrorCode::kInvalidTable,
                              [](TableDescriptor& d) {
                                d.schema.auto_increment = {d.schema.columns[0].name};
                              }}));

INSTANTIATE_TEST_SUITE_P(
    CreateTable, Refusals,
    ::testing::Values(
        Refusal{"unknown option", ErrorCode::kInvalidConfig,
                [](TableDescriptor& d) { d.properties["table.log.tttl"] = "1d"; }},
        Refusal{"foreign key in properties", ErrorCode::kInvalidConfig,
                [](TableDescriptor& d) { d.properties["mine"] = "1"; }},
        Refusal{"bad value", ErrorCode::kInvalidConfig,
                [](TableDescriptor& d) { d.properties["table.log.format"] = "AVRO"; }},
        Refusal{"too many buckets", ErrorCode::kBucketMaxNum,
                [](TableDescriptor& d) { d.bucket_count = 128001; }},
        Refusal{"too many replicas", ErrorCode::kInvalidReplicationFactor,
                [](TableDescriptor& d) { d.properties["table.replication.factor"] = "2"; }},
        Refusal{"lake without cluster lake", ErrorCode::kInvalidTable,
                [](TableDescriptor& d) { d.properties["table.datalake.enabled"] = "true"; }},
        Refusal{"merge engine on a log table", ErrorCode::kInvalidConfig,
                [](TableDescriptor& d) { d.properties["table.merge-engine"] = "first_row"; }},
        Refusal{"auto partition without partitions", ErrorCode::kInvalidConfig,
                [](TableDescriptor& d) { d.properties["table.auto-partition.enabled"] = "true"; }},
        Refusal{"system column", ErrorCode::kInvalidTable,
                [](TableDescriptor& d) { d.schema.columns[0].name = "__offset"; }},
        Refusal{"deletion vectors", ErrorCode::kInvalidConfig,
                [](TableDescriptor& d) {
                  d.custom_properties["paimon.deletion-vectors.enabled"] = "true";
                }},
        Refusal{"zstd level", ErrorCode::kInvalidConfig, [](TableDescriptor& d) {
                  d.properties["table.log.arrow.compression.zstd.level"] = "23";
                }}));

TEST(AlterTable, FreshnessIsImmutableUnlessTheClusterAllowsIt) {
  ClusterRules rules;
  rules.lake_format = LakeFormat::kPaimon;
  rules.lake_enabled = true;
  TableDescriptor descriptor = LogTable();
  ASSERT_THAT(ApplyDefaults(rules, descriptor), IsOk());
  TableDescriptor altered = descriptor;
  EXPECT_THAT(AlterProperties(rules, {{"table.datalake.freshness", "5min"}}, altered),
              IsError(ErrorCode::kInvalidAlterTable));
  rules.freshness_mutable = true;
  EXPECT_THAT(AlterProperties(rules, {{"table.datalake.freshness", "5min"}}, altered), IsOk());
}

TEST(AlterTable, ATableFromBeforeTheLakeCanOnlyJoinItWithoutABucketKey) {
  TableDescriptor plain = LogTable();
  TableDescriptor keyed = LogTable();
  keyed.bucket_keys = {"id"};
  for (TableDescriptor* descriptor : {&plain, &keyed})
    ASSERT_THAT(ApplyDefaults(ClusterRules(), *descriptor), IsOk());
  ClusterRules rules;
  rules.lake_format = LakeFormat::kPaimon;
  rules.lake_enabled = true;
  EXPECT_THAT(AlterProperties(rules, {{"table.datalake.enabled", "true"}}, plain), IsOk());
  EXPECT_EQ(plain.properties["table.datalake.format"], "paimon");
  EXPECT_THAT(AlterProperties(rules, {{"table.datalake.enabled", "true"}}, keyed),
              IsError(ErrorCode::kInvalidAlterTable));
}

}  // namespace
}  // namespace strom::model
