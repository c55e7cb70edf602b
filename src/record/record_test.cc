#include <cmath>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "record/arrow_batch.h"
#include "record/arrow_layout.h"
#include "record/key.h"
#include "record/log_batch.h"
#include "record/partition_value.h"
#include "record/projection.h"
#include "record/row.h"
#include "testing/matchers.h"
#include "testing/vectors.h"

namespace strom::record {
namespace {

using model::DataType;
using model::LakeFormat;
using model::TypeRoot;
using testing::IsError;
using testing::IsOk;
using testing::LoadVectors;
using testing::RowOf;
using testing::TypesOf;

bool IsHex(const Json& json) {
  return json.is_string() && !json.get<std::string>().starts_with("ERROR");
}

/// Values that a format does not give back as they were written: fixed-length texts lose their
/// padding, and what is finer than a compact timestamp is dropped.
bool ComesBack(const std::vector<DataType>& types) {
  return std::ranges::none_of(types, [](const DataType& t) {
    return t.root == TypeRoot::kBinary || t.root == TypeRoot::kChar;
  });
}

Result<Bytes> EncodePlainAlignedRow(Types types, const Row& row) {
  return EncodeAlignedRow(types, row);
}

/// NaN is a value like any other here.
bool IsNan(const Value& value) {
  const auto* f = std::get_if<float>(&value.data);
  const auto* d = std::get_if<double>(&value.data);
  return (f != nullptr && std::isnan(*f)) || (d != nullptr && std::isnan(*d));
}

class RowVectors : public ::testing::TestWithParam<const char*> {};

TEST_P(RowVectors, EncodeByteForByteAndComeBack) {
  struct Format {
    const char* name;
    Result<Bytes> (*encode)(Types, const Row&);
    Result<Row> (*decode)(Types, ByteView);
  };
  constexpr Format kFormats[] = {{"compacted", EncodeCompactedRow, DecodeCompactedRow},
                                 {"indexed", EncodeIndexedRow, DecodeIndexedRow},
                                 {"aligned", EncodePlainAlignedRow, DecodeAlignedRow}};
  size_t checked = 0;
  for (const Json& vector : LoadVectors(GetParam())["cases"]) {
    const auto types = TypesOf(vector["types"]);
    const Row row = RowOf(types, vector["values"]);
    for (const Format& format : kFormats) {
      if (!vector.contains(format.name) || !IsHex(vector[format.name])) continue;
      const std::string expected = vector[format.name].get<std::string>();
      const auto encoded = format.encode(types, row);
      ASSERT_THAT(encoded, IsOk()) << vector.dump();
      EXPECT_EQ(ToHex(*encoded), expected) << format.name << " " << vector.dump();
      const auto decoded = format.decode(types, FromHex(expected));
      ASSERT_THAT(decoded, IsOk()) << format.name << " " << vector.dump();
      if (ComesBack(types)) {
        const auto again = format.encode(types, *decoded);
        ASSERT_THAT(again, IsOk());
        EXPECT_EQ(ToHex(*again), expected) << format.name;
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 80U);
}

INSTANTIATE_TEST_SUITE_P(Row, RowVectors,
                         ::testing::Values("rows_single_column", "rows_multi_column"));

TEST(Row, EveryCutRowIsRefusedOrShorterThanItsTypes) {
  for (const Json& vector : LoadVectors("rows_multi_column")["cases"]) {
    const auto types = TypesOf(vector["types"]);
    for (const char* format : {"compacted", "indexed", "aligned"}) {
      if (!vector.contains(format) || !IsHex(vector[format])) continue;
      const Bytes whole = FromHex(vector[format].get<std::string>());
      for (size_t size = 0; size < whole.size(); ++size) {
        // Whatever comes back, nothing outside may be read: the sanitizers watch.
        const Bytes cut = whole.substr(0, size);
        (void)DecodeCompactedRow(types, cut);
        (void)DecodeIndexedRow(types, cut);
        (void)DecodeAlignedRow(types, cut);
      }
    }
  }
}

TEST(Key, EncodingsAndBucketsAreThoseOfTheRealSystem) {
  for (const Json& vector : LoadVectors("keys")["cases"]) {
    const auto types = TypesOf(vector["types"]);
    const Row row = RowOf(types, vector["values"]);
    const std::pair<const char*, LakeFormat> kFormats[] = {{"compacted", LakeFormat::kNone},
                                                           {"paimon", LakeFormat::kPaimon},
                                                           {"iceberg", LakeFormat::kIceberg}};
    for (const auto& [name, format] : kFormats) {
      if (!vector.contains(name)) continue;
      const auto encoded = EncodeBucketKey(format, types, row);
      if (!IsHex(vector[name])) {
        EXPECT_FALSE(encoded.has_value()) << name << " " << vector.dump();
        continue;
      }
      ASSERT_THAT(encoded, IsOk()) << name << " " << vector.dump();
      EXPECT_EQ(ToHex(*encoded), vector[name].get<std::string>()) << name << " " << vector.dump();
    }
  }
}

TEST(Key, BucketsOfRawKeysAreThoseOfTheRealSystem) {
  const Json vectors = LoadVectors("buckets");
  for (const Json& vector : vectors["cases"]) {
    const Bytes key = FromHex(vector["key"].get<std::string>());
    for (size_t i = 0; i < vectors["num_buckets"].size(); ++i) {
      const auto buckets = vectors["num_buckets"][i].get<int32_t>();
      const std::pair<const char*, LakeFormat> kFormats[] = {{"fluss", LakeFormat::kNone},
                                                             {"paimon", LakeFormat::kPaimon},
                                                             {"iceberg", LakeFormat::kIceberg}};
      for (const auto& [name, format] : kFormats) {
        if (!vector[name].is_array() || !vector[name][i].is_number()) continue;
        const auto bucket = BucketOf(format, key, buckets);
        ASSERT_THAT(bucket, IsOk());
        EXPECT_EQ(*bucket, vector[name][i].get<int32_t>()) << name << " of " << vector["key"];
      }
    }
  }
}

TEST(PartitionValue, TextsAreThoseOfTheRealSystem) {
  for (const Json& vector : LoadVectors("partitions")["values"]) {
    const auto types = TypesOf(Json::array({vector["type"]}));
    const auto text = PartitionText(types[0], testing::ValueOf(types[0], vector["value"]));
    if (!IsHex(vector["partition_value"])) {
      EXPECT_FALSE(text.has_value()) << vector.dump();
      continue;
    }
    ASSERT_THAT(text, IsOk()) << vector.dump();
    EXPECT_EQ(*text, vector["partition_value"].get<std::string>()) << vector.dump();
  }
}

model::Schema SchemaOf(const std::vector<DataType>& types) {
  model::Schema schema;
  for (size_t i = 0; i < types.size(); ++i)
    schema.columns.push_back({"c" + std::to_string(i), types[i], {}, {}, static_cast<int32_t>(i)});
  return schema;
}

model::LogFormat FormatOf(const Json& vector) {
  const std::string name = vector["log_format"].get<std::string>();
  return name == "ARROW"     ? model::LogFormat::kArrow
         : name == "INDEXED" ? model::LogFormat::kIndexed
                             : model::LogFormat::kCompacted;
}

void ExpectRows(const DecodedBatch& decoded, const std::vector<DataType>& types, const Json& rows) {
  ASSERT_EQ(decoded.rows->num_rows(), static_cast<int64_t>(rows.size()));
  for (size_t r = 0; r < rows.size(); ++r) {
    const Row expected = RowOf(types, rows[r]);
    for (size_t c = 0; c < types.size(); ++c) {
      const auto actual =
          ValueAt(types[c], *decoded.rows->column(static_cast<int>(c)), static_cast<int64_t>(r));
      ASSERT_THAT(actual, IsOk());
      const auto* time = std::get_if<Timestamp>(&expected[c].data);
      if (time != nullptr && types[c].precision < 9) {
        EXPECT_NEAR(static_cast<double>(actual->As<Timestamp>().millis),
                    static_cast<double>(time->millis), types[c].precision == 0 ? 1000 : 0);
      } else if (types[c].root != TypeRoot::kTime && types[c].root != TypeRoot::kBinary &&
                 !IsNested(types[c].root)) {
        EXPECT_TRUE(*actual == expected[c] || (IsNan(*actual) && IsNan(expected[c])))
            << "row " << r << " column " << c << " " << types[c].ToString();
      } else {
        EXPECT_EQ(actual->is_null(), expected[c].is_null());
      }
    }
  }
}

class LogVectors : public ::testing::TestWithParam<const char*> {};

TEST_P(LogVectors, BatchesOfTheRealSystemAreReadRowForRow) {
  for (const Json& vector : LoadVectors(GetParam())["cases"]) {
    const auto types = TypesOf(vector["types"]);
    const auto plain = ToMagic0(SharedBytes::Own(FromHex(vector["hex"].get<std::string>())));
    ASSERT_THAT(plain, IsOk()) << vector["magic"];
    const auto batch = LogBatchView::At(plain->view());
    ASSERT_THAT(batch, IsOk());
    ASSERT_TRUE(batch->has_value());
    EXPECT_THAT((*batch)->Check(), IsOk());
    EXPECT_EQ((*batch)->writer_id(), vector["writer_id"].get<int64_t>());
    EXPECT_EQ((*batch)->base_offset(), vector["base_offset"].get<int64_t>());
    const auto decoded = DecodeLogBatch(**batch, FormatOf(vector), SchemaOf(types));
    ASSERT_THAT(decoded, IsOk()) << vector["log_format"] << " "
                                 << vector.value("arrow_compression", "");
    ExpectRows(*decoded, types, vector["rows"]);
    for (size_t i = 0; i < decoded->changes.size(); ++i) {
      EXPECT_STREQ(ShortName(decoded->changes[i]),
                   vector["change_types"][i].get<std::string>().c_str());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LogBatch, LogVectors,
                         ::testing::Values("log_batches", "log_batches_main"));

TEST(LogBatch, RowBatchesAreWrittenByteForByte) {
  size_t checked = 0;
  for (const Json& vector : LoadVectors("log_batches")["cases"]) {
    if (vector["magic"] != 0 || vector["log_format"] == "ARROW") continue;
    const auto types = TypesOf(vector["types"]);
    Bytes payload;
    for (size_t i = 0; i < vector["rows"].size(); ++i) {
      const Row row = RowOf(types, vector["rows"][i]);
      const auto encoded = FormatOf(vector) == model::LogFormat::kIndexed
                               ? EncodeIndexedRow(types, row)
                               : EncodeCompactedRow(types, row);
      ASSERT_THAT(encoded, IsOk());
      for (int code = 0; code <= 4; ++code) {
        if (vector["change_types"][i] == ShortName(static_cast<ChangeType>(code)))
          AppendRawRecord(payload, static_cast<ChangeType>(code), *encoded);
      }
    }
    BatchHeader header;
    header.base_offset = vector["base_offset"].get<int64_t>();
    header.timestamp = std::stoll(vector["commit_timestamp"].get<std::string>());
    header.schema_id = vector["schema_id"].get<int16_t>();
    header.append_only = vector["append_only"].get<bool>();
    header.writer_id = vector["writer_id"].get<int64_t>();
    header.sequence = vector["batch_sequence"].get<int32_t>();
    header.record_count = static_cast<int32_t>(vector["rows"].size());
    EXPECT_EQ(ToHex(BuildLogBatch(header, payload)), vector["hex"].get<std::string>());
    ++checked;
  }
  EXPECT_GT(checked, 3U);
}

TEST(LogBatch, EveryFlippedBitBehindTheChecksumIsNoticed) {
  BatchHeader header;
  header.record_count = 1;
  Bytes payload;
  AppendRawRecord(payload, ChangeType::kAppendOnly, "row");
  const Bytes good = BuildLogBatch(header, payload);
  for (size_t bit = LogBatchView::kCrcAt * 8; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    EXPECT_THAT(LogBatchView(bad).Check(), IsError(ErrorCode::kCorruptRecord)) << bit;
  }
}

TEST(Projection, CutsTheColumnsTheRealSystemCuts) {
  for (const Json& vector : LoadVectors("log_projection")["cases"]) {
    const auto types = TypesOf(vector["types"]);
    const model::Schema schema = SchemaOf(types);
    const Bytes input = FromHex(vector["input"].get<std::string>());
    const Bytes expected = FromHex(vector["output"].get<std::string>());
    const auto projection =
        Projection::Make(vector["projected_fields"].get<std::vector<int32_t>>(), types.size());
    ASSERT_THAT(projection, IsOk());
    Bytes output;
    const auto read = [&](int64_t at, char* into, size_t size) -> Status {
      input.copy(into, size, static_cast<size_t>(at));
      return {};
    };
    ASSERT_THAT(projection->Project(schema, static_cast<int64_t>(input.size()), read, output),
                IsOk());

    model::Schema kept;
    for (const Json& field : vector["projected_fields"])
      kept.columns.push_back(schema.columns[field.get<size_t>()]);
    const auto ours = DecodeLogBatch(LogBatchView(output), model::LogFormat::kArrow, kept);
    const auto theirs = DecodeLogBatch(LogBatchView(expected), model::LogFormat::kArrow, kept);
    ASSERT_THAT(ours, IsOk());
    ASSERT_THAT(theirs, IsOk());
    EXPECT_TRUE(ours->rows->Equals(*theirs->rows));
    EXPECT_EQ(LogBatchView(output).base_offset(), LogBatchView(expected).base_offset());
    EXPECT_LE(output.size(), expected.size() + 64) << "no more than the real system sends";
  }
}

TEST(Projection, RefusesWhatIsNotAscendingOrNotThere) {
  EXPECT_THAT(Projection::Make({}, 3), IsError(ErrorCode::kInvalidColumnProjection));
  EXPECT_THAT(Projection::Make({1, 0}, 3), IsError(ErrorCode::kInvalidColumnProjection));
  EXPECT_THAT(Projection::Make({1, 1}, 3), IsError(ErrorCode::kInvalidColumnProjection));
  EXPECT_THAT(Projection::Make({3}, 3), IsError(ErrorCode::kInvalidColumnProjection));
  EXPECT_THAT(Projection::Make({-1}, 3), IsError(ErrorCode::kInvalidColumnProjection));
}

/// Rows of every plain type, nulls among them, made from a seed.
std::shared_ptr<arrow::RecordBatch> MakeRows(const model::Schema& schema,
                                             const std::vector<int64_t>& numbers) {
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  arrow::ArrayVector arrays;
  for (const model::Column& column : schema.columns) {
    auto builder = *arrow::MakeBuilder(ToArrowType(column.type));
    for (const int64_t n : numbers) {
      Value value;
      if (n % 5 != 0) {
        switch (column.type.root) {
          case TypeRoot::kBoolean: value = {n % 2 == 0}; break;
          case TypeRoot::kDouble: value = {static_cast<double>(n) / 3}; break;
          case TypeRoot::kString:
            value = {std::string(static_cast<size_t>(std::abs(n % 23)), 'x')};
            break;
          case TypeRoot::kDecimal: value = {Decimal{n}}; break;
          case TypeRoot::kTimestamp: value = {Timestamp{n, 0}}; break;
          default: value = {n}; break;
        }
      }
      EXPECT_THAT(AppendValue(column.type, value, *builder), IsOk());
    }
    arrays.push_back(*builder->Finish());
  }
  return arrow::RecordBatch::Make(ToArrowSchema(schema), static_cast<int64_t>(numbers.size()),
                                  arrays);
}

model::Schema MixedSchema() {
  DataType decimal = model::MakeType(TypeRoot::kDecimal);
  decimal.precision = 25;
  decimal.scale = 2;
  DataType timestamp = model::MakeType(TypeRoot::kTimestamp);
  timestamp.precision = 3;
  return SchemaOf({model::MakeType(TypeRoot::kBigInt), model::MakeType(TypeRoot::kString),
                   model::MakeType(TypeRoot::kBoolean), decimal, model::MakeType(TypeRoot::kDouble),
                   timestamp});
}

RC_GTEST_PROP(LogPayload, RowsComeBackFromEveryFormat, (const std::vector<int32_t>& seeds)) {
  const model::Schema schema = MixedSchema();
  const std::vector<int64_t> numbers(seeds.begin(), seeds.end());
  const auto rows = MakeRows(schema, numbers);
  struct Case {
    model::LogFormat format;
    const char* compression;
  };
  for (const Case& c :
       {Case{model::LogFormat::kArrow, "NONE"}, Case{model::LogFormat::kArrow, "ZSTD"},
        Case{model::LogFormat::kArrow, "LZ4_FRAME"}, Case{model::LogFormat::kIndexed, ""},
        Case{model::LogFormat::kCompacted, ""}}) {
    const auto payload = EncodeLogPayload(*rows, c.format, schema, {c.compression, 3});
    RC_ASSERT(payload.has_value());
    BatchHeader header;
    header.record_count = static_cast<int32_t>(rows->num_rows());
    const Bytes bytes = BuildLogBatch(header, *payload);
    const auto decoded = DecodeLogBatch(LogBatchView(bytes), c.format, schema);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->rows->Equals(*rows));
  }
}

RC_GTEST_PROP(Projection, EqualsSelectingColumnsAfterDecoding,
              (const std::vector<int32_t>& seeds, uint8_t mask)) {
  const model::Schema schema = MixedSchema();
  std::vector<int32_t> columns;
  for (int32_t i = 0; i < 6; ++i) {
    if ((mask >> i & 1) != 0) columns.push_back(i);
  }
  RC_PRE(!columns.empty());
  RC_PRE(!seeds.empty());
  const auto rows = MakeRows(schema, {seeds.begin(), seeds.end()});
  const auto payload = EncodeLogPayload(*rows, model::LogFormat::kArrow, schema, {"ZSTD", 3});
  BatchHeader header;
  header.record_count = static_cast<int32_t>(rows->num_rows());
  const Bytes batch = BuildLogBatch(header, *payload);
  Bytes cut;
  const auto read = [&](int64_t at, char* into, size_t size) -> Status {
    batch.copy(into, size, static_cast<size_t>(at));
    return {};
  };
  RC_ASSERT(Projection::Make(columns, 6)
                ->Project(schema, static_cast<int64_t>(batch.size()), read, cut)
                .has_value());
  model::Schema kept;
  for (const int32_t c : columns) kept.columns.push_back(schema.columns[static_cast<size_t>(c)]);
  const auto decoded = DecodeLogBatch(LogBatchView(cut), model::LogFormat::kArrow, kept);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->rows->Equals(**rows->SelectColumns(columns)));
}

}  // namespace
}  // namespace strom::record
