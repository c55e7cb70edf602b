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

/// As AnswerByBucket, for tables with keys: `work(shard, here, request, i, answer)`. A sender that
/// is not `allowed` is told so in each bucket.
template <class Admit = AtOnce, class Request, class Work>
void AnswerByKeys(Server& server, Call call, Request request, Work work, Status allowed = {}) {
  const int16_t version = call.header().version;
  AnswerByBucket<Admit>(
      server, std::move(call), std::move(request),
      [version, work, allowed](replica::ShardReplicas& shard, const model::TableBucket& bucket,
                               const Request& asked, size_t i, auto& answer) -> Status {
        STROM_TRY(allowed);
        STROM_ASSIGN(const Here here, FindKeys(shard, bucket));
        STROM_TRY(CheckKeyEncoding(here.table, version));
        return work(shard, here, asked, i, answer);
      });
}

std::vector<ByteView> Views(const std::vector<SharedBytes>& keys) {
  std::vector<ByteView> views;
  views.reserve(keys.size());
  for (const SharedBytes& key : keys) views.push_back(key.view());
  return views;
}

}  // namespace

void PutKv(Server& server, Call call) {
  auto request = Take<wire::PutKvRequest>(server, call);
  if (!request) return call.Fail(request.error());
  if (const Status acks = CheckAcks(request->acks); !acks) return call.Fail(acks.error());
  AnswerByKeys<WhenMemoryAllows>(
      server, std::move(call), std::move(*request),
      [&server](replica::ShardReplicas& shard, const Here& here, const wire::PutKvRequest& put,
                size_t i, auto& answer) -> Status {
        const kv::MergeRequest merge{put.target_columns, put.agg_mode == kOverwriteMode};
        STROM_ASSIGN(
            answer.log_end_offset,
            server.replicas().PutKv(shard, here.replica, put.buckets_req[i].records.view(), merge));
        return {};
      });
}

namespace {

/// Values that one answer gives, in one piece of memory.
class Values {
 public:
  void Add(ByteView value) {
    bytes_ += value;
    ends_.push_back(bytes_.size());
  }
  /// Each of them, with a share in the whole. Once.
  std::vector<SharedBytes> Share() {
    const SharedBytes whole = SharedBytes::Own(std::move(bytes_));
    std::vector<SharedBytes> slices;
    slices.reserve(ends_.size());
    size_t from = 0;
    for (const size_t end : ends_) {
      slices.push_back(whole.Slice(from, end - from));
      from = end;
    }
    return slices;
  }

 private:
  Bytes bytes_;
  std::vector<size_t> ends_;
};

}  // namespace

void Lookup(Server& server, Call call) {
  auto request = Take<wire::LookupRequest>(server, call);
  if (!request) return call.Fail(request.error());
  const bool inserts = request->insert_if_not_exists.value_or(false);
  const Status allowed = server.RightsOf(call).Check(
      inserts ? security::Operation::kWrite : security::Operation::kRead, request->table_id);
  if (inserts && !allowed) return call.Fail(allowed.error());
  AnswerByKeys(
      server, std::move(call), std::move(*request),
      [&server](replica::ShardReplicas& shard, const Here& here, const wire::LookupRequest& lookup,
                size_t i, auto& answer) -> Status {
        const std::vector<ByteView> keys = Views(lookup.buckets_req[i].keys);
        if (lookup.insert_if_not_exists.value_or(false))
          STROM_TRY(server.replicas().PutMissing(shard, here.replica, keys));
        Values values;
        std::vector<size_t> found;  // the key of each of them
        STROM_TRY(here.replica.kv()->Get(keys, [&](size_t key, ByteView value) {
          found.push_back(key);
          values.Add(value);
        }));
        const std::vector<SharedBytes> slices = values.Share();
        answer.values.resize(keys.size());
        for (size_t k = 0; k < found.size(); ++k) answer.values[found[k]].values = slices[k];
        return {};
      },
      allowed);
}

void PrefixLookup(Server& server, Call call) {
  auto request = Take<wire::PrefixLookupRequest>(server, call);
  if (!request) return call.Fail(request.error());
  const Status allowed = server.RightsOf(call).Check(security::Operation::kRead, request->table_id);
  AnswerByKeys(
      server, std::move(call), std::move(*request),
      [](replica::ShardReplicas&, const Here& here, const wire::PrefixLookupRequest& lookup,
         size_t i, auto& answer) -> Status {
        for (const SharedBytes& prefix : lookup.buckets_req[i].keys) {
          Values values;
          STROM_TRY(here.replica.kv()->ScanPrefix(prefix.view(), [&](ByteView, ByteView value) {
            values.Add(value);
            return true;
          }));
          answer.value_lists.emplace_back().values = values.Share();
        }
        return {};
      },
      allowed);
}

