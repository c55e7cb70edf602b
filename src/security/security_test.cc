#include <gtest/gtest.h>

#include "security/authorizer.h"
#include "security/sasl.h"
#include "testing/matchers.h"

namespace strom::security {
namespace {

using testing::IsError;
using testing::IsOk;

const model::TablePath kOrders{"shop", "orders"};
const Caller kBob{{"User", "bob"}, "10.0.0.7", false};

Authorizer Strict(Authorizer::Options options = {}) {
  options.enabled = true;
  return Authorizer(std::move(options));
}

AclRules Give(const Resource& resource, Operation operation, Principal to = kBob.principal,
              std::string host = "*") {
  return {{resource, {AclEntry{std::move(to), std::move(host), operation}}}};
}

TEST(Authorizer, NobodyMayWithoutARight) {
  const Resource table = Resource::Table(kOrders);
  EXPECT_FALSE(Strict().Allows({}, kBob, Operation::kRead, table));
  EXPECT_TRUE(Authorizer({}).Allows({}, kBob, Operation::kRead, table)) << "when it is off";
  const Status denied = Strict().Check({}, kBob, Operation::kRead, table);
  ASSERT_THAT(denied, IsError(ErrorCode::kAuthorization));
  EXPECT_NE(denied.error().message.find("User:bob may not READ table shop.orders"),
            std::string::npos);
}

TEST(Authorizer, ARightHoldsForWhatIsInside) {
  const Resource table = Resource::Table(kOrders);
  for (const Resource& place : {table, Resource::Database("shop"), Resource::Cluster(),
                                Resource{ResourceType::kTable, "*"}}) {
    EXPECT_TRUE(Strict().Allows(Give(place, Operation::kRead), kBob, Operation::kRead, table));
    EXPECT_FALSE(Strict().Allows(Give(place, Operation::kRead), kBob, Operation::kWrite, table));
  }
  EXPECT_FALSE(Strict().Allows(Give({ResourceType::kDatabase, "*"}, Operation::kRead), kBob,
                               Operation::kRead, table))
      << "every database is not every table";
  EXPECT_FALSE(Strict().Allows(Give(Resource::Database("sho"), Operation::kRead), kBob,
                               Operation::kRead, table));
  EXPECT_FALSE(Strict().Allows(Give(table, Operation::kRead), kBob, Operation::kRead,
                               Resource::Database("shop")));
}

TEST(Authorizer, AllIsEverythingAndEverythingImpliesDescribe) {
  const Resource table = Resource::Table(kOrders);
  for (const Operation wanted : {Operation::kRead, Operation::kWrite, Operation::kCreate,
                                 Operation::kDrop, Operation::kAlter, Operation::kDescribe}) {
    EXPECT_TRUE(Strict().Allows(Give(table, Operation::kAll), kBob, wanted, table));
    EXPECT_TRUE(Strict().Allows(Give(table, wanted), kBob, Operation::kDescribe, table));
    EXPECT_FALSE(Strict().Allows(Give(table, wanted), kBob, Operation::kAll, table));
  }
}

TEST(Authorizer, PrincipalsAndHostsMustFit) {
  const Resource table = Resource::Table(kOrders);
  EXPECT_TRUE(
      Strict().Allows(Give(table, Operation::kRead, {"*", "*"}), kBob, Operation::kRead, table));
  EXPECT_FALSE(Strict().Allows(Give(table, Operation::kRead, {"User", "eve"}), kBob,
                               Operation::kRead, table));
  EXPECT_FALSE(Strict().Allows(Give(table, Operation::kRead, {"Role", "bob"}), kBob,
                               Operation::kRead, table));
  EXPECT_FALSE(Strict().Allows(Give(table, Operation::kRead, {"User", "BOB"}), kBob,
                               Operation::kRead, table));
  Authorizer::Options loose;
  loose.ignore_case = true;
  EXPECT_TRUE(Strict(loose).Allows(Give(table, Operation::kRead, {"User", "BOB"}), kBob,
                                   Operation::kRead, table));
  EXPECT_TRUE(Strict().Allows(Give(table, Operation::kRead, kBob.principal, kBob.host), kBob,
                              Operation::kRead, table));
  EXPECT_FALSE(Strict().Allows(Give(table, Operation::kRead, kBob.principal, "10.0.0.8"), kBob,
                               Operation::kRead, table));
}

TEST(Authorizer, SuperUsersAndServersMayEverything) {
  Authorizer::Options options;
  options.super_users = *SuperUsersIn("User:root; User:bob");
  EXPECT_TRUE(Strict(options).Allows({}, kBob, Operation::kAll, Resource::Cluster()));
  EXPECT_TRUE(Strict().Allows({}, {{}, "", true}, Operation::kAll, Resource::Cluster()));
  EXPECT_THAT(SuperUsersIn("User:"), IsError(ErrorCode::kInvalidArgument));
}

TEST(Acls, SurviveTheirDocument) {
  const std::set<AclEntry> entries{{{"User", "bob"}, "*", Operation::kRead},
                                   {{"User", "eve"}, "127.0.0.1", Operation::kAll}};
  EXPECT_EQ(AclsToJson({*entries.begin()}),
            R"({"version":1,"acls":[{"principal_type":"User","principal_name":"bob",)"
            R"("permission_type":"ALLOW","host":"*","operation":"READ"}]})");
  EXPECT_EQ(*AclsFromJson(AclsToJson(entries)), entries);
  for (
      const char* bad :
      {"", "[]", "{}", R"({"acls":[{}]})",
       R"({"acls":[{"principal_type":"User","principal_name":"a","permission_type":"DENY","host":"*","operation":"READ"}]})"}) {
    EXPECT_THAT(AclsFromJson(bad), IsError(ErrorCode::kCorrupt)) << bad;
  }
}

TEST(Acls, FiltersMatchWhatTheyLeaveOpen) {
  const AclEntry entry{{"User", "bob"}, "*", Operation::kRead};
  const Resource table = Resource::Table(kOrders);
  AclFilter filter;
  EXPECT_TRUE(filter.Matches(table) && filter.Matches(entry));
  filter.resource = "other";
  EXPECT_TRUE(filter.Matches(table)) << "a name counts with a type only";
  filter.type = ResourceType::kTable;
  EXPECT_FALSE(filter.Matches(table));
  filter.principal_name = "eve";
  EXPECT_FALSE(filter.Matches(entry));
}

TEST(Sasl, UsersOfAJaasText) {
  const auto users = PasswordsInJaas(
      "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required "
      "user_admin=\"admin pass;\" user_bob=\"x\";");
  EXPECT_THAT(users, IsError(ErrorCode::kInvalidConfig)) << "a second ; is a second module";
  const auto good = PasswordsInJaas(
      " org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required\n user_admin=\"admin "
      "pass\"  user_bob=\"x\"; ");
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(*good, (Passwords{{"admin", "admin pass"}, {"bob", "x"}}));
  for (const char* bad :
       {"", "PlainLoginModule required", "Other required user_a=\"b\";",
        "PlainLoginModule required user_a=b;", "PlainLoginModule required user_a=\"b;"}) {
    EXPECT_THAT(PasswordsInJaas(bad), IsError(ErrorCode::kInvalidConfig)) << bad;
  }
}

TEST(Sasl, UsersOfAList) {
  EXPECT_EQ(*PasswordsInList("bob:secret, eve:p@ss word"),
            (Passwords{{"bob", "secret"}, {"eve", "p@ss word"}}));
  EXPECT_TRUE(PasswordsInList("")->empty());
  for (const char* bad : {"bob", "bob:", ":x", "b-b:x", "bob:a:b", "bob:a\"b"}) {
    const auto users = PasswordsInList(bad);
    EXPECT_THAT(users, IsError(ErrorCode::kInvalidConfig)) << bad;
  }
  EXPECT_EQ(*PasswordsInList(ToList({{"a", "1"}, {"b", "2"}})),
            (Passwords{{"a", "1"}, {"b", "2"}}));
}

TEST(Sasl, TokensProveAUser) {
  const Passwords known{{"bob", "secret"}};
  EXPECT_EQ(*AuthenticatePlain(known, PlainToken("bob", "secret")), "bob");
  const auto token = [](const char* text, size_t size) { return ByteView(text, size); };
  EXPECT_EQ(*AuthenticatePlain(known, token("bob\0bob\0secret", 14)), "bob");
  EXPECT_THAT(AuthenticatePlain(known, token("eve\0bob\0secret", 14)),
              IsError(ErrorCode::kAuthenticate));
  for (const Bytes& bad :
       {PlainToken("bob", "secre"), PlainToken("bob", "secrets"), PlainToken("bob", ""),
        PlainToken("", "secret"), PlainToken("eve", "secret"), Bytes("bob"), Bytes(),
        Bytes(2, '\0'), PlainToken("bob\xff", "x")}) {
    EXPECT_THAT(AuthenticatePlain(known, bad), IsError(ErrorCode::kAuthenticate));
  }
}

}  // namespace
}  // namespace strom::security
