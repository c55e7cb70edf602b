#include "kv/merge/aggregate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "testing/matchers.h"

namespace strom::kv {
namespace {

using model::TypeRoot;
using record::Value;
using testing::IsError;
using testing::IsOk;

model::Column ColumnOf(const std::string& name, model::DataType type, int32_t id) {
  return {name, std::move(type), std::nullopt, std::nullopt, id};
}

struct AggregateCase {
  const char* function;
  model::DataType type;
  Value stored;
  Value incoming;
  Value result;
};

Value Text(const char* text) {
  return Value{std::string(text)};
}
Value Number(int64_t number) {
  return Value{number};
}
model::DataType DecimalType(int32_t precision, int32_t scale) {
  model::DataType type = model::MakeType(TypeRoot::kDecimal);
  type.precision = precision;
  type.scale = scale;
  return type;
}

TEST(Aggregate, FunctionsHaveThePublishedMeaning) {
  const auto type = [](TypeRoot root) { return model::MakeType(root); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const AggregateCase cases[] = {
      {"sum", type(TypeRoot::kInt), Number(2), Number(3), Number(5)},
      {"sum", type(TypeRoot::kTinyInt), Number(127), Number(1), Number(-128)},
      {"sum", type(TypeRoot::kBigInt), Number(INT64_MAX), Number(1), Number(INT64_MIN)},
      {"sum", type(TypeRoot::kInt), Value{}, Number(3), Number(3)},
      {"sum", type(TypeRoot::kInt), Number(3), Value{}, Number(3)},
      {"sum", DecimalType(3, 2), Value{record::Decimal{900}}, Value{record::Decimal{99}},
       Value{record::Decimal{999}}},
      {"product", type(TypeRoot::kSmallInt), Number(300), Number(300),
       Number(static_cast<int16_t>(90000))},
      {"product", DecimalType(5, 2), Value{record::Decimal{150}}, Value{record::Decimal{-33}},
       Value{record::Decimal{-50}}},
      {"max", type(TypeRoot::kDouble), Value{1.0}, Value{nan}, Value{nan}},
      {"max", type(TypeRoot::kString), Text("b"), Text("\xc3\xa9"), Text("\xc3\xa9")},
      {"min", type(TypeRoot::kTimestamp), Value{record::Timestamp{5, 1}},
       Value{record::Timestamp{5, 0}}, Value{record::Timestamp{5, 0}}},
      {"min", type(TypeRoot::kInt), Number(3), Value{}, Number(3)},
      {"last_value", type(TypeRoot::kInt), Number(3), Value{}, Value{}},
      {"last_value_ignore_nulls", type(TypeRoot::kInt), Number(3), Value{}, Number(3)},
      {"first_value", type(TypeRoot::kInt), Value{}, Number(3), Number(3)},
      {"first_value", type(TypeRoot::kInt), Number(1), Number(3), Number(1)},
      {"first_value_ignore_nulls", type(TypeRoot::kInt), Number(1), Value{}, Number(1)},
      {"listagg", type(TypeRoot::kString), Text("a"), Text("b"), Text("a,b")},
      {"string_agg", type(TypeRoot::kString), Value{}, Text("b"), Text("b")},
      {"bool_and", type(TypeRoot::kBoolean), Value{true}, Value{false}, Value{false}},
      {"bool_or", type(TypeRoot::kBoolean), Value{true}, Value{false}, Value{true}},
  };
  for (const AggregateCase& one : cases) {
    model::Column column = ColumnOf("c", one.type, 0);
    column.agg_function = {one.function, {}};
    const auto aggregate = AggregateOf(column);
    ASSERT_THAT(aggregate, IsOk());
    const auto result = (*aggregate)(column, one.stored, one.incoming);
    ASSERT_THAT(result, IsOk());
    const auto* number = std::get_if<double>(&result->data);
    if (number != nullptr && std::isnan(*number)) {
      EXPECT_TRUE(std::isnan(one.result.As<double>())) << one.function;
    } else {
      EXPECT_EQ(*result, one.result) << one.function << " " << one.type.ToString();
    }
  }
}

TEST(Aggregate, ADecimalThatNoLongerFitsIsRefused) {
  model::Column column = ColumnOf("c", DecimalType(3, 2), 0);
  column.agg_function = {"sum", {}};
  EXPECT_THAT(
      (*AggregateOf(column))(column, Value{record::Decimal{900}}, Value{record::Decimal{100}}),
      IsError(ErrorCode::kUnknownServerError));
}

TEST(Aggregate, ListsTakeTheirDelimiterAndBitmapsTheirUnion) {
  model::Column column = ColumnOf("c", model::MakeType(TypeRoot::kString), 0);
  column.agg_function = {"listagg", {{"delimiter", "; "}}};
  EXPECT_EQ(*(*AggregateOf(column))(column, Text("a"), Text("b")), Text("a; b"));

  column.type = model::MakeType(TypeRoot::kBytes);
  column.agg_function = {"rbm32", {}};
  // {1, 2} and {2, 65536}, in the portable form.
  const Value one{
      FromHex("3a300000010000000000010010000000"
              "01000200")};
  const Value two{
      FromHex("3a300000020000000000000001000000"
              "18000000"
              "1a000000"
              "0200"
              "0000")};
  const auto both = (*AggregateOf(column))(column, one, two);
  ASSERT_THAT(both, IsOk());
  EXPECT_EQ(*(*AggregateOf(column))(column, *both, one), *both);
  EXPECT_THAT((*AggregateOf(column))(column, one, Text("no bitmap")),
              IsError(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace strom::kv
