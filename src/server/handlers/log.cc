#include <memory>

#include "record/arrow_layout.h"
#include "record/kv_batch.h"
#include "record/log_batch.h"
#include "server/handlers/by_bucket_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

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

Result<int64_t> AppendOne(replica::ShardReplicas& shard, const model::TableBucket& bucket,
                          const SharedBytes& records, Millis now) {
  STROM_ASSIGN(const Here here, FindHere(shard, bucket));
  if (here.replica.kv() != nullptr) {
    return Err(ErrorCode::kInvalidTable, "table {} has a primary key: rows are put, not appended",
               here.table.info.path.ToString());
  }
  STROM_ASSIGN(const SharedBytes plain, record::ToMagic0(records));
  STROM_TRY(CheckBatches(here.table, plain.view()));
  STROM_ASSIGN(const auto appended, here.replica.Append(plain.view(), now));
  return appended.first_offset;
}

}  // namespace

void InitWriter(Server& server, Call call) {
  const Rights rights = server.RightsOf(call);
  AnswerOnCoordinator<wire::InitWriterRequest>(
      server, std::move(call),
      [rights](MetaService& meta,
               const wire::InitWriterRequest& request) -> Result<wire::InitWriterResponse> {
        const bool writes = std::ranges::any_of(request.table_path, [&](const auto& path) {
          return rights.Allow(security::Operation::kWrite, security::Resource::Table(PathOf(path)));
        });
        if (rights.enabled() && !rights.caller().internal && !writes) {
          return Err(ErrorCode::kAuthorization, "{} may not WRITE any of the tables that it named",
                     rights.caller().principal.ToString());
        }
        STROM_ASSIGN(const int64_t id, meta.NextWriterId());
        return wire::InitWriterResponse{id};
      });
}

void ProduceLog(Server& server, Call call) {
  auto request = Take<wire::ProduceLogRequest>(server, call);
  if (!request) return call.Fail(request.error());
  if (const Status acks = CheckAcks(request->acks); !acks) return call.Fail(acks.error());
  AnswerByBucket(
      server, std::move(call), std::move(*request),
      [&server](replica::ShardReplicas& shard, const model::TableBucket& bucket,
                const wire::ProduceLogRequest& produce, size_t i, auto& answer) -> Status {
        STROM_ASSIGN(answer.base_offset, AppendOne(shard, bucket, produce.buckets_req[i].records,
                                                   server.clock().Now()));
        return {};
      });
}

