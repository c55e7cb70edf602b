#include <memory>
#include <numeric>

#include "record/arrow_layout.h"
#include "record/log_batch.h"
#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

std::unexpected<Error> UnknownBucket(const model::TableBucket& bucket) {
  return Err(ErrorCode::kUnknownTableOrBucket, "{} is not on this server", bucket.ToString());
}

/// Runs `work(shard, items)` once on each shard that owns some of `buckets`, with the indexes of
/// those, and `done` on the connection's shard when all have run.
template <class Work, class Done>
void FanOut(Server& server, runtime::Loop& home, const std::vector<model::TableBucket>& buckets,
            Work work, Done done) {
  if (server.replicas().shard_count() == 1) {  // nowhere else to go: no need to share anything
    std::vector<size_t> all(buckets.size());
    std::iota(all.begin(), all.end(), size_t{0});
    work(server.replicas().at(0), all);
    return done();
  }
  std::vector<std::vector<size_t>> by_shard(server.replicas().shard_count());
  for (size_t i = 0; i < buckets.size(); ++i)
    by_shard[server.replicas().OwnerOf(buckets[i])].push_back(i);
  auto left = std::make_shared<std::atomic<size_t>>(by_shard.size());
  auto shared_work = std::make_shared<Work>(std::move(work));
  auto shared_done = std::make_shared<Done>(std::move(done));
  const auto finish_one = [left, shared_done, &home] {
    if (--*left == 0) home.Run([shared_done] { (*shared_done)(); });
  };
  for (size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) {
      finish_one();
      continue;
    }
    server.replicas().LoopOf(shard).Run(
        [&server, shard, items = std::move(by_shard[shard]), shared_work, finish_one] {
          (*shared_work)(server.replicas().at(shard), items);
          finish_one();
        });
  }
}

/// Checks what only the table can tell: that each batch has a schema of the table and, in ARROW
/// tables, data of its shape. A batch that passes can be read by every consumer.
Status CheckBatches(const meta::TableEntry& table, ByteView bytes) {
  record::LogBatches batches(bytes);
  while (true) {
    STROM_ASSIGN(const auto batch, batches.Next());
    if (!batch) return {};
    const model::Schema* schema = table.SchemaOf(batch->schema_id());
    if (schema == nullptr) {
      return Err(ErrorCode::kSchemaNotExist, "table {} has no schema {}",
                 table.info.path.ToString(), batch->schema_id());
    }
    if (!batch->append_only()) {
      return Err(ErrorCode::kCorruptRecord, "a batch for the log table {} has change types",
                 table.info.path.ToString());
    }
    if (batch->record_count() <= 0) {
      return Err(ErrorCode::kCorruptRecord, "a batch for the log table {} has {} records",
                 table.info.path.ToString(), batch->record_count());
    }
    if (table.info.options.log_format == model::LogFormat::kArrow) {
      STROM_ASSIGN(const record::ArrowLayout layout, record::ReadArrowLayout(batch->payload()));
      STROM_TRY(record::CheckLayout(layout, *schema, batch->record_count()));
    }
  }
}

struct Produce {
  explicit Produce(Call c) : call(std::move(c)) {}
  Call call;
  wire::ProduceLogRequest request;
  wire::ProduceLogResponse response;
};

Result<int64_t> AppendOne(replica::ShardReplicas& shard, const model::TableBucket& bucket,
                          const SharedBytes& records, Millis now) {
  const meta::TableEntry* table = shard.view()->Find(bucket.table_id);
  replica::Replica* const replica = shard.Find(bucket);
  if (table == nullptr || replica == nullptr) return UnknownBucket(bucket);
  if (table->info.descriptor.has_primary_key()) {
    return Err(ErrorCode::kInvalidTable, "table {} has a primary key: rows are put, not appended",
               table->info.path.ToString());
  }
  STROM_ASSIGN(const SharedBytes plain, record::ToMagic0(records));
  STROM_TRY(CheckBatches(*table, plain.view()));
  STROM_ASSIGN(const auto appended, replica->Append(plain.view(), now));
  return appended.first_offset;
}

}  // namespace