namespace {

constexpr int32_t kMaxScanBytes = 10 << 20;

/// Fills one answer from a scan, at least one row; true when rows are left.
Result<bool> ReadSome(replica::KvScans::Scan& scan, int32_t batch_bytes, SharedBytes& records) {
  record::ValueBatchBuilder batch;
  const auto limit = static_cast<size_t>(std::min(batch_bytes, kMaxScanBytes));
  bool more = true;
  while (scan.rows_left > 0) {
    if (!scan.stepped) {
      STROM_ASSIGN(more, scan.rows.Next());
      if (!more) break;
      scan.stepped = true;
    }
    const ByteView value = scan.rows.value();
    if (batch.record_count() > 0 && batch.bytes() + value.size() > limit) break;
    batch.Append(value);
    scan.stepped = false;
    --scan.rows_left;
  }
  records = SharedBytes::Own(batch.Build());
  return more && scan.rows_left > 0;
}

/// Answers with the next rows of a scan, which ends with the last of them or with an error.
Status AnswerSome(replica::KvScans& scans, replica::KvScans::Scan& scan, const SharedBytes& id,
                  const wire::ScanKvRequest& request, wire::ScanKvResponse& response) {
  const auto more = ReadSome(scan, *request.batch_size_bytes, response.records.emplace());
  response.has_more_results = more && *more;
  if (*response.has_more_results) {
    response.scanner_id = id;
  } else {
    scans.Close(id.view());
  }
  return more ? Status() : std::unexpected(more.error());
}

Status OpenScan(Server& server, replica::ShardReplicas& shard, const model::TableBucket& bucket,
                const wire::ScanKvRequest& request, wire::ScanKvResponse& response) {
  STROM_ASSIGN(const Here here, FindKeys(shard, bucket));
  kv::KvTablet& keys = *here.replica.kv();
  response.log_offset = keys.log_offset();
  STROM_ASSIGN(const auto opened,
               shard.kv_scans().Open(shard.index(), bucket, keys.NewScan(), server.clock().Now()));
  const auto& [id, scan] = opened;
  if (const int64_t limit = request.bucket_scan_req->limit.value_or(0); limit > 0)
    scan->rows_left = limit;
  return AnswerSome(shard.kv_scans(), *scan, SharedBytes::Own(id), request, response);
}

Status ContinueScan(Server& server, replica::ShardReplicas& shard,
                    const wire::ScanKvRequest& request, wire::ScanKvResponse& response) {
  replica::KvScans& scans = shard.kv_scans();
  const ByteView id = request.scanner_id->view();
  response.has_more_results = false;
  if (request.close_scanner.value_or(false)) {
    scans.Close(id);
    return {};
  }
  STROM_ASSIGN(replica::KvScans::Scan* const scan, scans.Find(id, server.clock().Now()));
  if (request.call_seq_id != scan->next_call) {
    const int32_t expected = scan->next_call;
    scans.Close(id);
    return Err(ErrorCode::kInvalidScanRequest, "call {} of the scan was expected, {} came",
               expected, request.call_seq_id.value_or(-1));
  }
  ++scan->next_call;
  return AnswerSome(scans, *scan, *request.scanner_id, request, response);
}

Status CheckScan(const wire::ScanKvRequest& request) {
  if (request.bucket_scan_req.has_value() == request.scanner_id.has_value()) {
    return Err(ErrorCode::kInvalidScanRequest, "a scan needs either a bucket or a scanner id");
  }
  if (!request.close_scanner.value_or(false) && request.batch_size_bytes.value_or(0) <= 0) {
    return Err(ErrorCode::kInvalidScanRequest, "batch_size_bytes must be more than 0");
  }
  return {};
}

}  // namespace

void ScanKv(Server& server, Call call) {
  auto request = Take<wire::ScanKvRequest>(server, call);
  if (!request) return call.Fail(request.error());
  Status valid = CheckScan(*request);
  if (valid && request->bucket_scan_req) {
    valid =
        server.RightsOf(call).Check(security::Operation::kRead, request->bucket_scan_req->table_id);
  }
  size_t shard = 0;
  model::TableBucket bucket;
  if (valid && request->bucket_scan_req) {
    bucket = BucketOf(request->bucket_scan_req->table_id, *request->bucket_scan_req);
    shard = server.replicas().OwnerOf(bucket);
  } else if (valid) {
    shard = replica::KvScans::ShardOf(request->scanner_id->view()).value_or(SIZE_MAX);
    if (shard >= server.replicas().shard_count())
      valid = Err(ErrorCode::kUnknownScannerId, "no such scan is open");
  }
  runtime::Loop& home = call.loop();
  auto scan = std::make_shared<Pending<wire::ScanKvRequest>>(std::move(call), std::move(*request));
  if (!valid) {  // errors of a scan are fields of its answer
    SetError(scan->response, valid.error());
    return scan->Reply();
  }
  server.replicas().LoopOf(shard).Run([&server, &home, scan, shard, bucket] {
    replica::ShardReplicas& here = server.replicas().at(shard);
    const Status done = scan->request.bucket_scan_req
                            ? OpenScan(server, here, bucket, scan->request, scan->response)
                            : ContinueScan(server, here, scan->request, scan->response);
    if (!done) {
      scan->response = {};
      SetError(scan->response, done.error());
    }
    home.Run([scan] { scan->Reply(); });
  });
}

}  // namespace strom::server
