#include "tiering/round.h"

#include <numeric>

#include <arrow/record_batch.h>

#include "base/log_line.h"
#include "base/text.h"
#include "client/key_reader.h"
#include "client/log_reader.h"
#include "record/partition_value.h"

namespace strom::tiering {

Result<Round::Outcome> Round::Run() {
  STROM_ASSIGN(table_, connection_.GetTable(path_));
  if (table_->info.table_id != table_id_) {
    return Err(ErrorCode::kTableNotExist, "table {} was dropped and created again",
               path_.ToString());
  }
  const auto now = std::chrono::steady_clock::now();
  deadline_ = now + std::chrono::milliseconds(table_->info.options.lake_freshness_ms);
  next_beat_ = now + options_.heartbeat;
  STROM_ASSIGN(RegisteredLake registered,
               RegisteredLake::Open(connection_, table_, options_.catalog));
  lake::LakeTable& lake = registered.table();
  STROM_ASSIGN(const Offsets tiered, registered.CatchUp());
  STROM_ASSIGN(const auto plan, Plan(tiered));
  if (plan.empty()) {
    STROM_TRY(Rest(registered));
    return outcome_;
  }

  lake::LakeChange change;
  lake::LakeFiles& files = change.files;
  Offsets reached;
  const auto copy_all = [&]() -> Status {
    for (const auto& [bucket, range] : plan) {
      if (TimeIsOver() && !files.empty()) {
        outcome_.cut_short = true;
        break;
      }
      STROM_ASSIGN(reached[bucket], range.from_keys ? CopyKeys(lake, bucket, files)
                                                    : CopyBucket(lake, bucket, range, files));
      if (range.replaces) {
        STROM_ASSIGN(record::Row partition, PartitionOf(bucket));
        change.replaced.push_back({bucket.bucket, std::move(partition)});
      }
      if (reached[bucket] < range.stop) outcome_.cut_short = true;
    }
    return Beat();
  };
  if (const Status copied = copy_all(); !copied) {
    lake.Discard(files);
    return std::unexpected(copied.error());
  }
  for (const auto& file : files) {
    outcome_.rows += file->rows();
    outcome_.bytes += file->bytes();
  }
  const auto begun = std::chrono::steady_clock::now();
  STROM_ASSIGN(const Committed committed, CommitRound(registered, change, reached));
  outcome_.snapshot_id = committed.snapshot_id;
  outcome_.commit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::steady_clock::now() - begun)
                           .count();
  STROM_TRY(Maintain(registered, committed, reached));
  return outcome_;
}

Result<std::map<model::TableBucket, Round::Range>> Round::Plan(const Offsets& tiered) {
  STROM_ASSIGN(const Offsets earliest,
               client::ListOffsets(connection_, *table_, client::OffsetKind::kEarliest));
  STROM_ASSIGN(const Offsets latest,
               client::ListOffsets(connection_, *table_, client::OffsetKind::kLatest));
  std::map<model::TableBucket, Range> plan;
  for (const auto& [bucket, stop] : latest) {
    const auto known = tiered.find(bucket);
    int64_t start = known == tiered.end() ? -1 : known->second;
    const int64_t first = earliest.at(bucket);
    const bool keys = table_->info.descriptor.has_primary_key();
    if (!keys && start >= 0 && start < first) {
      LogWarn("tiering {}: {} lost the rows {} to {} before they were tiered", path_.ToString(),
              bucket.ToString(), start, first);
    }
    const bool from_keys = keys && std::max<int64_t>(start, 0) < first;
    // Which keys were deleted in between is not known any more.
    const bool replaces = from_keys && start > 0;
    start = std::max(start, first);
    if (start < stop || from_keys) plan[bucket] = Range{start, stop, from_keys, replaces};
  }
  return plan;
}

Result<int64_t> Round::CopyBucket(lake::LakeTable& lake, const model::TableBucket& bucket,
                                  const Range& range, lake::LakeFiles& files) {
  STROM_ASSIGN(const auto writer, lake.NewWriter(table_->info.descriptor.schema, bucket.bucket));
  client::LogReader reader(connection_, table_, {bucket, range.start, range.stop}, {});
  while (true) {
    STROM_ASSIGN(const auto batch, reader.Next());
    if (!batch) break;
    STROM_TRY(writer->Write(*batch->rows, batch->base_offset, batch->timestamp, batch->changes));
    STROM_TRY(Beat());
    if (TimeIsOver()) break;
  }
  STROM_ASSIGN(lake::LakeFiles written, writer->Finish());
  for (auto& file : written) files.push_back(std::move(file));
  return reader.position();
}

Result<int64_t> Round::CopyKeys(lake::LakeTable& lake, const model::TableBucket& bucket,
                                lake::LakeFiles& files) {
  const model::Schema& schema = table_->info.descriptor.schema;
  STROM_ASSIGN(const auto writer, lake.NewWriter(schema, bucket.bucket));
  std::vector<int32_t> columns(schema.columns.size());
  std::iota(columns.begin(), columns.end(), 0);
  client::KeyReader reader(connection_, table_, bucket, std::move(columns));
  while (true) {
    STROM_ASSIGN(const auto rows, reader.Next());
    if (!rows) break;
    const std::vector<record::ChangeType> changes(static_cast<size_t>(rows->num_rows()),
                                                  record::ChangeType::kInsert);
    constexpr Millis kUnknownTime = -1;
    STROM_TRY(writer->Write(*rows, lake::LakeWriter::kNoOffset, kUnknownTime, changes));
    STROM_TRY(Beat());
  }
  STROM_ASSIGN(lake::LakeFiles written, writer->Finish());
  for (auto& file : written) files.push_back(std::move(file));
  LogInfo(
      "tiering {}: the changelog of {} is not whole any more; its rows up to offset {} are "
      "taken from the keys",
      path_.ToString(), bucket.ToString(), reader.log_offset());
  return reader.log_offset();
}