namespace {

/// A search by time that has to look into a file of the remote log.
struct RemoteSearch {
  std::string dir;
  model::RemoteLogSegment segment;
};

Result<int64_t> OffsetOf(const wire::ListOffsetsRequest& request, replica::Replica& replica,
                         Millis now) {
  switch (request.offset_type) {
    case 0:
      return request.follower_server_id >= 0 ? replica.log().start_offset()
                                             : replica.start_offset();
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

/// The remote segment that an answer to a search by time lies in, when it is not in the local log.
std::optional<RemoteSearch> SearchRemote(const wire::ListOffsetsRequest& request, Server& server,
                                         const Here& here) {
  constexpr int32_t kByTimestamp = 2;
  if (request.offset_type != kByTimestamp || !request.start_timestamp) return std::nullopt;
  for (const model::RemoteLogSegment& segment : here.replica.remote()->segments) {
    if (segment.first_offset() >= here.replica.log().start_offset()) break;
    if (segment.max_timestamp < *request.start_timestamp) continue;
    return RemoteSearch{server.replicas().RemoteLogDirOf(here.table, here.replica.log().bucket()),
                        segment};
  }
  return std::nullopt;
}

}  // namespace

void ListOffsets(Server& server, Call call) {
  auto request = Take<wire::ListOffsetsRequest>(server, call);
  if (!request) return call.Fail(request.error());
  runtime::Loop& home = call.loop();
  auto offsets =
      std::make_shared<Pending<wire::ListOffsetsRequest>>(std::move(call), std::move(*request));
  std::vector<model::TableBucket> buckets;
  for (const int32_t id : offsets->request.bucket_id) {
    buckets.push_back({offsets->request.table_id,
                       offsets->request.partition_id.value_or(model::kNoPartition), id});
  }
  offsets->response.buckets_resp.resize(buckets.size());
  auto remote = std::make_shared<std::vector<std::optional<RemoteSearch>>>(buckets.size());
  const auto answer_one = [offsets](size_t i, const Result<int64_t>& offset) {
    wire::PbListOffsetsRespForBucket& answer = offsets->response.buckets_resp[i];
    if (offset) {
      answer.offset = *offset;
    } else {
      SetError(answer, offset.error());
    }
  };
  FanOut(
      server, home, buckets,
      [=, &server](replica::ShardReplicas& shard, const std::vector<size_t>& items) {
        for (const size_t i : items) {
          offsets->response.buckets_resp[i].bucket_id = buckets[i].bucket;
          const auto here = FindHere(shard, buckets[i]);
          if (!here) {
            answer_one(i, std::unexpected(here.error()));
            continue;
          }
          (*remote)[i] = SearchRemote(offsets->request, server, *here);
          if (!(*remote)[i])
            answer_one(i, OffsetOf(offsets->request, here->replica, server.clock().Now()));
        }
      },
      [=, &server, &home] {
        if (std::ranges::none_of(*remote, [](const auto& search) { return search.has_value(); }))
          return offsets->Reply();
        server.replicas().InPool([=, &server, &home] {
          for (size_t i = 0; i < remote->size(); ++i) {
            if (!(*remote)[i]) continue;
            const RemoteSearch& search = *(*remote)[i];
            const auto found =
                replica::RemoteOffsetAt(server.replicas().files(), search.dir, search.segment,
                                        *offsets->request.start_timestamp);
            answer_one(i, found ? Result<int64_t>(found->value_or(search.segment.end_offset))
                                : std::unexpected(found.error()));
          }
          home.Post([offsets] { offsets->Reply(); });
        });
      });
}

namespace {

/// The end of a log whose beginning is in the remote directory.
struct RemoteRows {
  std::string dir;
  replica::RemoteLog log;
  int64_t from = 0;
  int64_t to = 0;  // here the local log begins
};

/// The rows of the local log from `from` on.
Result<SharedBytes> LocalRows(replica::Replica& replica, int64_t from) {
  Bytes all;
  for (int64_t offset = from; offset < replica.high_watermark();) {
    constexpr int64_t kStep = 4 << 20;
    STROM_ASSIGN(const SharedBytes part,
                 replica.log().Read(offset, {kStep, replica.high_watermark(), true}));
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

/// Puts the remote rows before those that are there. Waits for the disk.
Status AddRemoteRows(io::FileSystem& files, const RemoteRows& remote,
                     wire::LimitScanResponse& response) {
  Bytes all;
  STROM_TRY(replica::VisitRemoteLog(files, remote.dir, *remote.log, remote.from,
                                    [&](const record::LogBatchView& batch) -> Status {
                                      if (batch.base_offset() < remote.to) all += batch.bytes();
                                      return {};
                                    }));
  all += response.records->view();
  response.records = SharedBytes::Own(std::move(all));
  return {};
}

Result<SharedBytes> FirstKeys(const kv::KvTablet& keys, int32_t limit) {
  record::ValueBatchBuilder batch;
  STROM_TRY(keys.Scan("", [&](ByteView, ByteView value) {
    batch.Append(value);
    return batch.record_count() < limit;
  }));
  return SharedBytes::Own(batch.Build());
}

/// Answers from what is here; what is not, `remote` says.
Status ScanSome(Server& server, replica::ShardReplicas& shard, const model::TableBucket& bucket,
                int32_t limit, wire::LimitScanResponse& response,
                std::optional<RemoteRows>& remote) {
  STROM_ASSIGN(const Here here, FindHere(shard, bucket));
  if (limit <= 0) return Err(ErrorCode::kInvalidConfig, "a limit of {} rows makes no sense", limit);
  replica::Replica& replica = here.replica;
  response.is_log_table = replica.kv() == nullptr;
  if (replica.kv() != nullptr) {
    STROM_ASSIGN(response.records, FirstKeys(*replica.kv(), limit));
    return {};
  }
  const int64_t from = std::max(replica.start_offset(), replica.high_watermark() - limit);
  const int64_t local = replica.log().start_offset();
  if (from < local) {
    remote = RemoteRows{server.replicas().RemoteLogDirOf(here.table, bucket), replica.remote(),
                        from, local};
  }
  STROM_ASSIGN(response.records, LocalRows(replica, std::max(from, local)));
  return {};
}

Result<int64_t> RowCount(const Here& here) {
  if (here.replica.kv() == nullptr)
    return here.replica.high_watermark() - here.replica.start_offset();
  const auto count = here.replica.kv()->row_count();
  if (!count) {
    return Err(ErrorCode::kInvalidTable,
               "the rows of table {} are not counted: its changelog has no images",
               here.table.info.path.ToString());
  }
  return *count;
}

}  // namespace

void LimitScan(Server& server, Call call) {
  auto request = Take<wire::LimitScanRequest>(server, call);
  if (!request) return call.Fail(request.error());
  runtime::Loop& home = call.loop();
  const model::TableBucket bucket = BucketOf(request->table_id, *request);
  auto scan =
      std::make_shared<Pending<wire::LimitScanRequest>>(std::move(call), std::move(*request));
  auto remote = std::make_shared<std::optional<RemoteRows>>();
  const auto fail = [scan](const Error& error) {
    scan->response = {};
    SetError(scan->response, error);
  };
  FanOut(
      server, home, {bucket},
      [&server, scan, bucket, remote, fail](replica::ShardReplicas& shard,
                                            const std::vector<size_t>&) {
        const Status done =
            ScanSome(server, shard, bucket, scan->request.limit, scan->response, *remote);
        if (!done) fail(done.error());
      },
      [&server, &home, scan, remote, fail] {
        if (!*remote || scan->response.error_code) return scan->Reply();
        server.replicas().InPool([&server, &home, scan, remote, fail] {
          const Status done = AddRemoteRows(server.replicas().files(), **remote, scan->response);
          if (!done) fail(done.error());
          home.Post([scan] { scan->Reply(); });
        });
      });
}

void GetTableStats(Server& server, Call call) {
  auto request = Take<wire::GetTableStatsRequest>(server, call);
  if (!request) return call.Fail(request.error());
  AnswerByBucket(server, std::move(call), std::move(*request),
                 [](replica::ShardReplicas& shard, const model::TableBucket& bucket,
                    const wire::GetTableStatsRequest&, size_t, auto& answer) -> Status {
                   STROM_ASSIGN(const Here here, FindHere(shard, bucket));
                   STROM_ASSIGN(answer.row_count, RowCount(here));
                   return {};
                 });
}

}  // namespace strom::server
