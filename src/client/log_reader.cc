#include "client/log_reader.h"

#include "record/batch_file.h"

namespace strom::client {

using record::LogBatchView;

LogReader::LogReader(Connection& connection, std::shared_ptr<const Table> table, Range range,
                     Options options)
    : connection_(connection),
      table_(std::move(table)),
      range_(range),
      options_(std::move(options)),
      decoder_(connection, table_, options_.columns),
      position_(range.start_offset) {}

Status LogReader::FetchMore() {
  wire::FetchLogRequest request;
  request.follower_server_id = -1;
  request.max_bytes = options_.fetch_bytes;
  request.min_bytes = 1;
  request.max_wait_ms = options_.wait_ms;
  wire::PbFetchLogReqForTable& table = request.tables_req.emplace_back();
  table.table_id = table_->info.table_id;
  table.projection_pushdown_enabled = decoder_.projection().has_value();
  if (decoder_.projection()) table.projected_fields = *decoder_.projection();
  table.buckets_req.push_back(
      {PartitionOf(range_.bucket), range_.bucket.bucket, position_, options_.fetch_bytes});
  STROM_ASSIGN(const wire::FetchLogResponse response, connection_.Call(request));
  if (response.tables_resp.size() != 1 || response.tables_resp[0].buckets_resp.size() != 1) {
    return Err(ErrorCode::kCorruptMessage, "a fetch of one bucket was answered for another number");
  }
  const wire::PbFetchLogRespForBucket& answer = response.tables_resp[0].buckets_resp[0];
  STROM_TRY(ErrorIn(answer));
  if (answer.remote_log_fetch_info) return OpenRemote(*answer.remote_log_fetch_info);
  if (!answer.records) return {};
  return Hold(*answer.records, decoder_.projection().has_value());
}

Status LogReader::Hold(const SharedBytes& batches, bool projected) {
  if (options_.bytes_read != nullptr) *options_.bytes_read += static_cast<int64_t>(batches.size());
  fetched_ = batches.owner();
  fetched_projected_ = projected;
  record::LogBatches all(batches.view());
  while (true) {
    STROM_ASSIGN(const auto batch, all.Next());
    if (!batch) return {};
    if (batch->next_offset() > position_) pending_.push_back(*batch);
  }
}

Status LogReader::OpenRemote(const wire::PbRemoteLogFetchInfo& info) {
  if (info.remote_log_segments.empty())
    return Err(ErrorCode::kCorruptMessage, "rows are said to be remote, in no segment");
  const wire::PbRemoteLogSegment& segment = info.remote_log_segments.front();
  if (position_ < segment.remote_log_start_offset || position_ >= segment.remote_log_end_offset) {
    return Err(ErrorCode::kCorruptMessage, "offset {} is said to be in a segment from {} to {}",
               position_, segment.remote_log_start_offset, segment.remote_log_end_offset);
  }
  STROM_ASSIGN(const std::string dir, io::LocalPath(info.remote_log_tablet_dir));
  RemoteFile remote;
  remote.path = fmt::format("{}/{}/{:020}.log", dir, segment.remote_log_segment_id,
                            segment.remote_log_start_offset);
  auto file = io::LocalFiles().OpenForRead(remote.path);
  if (!file) {
    return std::unexpected(
        file.error().In("rows from offset " + std::to_string(position_) +
                        " lie in the remote directory of the server, which must be visible here"));
  }
  remote.file = std::move(*file);
  remote.position = info.first_start_pos.value_or(0);
  remote.end_offset = segment.remote_log_end_offset;
  remote_ = std::move(remote);
  return {};
}

Status LogReader::ReadRemote() {
  const io::File& file = *remote_->file;
  const auto read = [&](int64_t at, char* into, size_t size) {
    return io::ReadExactly(file, remote_->path, at, into, size);
  };
  STROM_ASSIGN(const record::BatchRun run,
               record::ReadBatches(read, {remote_->position, file.size(), options_.fetch_bytes}));
  remote_->position += static_cast<int64_t>(run.bytes.size());
  STROM_TRY(Hold(run.bytes, /*projected=*/false));
  for (const LogBatchView& batch : pending_) STROM_TRY(batch.Check());
  return {};
}

Status LogReader::ReadMore() {
  if (remote_ && remote_->position >= remote_->file->size()) {
    position_ = std::max(position_, std::min(remote_->end_offset, range_.stop_offset));
    remote_.reset();
    if (position_ == range_.stop_offset) return {};
  }
  return remote_ ? ReadRemote() : FetchMore();
}

Result<std::optional<ScannedBatch>> LogReader::Next() {
  while (position_ < range_.stop_offset) {
    if (pending_.empty()) {
      STROM_TRY(ReadMore());
      if (pending_.empty()) continue;  // nothing yet: the range was promised, so it will come
    }
    const LogBatchView batch = pending_.front();
    pending_.pop_front();
    STROM_ASSIGN(std::optional<ScannedBatch> scanned,
                 decoder_.Decode(batch, fetched_projected_, position_, range_.stop_offset));
    position_ = std::max(position_, std::min(batch.next_offset(), range_.stop_offset));
    if (scanned) return scanned;
  }
  return std::nullopt;
}

Result<std::map<model::TableBucket, int64_t>> ListOffsets(Connection& connection,
                                                          const Table& table, OffsetKind kind,
                                                          Millis timestamp) {
  std::map<model::TableBucket, int64_t> offsets;
  std::vector<model::PartitionId> partitions;
  for (const auto& [name, id] : table.partitions) partitions.push_back(id);
  if (!table.info.descriptor.partitioned()) partitions.push_back(model::kNoPartition);
  for (const model::PartitionId partition : partitions) {
    wire::ListOffsetsRequest request;
    request.follower_server_id = -1;
    request.offset_type = static_cast<int32_t>(kind);
    request.table_id = table.info.table_id;
    if (partition != model::kNoPartition) request.partition_id = partition;
    for (int32_t i = 0; i < table.info.bucket_count(); ++i) request.bucket_id.push_back(i);
    if (kind == OffsetKind::kTimestamp) request.start_timestamp = timestamp;
    STROM_ASSIGN(const auto response, connection.Call(request));
    for (const wire::PbListOffsetsRespForBucket& answer : response.buckets_resp) {
      STROM_TRY(ErrorIn(answer));
      offsets[{table.info.table_id, partition, answer.bucket_id}] = answer.offset.value_or(0);
    }
  }
  return offsets;
}

}  // namespace strom::client
