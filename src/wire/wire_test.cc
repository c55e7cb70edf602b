#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "testing/matchers.h"
#include "testing/vectors.h"
#include "wire/api_keys.h"
#include "wire/codec.h"
#include "wire/messages.h"

namespace strom::wire {
namespace {

using testing::IsError;
using testing::IsOk;

Bytes Joined(const std::vector<SharedBytes>& parts) {
  Bytes all;
  for (const SharedBytes& part : parts) all += part.view();
  return all;
}

template <class Message>
void ExpectComesBack(const Bytes& body, const std::string& what) {
  const auto message = Decode<Message>(SharedBytes::Own(body));
  ASSERT_THAT(message, IsOk()) << what;
  EXPECT_EQ(ToHex(Joined(Encode(*message))), ToHex(body)) << what;
  EXPECT_EQ(message->EncodedSize(), body.size()) << what;
}

TEST(Messages, FramesOfTheRealSystemComeBackByteForByte) {
  const std::map<std::string, void (*)(const Bytes&, const std::string&)> known{
      {"ApiVersionsRequest", ExpectComesBack<ApiVersionsRequest>},
      {"ApiVersionsResponse", ExpectComesBack<ApiVersionsResponse>},
      {"MetadataRequest", ExpectComesBack<MetadataRequest>},
      {"MetadataResponse", ExpectComesBack<MetadataResponse>},
      {"ProduceLogRequest", ExpectComesBack<ProduceLogRequest>},
      {"ProduceLogResponse", ExpectComesBack<ProduceLogResponse>},
      {"FetchLogRequest", ExpectComesBack<FetchLogRequest>},
      {"FetchLogResponse", ExpectComesBack<FetchLogResponse>},
      {"CreateTableRequest", ExpectComesBack<CreateTableRequest>},
      {"ListOffsetsRequest", ExpectComesBack<ListOffsetsRequest>},
      {"ListOffsetsResponse", ExpectComesBack<ListOffsetsResponse>},
      {"PutKvRequest", ExpectComesBack<PutKvRequest>},
      {"LookupRequest", ExpectComesBack<LookupRequest>},
      {"LookupResponse", ExpectComesBack<LookupResponse>},
      {"InitWriterRequest", ExpectComesBack<InitWriterRequest>},
      {"InitWriterResponse", ExpectComesBack<InitWriterResponse>},
      {"ErrorResponse", ExpectComesBack<ErrorResponse>},
      {"AuthenticateRequest", ExpectComesBack<AuthenticateRequest>},
      {"AuthenticateResponse", ExpectComesBack<AuthenticateResponse>},
      {"LakeTieringHeartbeatRequest", ExpectComesBack<LakeTieringHeartbeatRequest>},
      {"LakeTieringHeartbeatResponse", ExpectComesBack<LakeTieringHeartbeatResponse>},
      {"GetLakeSnapshotResponse", ExpectComesBack<GetLakeSnapshotResponse>}};
  size_t checked = 0;
  for (const Json& vector : testing::LoadVectors("rpc")["frames"]) {
    const auto it = known.find(vector.value("message", ""));
    const std::string kind = vector["kind"].get<std::string>();
    if (it == known.end() || kind == "server_failure") continue;
    const Bytes frame = FromHex(vector["frame"].get<std::string>());
    it->second(frame.substr(kind == "request" ? 12 : 9), vector.dump().substr(0, 200));
    ++checked;
  }
  EXPECT_GT(checked, 5U);
}

TEST(ApiKeys, AreThoseOfTheRealSystem) {
  for (const Json& vector : testing::LoadVectors("rpc")["api_keys"]) {
    const auto key = static_cast<ApiKey>(vector["id"].get<int16_t>());
    EXPECT_EQ(NameOf(key), vector["name"].get<std::string>());
  }
}

TEST(Errors, CodesAreThoseOfTheRealSystem) {
  for (const Json& vector : testing::LoadVectors("rpc")["errors"]) {
    const auto code = static_cast<ErrorCode>(vector["code"].get<int32_t>());
    EXPECT_EQ(IsRetriable(code), vector["retriable"].get<bool>()) << vector["name"];
    EXPECT_STRNE(NameOf(code), "ERROR") << vector["name"];
  }
}

TEST(Decoder, RefusesWhatLacksARequiredField) {
  EXPECT_THAT(Decode<ApiVersionsRequest>(SharedBytes::Own(FromHex("0a0131"))),
              IsError(ErrorCode::kCorruptMessage));
}

TEST(Decoder, SkipsFieldsItDoesNotKnow) {
  Encoder out;
  EncodeInt64(out, 99 << 3, 5);
  EncodeString(out, 98 << 3 | 2, "text");
  EncodeBool(out, 1 << 3, true);
  EXPECT_THAT(Decode<DatabaseExistsResponse>(SharedBytes::Own(Joined(out.Take()))), IsOk());
}

TEST(Decoder, RefusesMessagesNestedWithoutEnd) {
  Bytes inner;
  for (int i = 0; i < 200; ++i) {  // a predicate in a compound in a predicate ...
    Bytes next("\x08\x01\x1a", 3);
    Bytes compound("\x08\x00", 2);
    compound += "\x12";
    AppendVarint(compound, inner.size());
    compound += inner;
    AppendVarint(next, compound.size());
    inner = next + compound;
  }
  EXPECT_THAT(Decode<PbPredicate>(SharedBytes::Own(inner)), IsError(ErrorCode::kCorruptMessage));
}

RC_GTEST_PROP(Decoder, NoBytesMakeItReadOutsideOrThrow, (const std::string& bytes)) {
  (void)Decode<FetchLogRequest>(SharedBytes::Own(bytes));
  (void)Decode<ProduceLogRequest>(SharedBytes::Own(bytes));
  (void)Decode<MetadataResponse>(SharedBytes::Own(bytes));
}

RC_GTEST_PROP(Codec, WhatWasEncodedComesBack,
              (const std::vector<int32_t>& fields, int64_t id, const std::string& records,
               bool flag)) {
  FetchLogRequest request;
  request.follower_server_id = -1;
  request.max_bytes = static_cast<int32_t>(id);
  PbFetchLogReqForTable& table = request.tables_req.emplace_back();
  table.table_id = id;
  table.projection_pushdown_enabled = flag;
  table.projected_fields = fields;
  const auto again = Decode<FetchLogRequest>(SharedBytes::Own(Joined(Encode(request))));
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->tables_req[0].projected_fields == fields);
  RC_ASSERT(again->tables_req[0].table_id == id);
  RC_ASSERT(again->max_bytes == request.max_bytes);
  FetchLogResponse response;
  response.tables_resp.emplace_back().buckets_resp.emplace_back().records =
      SharedBytes::Own(records);
  const auto fetched = Decode<FetchLogResponse>(SharedBytes::Own(Joined(Encode(response))));
  RC_ASSERT(fetched->tables_resp[0].buckets_resp[0].records->view() == records);
}

}  // namespace
}  // namespace strom::wire