void InitWriter(Server& server, Call call) {
  AnswerOnCoordinator<wire::InitWriterRequest>(
      server, std::move(call),
      [](MetaService& meta, const wire::InitWriterRequest&) -> Result<wire::InitWriterResponse> {
        STROM_ASSIGN(const int64_t id, meta.NextWriterId());
        return wire::InitWriterResponse{id};
      });
}

void ProduceLog(Server& server, Call call) {
  auto request = call.Decode<wire::ProduceLogRequest>();
  if (!request) return call.Fail(request.error());
  if (request->acks < -1 || request->acks > 1) {
    return call.Fail(Error{ErrorCode::kInvalidRequiredAcks,
                           fmt::format("acks must be -1, 0 or 1, not {}", request->acks)});
  }
  runtime::Loop& home = call.loop();
  auto produce = std::make_shared<Produce>(std::move(call));
  produce->request = std::move(*request);
  const auto& parts = produce->request.buckets_req;
  produce->response.buckets_resp.resize(parts.size());
  std::vector<model::TableBucket> buckets;
  for (const auto& part : parts) buckets.push_back(BucketOf(produce->request.table_id, part));

  FanOut(
      server, home, buckets,
      [produce, buckets, &server](replica::ShardReplicas& shard, const std::vector<size_t>& items) {
        for (const size_t i : items) {
          wire::PbProduceLogRespForBucket& answer = produce->response.buckets_resp[i];
          answer.partition_id = PartitionOf(buckets[i]);
          answer.bucket_id = buckets[i].bucket;
          const auto offset = AppendOne(shard, buckets[i], produce->request.buckets_req[i].records,
                                        server.clock().Now());
          if (offset) {
            answer.base_offset = *offset;
          } else {
            SetError(answer, offset.error());
          }
        }
      },
      [produce] { produce->call.Reply<wire::ProduceLogResponse>(std::move(produce->response)); });
}

namespace {

struct Offsets {
  explicit Offsets(Call c) : call(std::move(c)) {}
  Call call;
  wire::ListOffsetsRequest request;
  wire::ListOffsetsResponse response;
};

Result<int64_t> OffsetOf(const wire::ListOffsetsRequest& request, replica::Replica& replica,
                         Millis now) {
  switch (request.offset_type) {
    case 0: return replica.log().start_offset();
    case 1:
      return request.follower_server_id >= 0 ? replica.log().end_offset()
                                             : replica.high_watermark();
    case 2: {
      if (!request.start_timestamp)
        return Err(ErrorCode::kInvalidTimestamp, "an offset by timestamp needs startTimestamp");
      const Millis timestamp = *request.start_timestamp;
      if (timestamp > now) {
        return Err(ErrorCode::kInvalidTimestamp, "the timestamp {} lies in the future, it is {}",
                   timestamp, now);
      }
      return replica.log().OffsetForTimestamp(timestamp);
    }
    case 3: return replica.log().end_offset();
    default:
      return Err(ErrorCode::kUnknownServerError, "unknown offset type {}", request.offset_type);
  }
}

}  // namespace

void ListOffsets(Server& server, Call call) {
  auto request = call.Decode<wire::ListOffsetsRequest>();
  if (!request) return call.Fail(request.error());
  runtime::Loop& home = call.loop();
  auto offsets = std::make_shared<Offsets>(std::move(call));
  offsets->request = std::move(*request);
  std::vector<model::TableBucket> buckets;
  for (const int32_t id : offsets->request.bucket_id) {
    buckets.push_back({offsets->request.table_id,
                       offsets->request.partition_id.value_or(model::kNoPartition), id});
  }
  offsets->response.buckets_resp.resize(buckets.size());
  FanOut(
      server, home, buckets,
      [offsets, buckets, &server](replica::ShardReplicas& shard, const std::vector<size_t>& items) {
        for (const size_t i : items) {
          wire::PbListOffsetsRespForBucket& answer = offsets->response.buckets_resp[i];
          answer.bucket_id = buckets[i].bucket;
          replica::Replica* const replica = shard.Find(buckets[i]);
          const Result<int64_t> offset =
              replica == nullptr ? Result<int64_t>(UnknownBucket(buckets[i]))
                                 : OffsetOf(offsets->request, *replica, server.clock().Now());
          if (offset) {
            answer.offset = *offset;
          } else {
            SetError(answer, offset.error());
          }
        }
      },
      [offsets] { offsets->call.Reply<wire::ListOffsetsResponse>(std::move(offsets->response)); });
}

