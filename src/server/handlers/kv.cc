#include "record/kv_batch.h"
#include "server/handlers/by_bucket_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

constexpr int32_t kOverwriteMode = 1;  // PUT_KV's agg_mode

/// Errors: kUnknownTableOrBucket, kNonPrimaryKeyTable.
Result<Here> FindKeys(replica::ShardReplicas& shard, const model::TableBucket& bucket) {
  STROM_ASSIGN(const Here here, FindHere(shard, bucket));
  if (here.replica.kv() == nullptr) {
    return Err(ErrorCode::kNonPrimaryKeyTable, "table {} has no primary key",
               here.table.info.path.ToString());
  }
  return here;
}

/// Clients of version 0 encode keys as kv format version 1 has them, which a table of version 2
/// with its own bucket key does not understand.
Status CheckKeyEncoding(const meta::TableEntry& table, int16_t version) {
  const model::TableInfo& info = table.info;
  const bool own_bucket_key = info.descriptor.bucket_keys != info.descriptor.PhysicalPrimaryKey();
  if (version == 0 && info.options.lake_enabled && info.options.kv_format_version >= 2 &&
      own_bucket_key) {
    return Err(ErrorCode::kUnsupportedVersion,
               "the keys of table {} need a client that knows version 1 of this request",
               info.path.ToString());
  }
  return {};
}

std::vector<ByteView> Views(const std::vector<SharedBytes>& keys) {
  std::vector<ByteView> views;
  views.reserve(keys.size());
  for (const SharedBytes& key : keys) views.push_back(key.view());
  return views;
}

}  // namespace

void PutKv(Server& server, Call call) {
  auto request = call.Decode<wire::PutKvRequest>();
  if (!request) return call.Fail(request.error());
  if (const Status acks = CheckAcks(request->acks); !acks) return call.Fail(acks.error());
  const int16_t version = call.header().version;
  AnswerByBucket(
      server, std::move(call), std::move(*request),
      [&server, version](replica::ShardReplicas& shard, const model::TableBucket& bucket,
                         const wire::PutKvRequest& put, size_t i, auto& answer) -> Status {
        STROM_ASSIGN(const Here here, FindKeys(shard, bucket));
        STROM_TRY(CheckKeyEncoding(here.table, version));
        const kv::MergeRequest merge{put.target_columns, put.agg_mode == kOverwriteMode};
        STROM_ASSIGN(
            answer.log_end_offset,
            server.replicas().PutKv(shard, here.replica, put.buckets_req[i].records.view(), merge));
        return {};
      });
}

void Lookup(Server& server, Call call) {
  auto request = call.Decode<wire::LookupRequest>();
  if (!request) return call.Fail(request.error());
  const int16_t version = call.header().version;
  AnswerByBucket(
      server, std::move(call), std::move(*request),
      [&server, version](replica::ShardReplicas& shard, const model::TableBucket& bucket,
                         const wire::LookupRequest& lookup, size_t i, auto& answer) -> Status {
        STROM_ASSIGN(const Here here, FindKeys(shard, bucket));
        STROM_TRY(CheckKeyEncoding(here.table, version));
        const std::vector<ByteView> keys = Views(lookup.buckets_req[i].keys);
        if (lookup.insert_if_not_exists.value_or(false))
          STROM_TRY(server.replicas().PutMissing(shard, here.replica, keys));
        STROM_ASSIGN(auto values, here.replica.kv()->Get(keys));
        for (auto& value : values) {
          wire::PbValue& one = answer.values.emplace_back();
          if (value) one.values = SharedBytes::Own(std::move(*value));
        }
        return {};
      });
}

void PrefixLookup(Server& server, Call call) {
  auto request = call.Decode<wire::PrefixLookupRequest>();
  if (!request) return call.Fail(request.error());
  const int16_t version = call.header().version;
  AnswerByBucket(
      server, std::move(call), std::move(*request),
      [version](replica::ShardReplicas& shard, const model::TableBucket& bucket,
                const wire::PrefixLookupRequest& lookup, size_t i, auto& answer) -> Status {
        STROM_ASSIGN(const Here here, FindKeys(shard, bucket));
        STROM_TRY(CheckKeyEncoding(here.table, version));
        for (const SharedBytes& prefix : lookup.buckets_req[i].keys) {
          wire::PbValueList& list = answer.value_lists.emplace_back();
          STROM_TRY(here.replica.kv()->ScanPrefix(prefix.view(), [&](ByteView, ByteView value) {
            list.values.push_back(SharedBytes::Own(Bytes(value)));
            return true;
          }));
        }
        return {};
      });
}

}  // namespace strom::server
