#include "sql/dialect.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sql/moment.h"
#include "sql/statement.h"
#include "testing/matchers.h"

namespace strom::sql {
namespace {

using testing::IsError;
using testing::IsOk;

Result<std::string> Spelled(std::string_view statement) {
  STROM_ASSIGN(const std::vector<Token> tokens, Tokenize(statement));
  return ToDuckDb(statement, tokens);
}

TEST(ToDuckDb, NamesAreQuotedAsDuckDbWants) {
  EXPECT_EQ(Spelled("SELECT `a b`, c FROM `d`.t$lake"), "SELECT \"a b\", c FROM \"d\".\"t$lake\"");
  EXPECT_EQ(Spelled("SELECT '/*+ x */ `y`' -- `z`\n FROM t"),
            "SELECT '/*+ x */ `y`' -- `z`\n FROM t");
}

TEST(ToDuckDb, LookupJoinsAreTold) {
  const std::string told = QuoteName(NameWith("c", {{}, {}, {}, /*lookup=*/true}));
  for (const char* time : {"`o`.`ptime`", "o.ptime", "ptime", "PROCTIME()"}) {
    EXPECT_EQ(Spelled(std::string("SELECT 1 FROM o JOIN c FOR SYSTEM_TIME AS OF ") + time +
                      " AS x ON o.k = x.k"),
              "SELECT 1 FROM o JOIN " + told + " AS x ON o.k = x.k");
  }
  EXPECT_THAT(Spelled("SELECT * FROM t FOR SYSTEM_TIME AS OF (SELECT 1)"),
              IsError(ErrorCode::kUnsupported));
}

TEST(ToDuckDb, OptionsTravelWithTheName) {
  const auto spelled =
      Spelled("SELECT * FROM db.t /*+ OPTIONS('scan.startup.mode' = 'earliest') */ WHERE a = 1");
  ASSERT_THAT(spelled, IsOk());
  const auto tokens = Tokenize(*spelled);
  const auto name = std::ranges::find_if(
      *tokens, [](const Token& token) { return token.kind == Token::Kind::kQuotedName; });
  ASSERT_NE(name, tokens->end());
  const auto split = SplitName(name->text);
  ASSERT_THAT(split, IsOk());
  EXPECT_EQ(split->first, "t");
  EXPECT_EQ(split->second.hints.at("scan.startup.mode"), "earliest");
  EXPECT_NE(spelled->find(" AS \"t\""), std::string::npos) << "it is called as before";
  EXPECT_NE(spelled->find("WHERE a = 1"), std::string::npos);
  EXPECT_THAT(Spelled("SELECT * FROM t /*+ OPTIONS('bucket.num' = '1') */"),
              IsError(ErrorCode::kUnsupported));
  EXPECT_EQ(Spelled("SELECT /*+ BROADCAST(c) */ a FROM t"), "SELECT  a FROM t");
}

RC_GTEST_PROP(SplitName, GivesBackWhatNameWithWasGiven,
              (const std::map<std::string, std::string>& hints, int64_t version)) {
  ReadOptions options;
  for (const auto& [key, value] : hints) {
    // JSON is UTF-8.
    const auto plain = [](char c) { return c > 0; };
    if (std::ranges::all_of(key, plain) && std::ranges::all_of(value, plain))
      options.hints[key] = value;
  }
  options.version = version;
  const auto split = SplitName(NameWith("t$lake", options));
  RC_ASSERT(split.has_value());
  RC_ASSERT(split->first == "t$lake");
  RC_ASSERT(split->second.hints == options.hints);
  RC_ASSERT(split->second.version == version);
}

TEST(ParseStatement, WantsUtf8) {
  EXPECT_THAT(ParseStatement("SELECT 'z\xFCrich'"), IsError(ErrorCode::kInvalidArgument));
  EXPECT_THAT(ParseStatement("SELECT * FROM t FOR SYSTEM_TIME AS OF '\xC5'"),
              IsError(ErrorCode::kInvalidArgument));
}

RC_GTEST_PROP(ParseStatement, NoTextMakesItThrow, (const std::string& text)) {
  (void)ParseStatement(text);
  (void)ParseStatement("SELECT * FROM t /*+" + text);
  (void)ParseStatement("SELECT * FROM t FOR SYSTEM_TIME AS OF " + text);
}

TEST(ColumnsComparedEqual, AreThoseBesideAConstant) {
  const auto found = [](std::string_view text) { return ColumnsComparedEqual(*Tokenize(text)); };
  EXPECT_EQ(found("SELECT * FROM t WHERE a = 1 AND t.b = 'x' AND c = d AND 5 = x.e AND f = -3"),
            (std::set<std::string>{"a", "b", "e", "f"}));
  EXPECT_TRUE(found("SELECT * FROM t WHERE a > 1").empty());
}

TEST(ParseMoment, ReadsTimesAndRefusesWhatIsNone) {
  EXPECT_EQ(ParseMoment("1970-01-02").value(), 86'400'000);
  EXPECT_EQ(ParseMoment("2024-02-29 12:30").value(), 1'709'209'800'000);
  EXPECT_EQ(ParseMoment("2024-02-29T12:30:01.5").value(), 1'709'209'801'500);
  EXPECT_EQ(ParseMoment("1700000000123").value(), 1'700'000'000'123);
  for (const char* bad : {"", "yesterday", "2023-02-29", "2024-02-29 25:00", "2024-02-29 12:30:01.",
                          "2024-2-9", "2024-02-29 12:30:01Z"})
    EXPECT_THAT(ParseMoment(bad), IsError(ErrorCode::kInvalidArgument)) << bad;
}

TEST(StartingPointIn, KnowsTheModes) {
  EXPECT_EQ(StartingPointIn({})->kind, StartingPoint::Kind::kFull);
  EXPECT_EQ(StartingPointIn({{"scan.startup.mode", "latest"}})->kind, StartingPoint::Kind::kLatest);
  EXPECT_THAT(StartingPointIn({{"scan.startup.mode", "timestamp"}}),
              IsError(ErrorCode::kInvalidArgument));
  EXPECT_EQ(StartingPointIn({{"scan.startup.mode", "timestamp"}, {"scan.startup.timestamp", "5"}})
                ->timestamp,
            5);
}

}  // namespace
}  // namespace strom::sql