namespace {

struct Scan {
  explicit Scan(Call c) : call(std::move(c)) {}
  Call call;
  wire::LimitScanRequest request;
  wire::LimitScanResponse response;
};

Result<SharedBytes> LastRows(replica::ShardReplicas& shard, const model::TableBucket& bucket,
                             int32_t limit) {
  replica::Replica* const replica = shard.Find(bucket);
  if (replica == nullptr) return UnknownBucket(bucket);
  if (limit <= 0) return Err(ErrorCode::kInvalidConfig, "a limit of {} rows makes no sense", limit);
  const int64_t from = std::max(replica->log().start_offset(), replica->high_watermark() - limit);
  Bytes all;
  for (int64_t offset = from; offset < replica->high_watermark();) {
    constexpr int64_t kStep = 4 << 20;
    STROM_ASSIGN(const SharedBytes part,
                 replica->log().Read(offset, {kStep, replica->high_watermark(), true}));
    record::LogBatches batches(part.view());
    const int64_t before = offset;
    while (true) {
      STROM_ASSIGN(const auto batch, batches.Next());
      if (!batch) break;
      offset = batch->next_offset();
    }
    if (offset == before) break;
    all += part.view();
  }
  return SharedBytes::Own(std::move(all));
}

}  // namespace

void LimitScan(Server& server, Call call) {
  auto request = call.Decode<wire::LimitScanRequest>();
  if (!request) return call.Fail(request.error());
  runtime::Loop& home = call.loop();
  auto scan = std::make_shared<Scan>(std::move(call));
  scan->request = *request;
  const model::TableBucket bucket = BucketOf(request->table_id, *request);
  FanOut(
      server, home, {bucket},
      [scan, bucket](replica::ShardReplicas& shard, const std::vector<size_t>&) {
        auto rows = LastRows(shard, bucket, scan->request.limit);
        if (rows) {
          scan->response.is_log_table = true;
          scan->response.records = std::move(*rows);
        } else {
          SetError(scan->response, rows.error());
        }
      },
      [scan] { scan->call.Reply<wire::LimitScanResponse>(std::move(scan->response)); });
}

namespace {

struct Stats {
  explicit Stats(Call c) : call(std::move(c)) {}
  Call call;
  wire::GetTableStatsResponse response;
};

}  // namespace

void GetTableStats(Server& server, Call call) {
  auto request = call.Decode<wire::GetTableStatsRequest>();
  if (!request) return call.Fail(request.error());
  runtime::Loop& home = call.loop();
  auto stats = std::make_shared<Stats>(std::move(call));
  std::vector<model::TableBucket> buckets;
  for (const auto& part : request->buckets_req)
    buckets.push_back(BucketOf(request->table_id, part));
  stats->response.buckets_resp.resize(buckets.size());
  FanOut(
      server, home, buckets,
      [stats, buckets](replica::ShardReplicas& shard, const std::vector<size_t>& items) {
        for (const size_t i : items) {
          wire::PbTableStatsRespForBucket& answer = stats->response.buckets_resp[i];
          answer.partition_id = PartitionOf(buckets[i]);
          answer.bucket_id = buckets[i].bucket;
          const replica::Replica* const replica = shard.Find(buckets[i]);
          if (replica != nullptr) {
            answer.row_count = replica->high_watermark() - replica->log().start_offset();
          } else {
            SetError(answer, UnknownBucket(buckets[i]).error());
          }
        }
      },
      [stats] { stats->call.Reply<wire::GetTableStatsResponse>(std::move(stats->response)); });
}

}  // namespace strom::server
