#include <memory>
#include <mutex>

#include "record/projection.h"
#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

constexpr int64_t kFromEarliest = -2;
constexpr int32_t kDefaultWaitMs = 100;  // when min_bytes is given and max_wait_ms is not

/// One FETCH_LOG: reads its buckets on the shards that own them, in the order of the request; while
/// it has less than it wants it is parked at those buckets and reads again when rows arrive or its
/// time is over.
///
/// The state belongs to the connection's shard; a read step belongs to one shard after the other.
class Fetch final : public replica::RowWaiter, public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(Server& server, Call call, wire::FetchLogRequest request)
      : server_(server), home_(call.loop()), call_(std::move(call)), request_(std::move(request)) {}

  /// On the connection's shard.
  void Start() {
    const Rights rights = server_.RightsOf(call_);
    for (size_t t = 0; t < request_.tables_req.size(); ++t) {
      const wire::PbFetchLogReqForTable& table = request_.tables_req[t];
      response_.tables_resp.emplace_back().table_id = table.table_id;
      response_.tables_resp.back().buckets_resp.resize(table.buckets_req.size());
      allowed_.push_back(MayRead(rights, table.table_id));
      for (size_t b = 0; b < table.buckets_req.size(); ++b) {
        parts_.push_back({t, b, BucketOf(table.table_id, table.buckets_req[b])});
      }
    }
    if (request_.min_bytes) {
      min_bytes_ = std::max(0, *request_.min_bytes);
      wait_ms_ = std::max(0, request_.max_wait_ms.value_or(kDefaultWaitMs));
    }
    Read();
  }

  void OnRows() override {
    if (woken_.exchange(true)) return;
    home_.Post([self = shared_from_this()] {
      if (self->reading_ || self->answered_)
        return;  // a read in progress looks at woken_ when it ends
      self->Read();
    });
  }

 private:
  struct Part {
    size_t table;
    size_t index;
    model::TableBucket bucket;
  };

  /// A follower's reads see more than a client's, so that a client may not call itself one.
  Status MayRead(const Rights& rights, model::TableId table) const {
    if (request_.follower_server_id >= 0 && rights.enabled() && !rights.caller().internal) {
      return Err(ErrorCode::kAuthorization, "{} is no server of this cluster",
                 rights.caller().principal.ToString());
    }
    return rights.Check(security::Operation::kRead, table);
  }

  /// Starts a pass over all buckets.
  void Read() {
    reading_ = true;
    woken_ = false;
    next_ = 0;
    bytes_ = 0;
    urgent_ = parts_.empty();
    Step();
  }

  /// Reads as many buckets in a row as one shard owns, then goes on at the next shard.
  void Step() {
    if (next_ == parts_.size()) return home_.Run([self = shared_from_this()] { self->PassDone(); });
    const size_t shard = server_.replicas().OwnerOf(parts_[next_].bucket);
    server_.replicas().LoopOf(shard).Run([self = shared_from_this(), shard] {
      while (self->next_ < self->parts_.size() &&
             self->server_.replicas().OwnerOf(self->parts_[self->next_].bucket) == shard) {
        self->ReadPart(self->server_.replicas().at(shard), self->parts_[self->next_]);
        ++self->next_;
      }
      self->Step();
    });
  }

  void ReadPart(replica::ShardReplicas& shard, const Part& part) {
    const wire::PbFetchLogReqForTable& table_request = request_.tables_req[part.table];
    const wire::PbFetchLogReqForBucket& wanted = table_request.buckets_req[part.index];
    wire::PbFetchLogRespForBucket& answer =
        response_.tables_resp[part.table].buckets_resp[part.index];
    answer = {};
    answer.partition_id = wanted.partition_id;
    answer.bucket_id = wanted.bucket_id;
    if (!allowed_[part.table]) {
      SetError(answer, allowed_[part.table].error());
      urgent_ = true;
      return;
    }
    replica::Replica* const replica = shard.Find(part.bucket);
    const meta::TableEntry* table = shard.view()->Find(part.bucket.table_id);
    if (replica == nullptr || table == nullptr) {  // waits with the rest, as upstream does
      SetError(answer, Error{ErrorCode::kUnknownTableOrBucket,
                             part.bucket.ToString() + " is not on this server"});
      return;
    }
    answer.high_watermark = replica->high_watermark();
    answer.log_start_offset = 0;
    const int64_t offset =
        wanted.fetch_offset == kFromEarliest ? replica->start_offset() : wanted.fetch_offset;
    if (offset < replica->log().start_offset() && replica->remote()->Has(offset)) {
      answer.remote_log_fetch_info = WhereRemote(*table, *replica, offset);
      urgent_ = true;
      return;
    }
    auto records = ReadRecords(*table, *replica, table_request, wanted, offset);
    if (!records) {
      SetError(answer, records.error());
      urgent_ = true;
      return;
    }
    bytes_ += static_cast<int64_t>(records->size());
    answer.records = std::move(*records);
    if (bytes_ < min_bytes_) replica->Wait(weak_from_this());
  }

  /// The files that a reader finds the rows from `offset` on in.
  wire::PbRemoteLogFetchInfo WhereRemote(const meta::TableEntry& table,
                                         const replica::Replica& replica, int64_t offset) const {
    constexpr size_t kMostSegments = 32;  // the reader asks again behind the last one
    const model::RemoteLogManifest& remote = *replica.remote();
    wire::PbRemoteLogFetchInfo info;
    info.remote_log_tablet_dir = server_.replicas().RemoteLogDirOf(table, replica.log().bucket());
    info.partition_name = remote.partition_name;
    info.first_start_pos = 0;  // a batch begins there, and readers skip what is below their offset
    const size_t first = remote.IndexOf(offset);
    const size_t end = std::min(remote.segments.size(), first + kMostSegments);
    for (size_t i = first; i < end; ++i) {
      const model::RemoteLogSegment& segment = remote.segments[i];
      info.remote_log_segments.push_back({segment.id, segment.start_offset, segment.end_offset,
                                          static_cast<int32_t>(segment.bytes),
                                          segment.max_timestamp});
    }
    return info;
  }

  Result<SharedBytes> ReadRecords(const meta::TableEntry& table, replica::Replica& replica,
                                  const wire::PbFetchLogReqForTable& table_request,
                                  const wire::PbFetchLogReqForBucket& wanted,
                                  int64_t offset) const {
    const bool follower = request_.follower_server_id >= 0;
    log::LogTablet::ReadLimits limits;
    limits.end_offset = follower ? replica.log().end_offset() : replica.high_watermark();
    limits.max_bytes = std::min<int64_t>(wanted.max_fetch_bytes, request_.max_bytes - bytes_);
    limits.at_least_one = bytes_ == 0;
    if (limits.max_bytes <= 0 && !limits.at_least_one) return SharedBytes();
    if (!table_request.projection_pushdown_enabled) return replica.log().Read(offset, limits);
    if (table.info.options.log_format != model::LogFormat::kArrow) {
      return Err(ErrorCode::kInvalidColumnProjection,
                 "table {} has no ARROW log: its columns cannot be projected",
                 table.info.path.ToString());
    }
    STROM_ASSIGN(const record::Projection projection,
                 record::Projection::Make(table_request.projected_fields,
                                          table.info.descriptor.schema.columns.size()));
    const log::LogTablet::SchemaOf schema_of = [&](int16_t id) {
      const auto it = table.schemas.find(id);
      return it == table.schemas.end() ? nullptr : it->second;
    };
    const log::LogTablet::ProjectionRequest projecting{projection, schema_of};
    return replica.log().Read(offset, limits, &projecting);
  }

  /// On the home shard, after every bucket was read.
  void PassDone() {
    reading_ = false;
    if (urgent_ || bytes_ >= min_bytes_ || timed_out_ || wait_ms_ == 0) return Answer();
    if (woken_) return Read();  // rows arrived at a bucket that this pass had already read
    if (!timer_) {
      timer_ = home_.After(std::chrono::milliseconds(wait_ms_), [weak = weak_from_this()] {
        if (const auto self = std::static_pointer_cast<Fetch>(weak.lock())) self->OnTimeout();
      });
      parked_ = shared_from_this();  // released by the answer
    }
  }

  void OnTimeout() {
    timed_out_ = true;
    if (!reading_ && !answered_) Read();
  }

  void Answer() {
    answered_ = true;
    timer_.reset();
    call_.Reply<wire::FetchLogResponse>(std::move(response_));
    const auto last = std::move(parked_);  // may be the last share in this object
  }

  Server& server_;
  runtime::Loop& home_;
  Call call_;
  const wire::FetchLogRequest request_;
  std::vector<Status> allowed_;  // by table of the request
  wire::FetchLogResponse response_;
  std::vector<Part> parts_;
  int64_t min_bytes_ = 0;
  int32_t wait_ms_ = 0;
  // The pass at hand.
  size_t next_ = 0;
  int64_t bytes_ = 0;
  bool urgent_ = false;
  bool reading_ = false;
  // Parking.
  std::atomic<bool> woken_ = false;
  bool timed_out_ = false;
  bool answered_ = false;
  std::unique_ptr<runtime::Loop::Timer> timer_;
  std::shared_ptr<Fetch> parked_;
};

}  // namespace

void FetchLog(Server& server, Call call) {
  auto request = Take<wire::FetchLogRequest>(server, call);
  if (!request) return call.Fail(request.error());
  std::make_shared<Fetch>(server, std::move(call), std::move(*request))->Start();
}

}  // namespace strom::server
