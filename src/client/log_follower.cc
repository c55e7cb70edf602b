#include "client/log_follower.h"

#include <arrow/record_batch.h>

namespace strom::client {

using std::chrono::steady_clock;

LogFollower::LogFollower(Connection& connection, std::shared_ptr<const Table> table,
                         Positions positions, Options options)
    : connection_(connection),
      table_(std::move(table)),
      positions_(std::move(positions)),
      options_(std::move(options)),
      decoder_(connection, table_, options_.columns),
      next_look_(steady_clock::now()) {}

Status LogFollower::LookForPartitions() {
  constexpr std::chrono::seconds kInterval(1);
  if (!table_->info.descriptor.partitioned() || steady_clock::now() < next_look_) return {};
  next_look_ = steady_clock::now() + kInterval;
  STROM_ASSIGN(const auto now, connection_.GetTable(table_->info.path));
  if (now->info.table_id != table_->info.table_id) {
    return Err(ErrorCode::kTableNotExist, "table {} was dropped and made again",
               table_->info.path.ToString());
  }
  const std::vector<model::TableBucket> buckets = now->info.Buckets(now->partitions);
  for (const model::TableBucket& bucket : buckets) positions_.try_emplace(bucket, 0);
  std::erase_if(positions_, [&](const auto& one) {
    return std::ranges::find(buckets, one.first) == buckets.end();
  });
  return {};
}

Result<std::vector<LogFollower::Piece>> LogFollower::Poll() {
  STROM_TRY(LookForPartitions());
  std::vector<Piece> pieces;
  for (auto it = remote_.begin(); it != remote_.end();) {
    STROM_ASSIGN(auto batch, it->second->Next());
    positions_[it->first] = it->second->position();
    if (batch) pieces.push_back({it->first, std::move(*batch)});
    it = batch ? std::next(it) : remote_.erase(it);
  }
  wire::FetchLogRequest request;
  request.follower_server_id = -1;
  request.max_bytes = options_.fetch_bytes;
  request.min_bytes = 1;
  request.max_wait_ms = pieces.empty() ? static_cast<int32_t>(options_.wait.count()) : 0;
  wire::PbFetchLogReqForTable& table = request.tables_req.emplace_back();
  table.table_id = table_->info.table_id;
  table.projection_pushdown_enabled = decoder_.projection().has_value();
  if (decoder_.projection()) table.projected_fields = *decoder_.projection();
  for (const auto& [bucket, position] : positions_) {
    if (remote_.contains(bucket)) continue;
    table.buckets_req.push_back(
        {PartitionOf(bucket), bucket.bucket, position, options_.fetch_bytes});
  }
  if (table.buckets_req.empty()) return pieces;
  STROM_ASSIGN(const wire::FetchLogResponse response, connection_.Call(request));
  for (const auto& of_table : response.tables_resp) {
    for (const auto& answer : of_table.buckets_resp) {
      const model::TableBucket bucket = wire::BucketOf(table_->info.table_id, answer);
      if (positions_.contains(bucket)) STROM_TRY(Take(answer, bucket, pieces));
    }
  }
  return pieces;
}

Status LogFollower::Take(const wire::PbFetchLogRespForBucket& answer,
                         const model::TableBucket& bucket, std::vector<Piece>& pieces) {
  STROM_TRY(ErrorIn(answer));
  int64_t& position = positions_.at(bucket);
  if (answer.remote_log_fetch_info) {
    int64_t end = position;
    for (const auto& segment : answer.remote_log_fetch_info->remote_log_segments)
      end = std::max(end, segment.remote_log_end_offset);
    LogReader::Options options;
    options.columns = options_.columns;
    remote_[bucket] = std::make_unique<LogReader>(
        connection_, table_, LogReader::Range{bucket, position, end}, std::move(options));
    return {};
  }
  if (!answer.records) return {};
  record::LogBatches batches(answer.records->view());
  while (true) {
    STROM_ASSIGN(const auto batch, batches.Next());
    if (!batch) return {};
    if (batch->next_offset() <= position) continue;
    STROM_ASSIGN(auto decoded, decoder_.Decode(*batch, decoder_.projection().has_value(), position,
                                               batch->next_offset()));
    position = batch->next_offset();
    if (decoded) pieces.push_back({bucket, std::move(*decoded)});
  }
}

}  // namespace strom::client