Result<record::Row> Round::PartitionOf(const model::TableBucket& bucket) const {
  record::Row values;
  const model::TableDescriptor& descriptor = table_->info.descriptor;
  if (descriptor.partition_keys.empty()) return values;
  const std::string name = table_->PartitionName(bucket);
  if (name.empty()) {
    return Err(ErrorCode::kPartitionNotExists, "tiering {}: the partition of {} is gone",
               path_.ToString(), bucket.ToString());
  }
  const std::vector<std::string> texts = Split(name, '$');
  for (size_t i = 0; i < descriptor.partition_keys.size(); ++i) {
    const auto column = static_cast<size_t>(descriptor.schema.Find(descriptor.partition_keys[i]));
    STROM_ASSIGN(record::Value value,
                 record::PartitionValueFromText(descriptor.schema.columns[column].type,
                                                i < texts.size() ? texts[i] : ""));
    values.push_back(std::move(value));
  }
  return values;
}

Status Round::Rest(RegisteredLake& registered) {
  if (!table_->info.options.lake_auto_compaction) return {};
  STROM_ASSIGN(const auto own, registered.table().OwnCommitAfter(std::nullopt));
  if (!own) return {};
  const auto compacted = registered.table().Compact(
      own->offsets_path, lake::LakeTable::Effort::kAtRest, [this] { return Beat(); });
  if (!compacted) return std::unexpected(compacted.error());
  if (!*compacted) return {};
  LogInfo("tiering {}: at rest, its files are merged in snapshot {}", path_.ToString(),
          **compacted);
  return registered.Register(**compacted, own->offsets_path, {});
}

Status Round::Beat() {
  if (options_.stop_requested && options_.stop_requested())
    return Err(ErrorCode::kClosed, "the tiering worker is stopping");
  if (std::chrono::steady_clock::now() < next_beat_) return {};
  next_beat_ = std::chrono::steady_clock::now() + options_.heartbeat;
  return options_.on_heartbeat ? options_.on_heartbeat() : Status();
}

Result<Round::Committed> Round::CommitRound(RegisteredLake& registered,
                                            const lake::LakeChange& change,
                                            const Offsets& reached) {
  wire::PrepareLakeTableSnapshotRequest prepare;
  wire::PbTableOffsets& table = prepare.bucket_offsets.emplace_back();
  table.table_id = table_id_;
  table.table_path = client::ToWire(path_);
  for (const auto& [bucket, offset] : reached)
    table.bucket_offsets.push_back({client::PartitionOf(bucket), bucket.bucket, offset});
  STROM_ASSIGN(const auto prepared, connection_.Call(prepare));
  if (prepared.prepare_lake_table_resp.size() != 1)
    return Err(ErrorCode::kCorruptMessage, "the server prepared no lake snapshot");
  STROM_TRY(client::ErrorIn(prepared.prepare_lake_table_resp[0]));
  const std::string offsets_path =
      prepared.prepare_lake_table_resp[0].lake_table_offsets_path.value_or("");
  const auto snapshot_id = registered.table().Commit(change, offsets_path);
  if (!snapshot_id) {
    // Of a commit whose outcome is not known nothing may go; the next round finds out.
    if (snapshot_id.error().code != ErrorCode::kOutcomeUnknown)
      registered.table().Discard(change.files);
    return std::unexpected(snapshot_id.error());
  }
  STROM_TRY(registered.Register(*snapshot_id, offsets_path, reached));
  return Committed{*snapshot_id, offsets_path};
}

Status Round::Maintain(RegisteredLake& registered, Committed committed, const Offsets& reached) {
  const model::TableOptions& options = table_->info.options;
  if (options.lake_auto_compaction) {
    const auto compacted = registered.table().Compact(
        committed.offsets_path, lake::LakeTable::Effort::kAsNeeded, [this] { return Beat(); });
    // A worker that stops or lost the table ends; what the lake did not like is tried again.
    const bool ended = !compacted && (compacted.error().code == ErrorCode::kClosed ||
                                      compacted.error().code == ErrorCode::kFencedTieringEpoch);
    if (ended) return std::unexpected(compacted.error());
    if (!compacted) {
      LogWarn("compaction of {}: {}", path_.ToString(), compacted.error().message);
    } else if (*compacted) {
      committed.snapshot_id = **compacted;
      STROM_TRY(registered.Register(committed.snapshot_id, committed.offsets_path, reached));
      outcome_.snapshot_id = committed.snapshot_id;
    }
  }
  if (options.lake_auto_expiry) {
    const auto expired =
        registered.table().ExpireSnapshots(committed.snapshot_id, SystemClock().Now());
    if (!expired) LogWarn("snapshot expiry of {}: {}", path_.ToString(), expired.error().message);
  }
  return {};
}

}  // namespace strom::tiering
