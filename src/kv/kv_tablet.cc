#include "kv/kv_tablet.h"

#include <algorithm>
#include <unordered_map>

#include "kv/changelog.h"

namespace strom::kv {
namespace {

using record::ChangeType;
using record::KvRecord;
using record::Row;
using record::StoredValue;

/// What a key has while a batch is prepared.
struct Current {
  std::optional<ByteView> value;
  Bytes owned;  // holds `value` unless memory does
  bool changed = false;

  void Set(Bytes bytes) {
    owned = std::move(bytes);
    value = owned;
    changed = true;
  }
  void Remove() {
    value.reset();
    changed = true;
  }
};

}  // namespace

Result<std::unique_ptr<KvTablet>> KvTablet::Open(KvStore& store, const model::TableBucket& bucket,
                                                 std::shared_ptr<const TableShape> shape) {
  STROM_ASSIGN(const KvStore::SpaceId space, store.OpenSpace(bucket));
  STROM_ASSIGN(const SpaceState state, store.StateOf(bucket));
  return std::unique_ptr<KvTablet>(new KvTablet(store, bucket, space, state, std::move(shape)));
}

std::optional<int64_t> KvTablet::row_count() const {
  return counts_rows() ? std::optional(state_.row_count) : std::nullopt;
}

const std::optional<Bytes>* KvTablet::FindInMemory(ByteView key) const {
  if (const auto* const known = active_.Find(key)) return known;
  return frozen_ ? frozen_->Find(key) : nullptr;
}

Result<std::vector<std::optional<Bytes>>> KvTablet::Get(std::span<const ByteView> keys) const {
  std::vector<std::optional<Bytes>> values(keys.size());
  std::vector<size_t> asked;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (const auto* const known = FindInMemory(keys[i])) {
      values[i] = *known;
    } else {
      asked.push_back(i);
    }
  }
  if (asked.empty()) return values;
  std::ranges::sort(asked, {}, [&](size_t i) { return keys[i]; });
  std::vector<ByteView> sorted;
  for (const size_t i : asked) sorted.push_back(keys[i]);
  STROM_ASSIGN(auto found, store_.Get(space_, sorted));
  for (size_t i = 0; i < asked.size(); ++i) values[asked[i]] = std::move(found[i]);
  return values;
}

KvScan KvTablet::Walk(ByteView from) const {
  // Borrowed: rows in memory stay as they are while the owner walks.
  std::vector<std::shared_ptr<const RowBuffer>> buffers{{std::shared_ptr<void>(), &active_}};
  if (frozen_) buffers.push_back(frozen_);
  return KvScan(store_.NewCursor(space_, from), std::move(buffers), from);
}

KvScan KvTablet::NewScan() {
  if (!frozen_) Freeze();
  std::vector<std::shared_ptr<const RowBuffer>> buffers;
  if (!active_.empty()) {
    auto copy = std::make_shared<RowBuffer>();
    for (const auto& [key, value] : active_.rows()) copy->Put(key, value);
    buffers.push_back(std::move(copy));
  }
  if (frozen_) buffers.push_back(frozen_);
  return KvScan(store_.NewCursor(space_, ""), std::move(buffers), "");
}

Status KvTablet::Scan(ByteView from, const Visit& visit) const {
  KvScan scan = Walk(from);
  while (true) {
    STROM_ASSIGN(const bool more, scan.Next());
    if (!more || !visit(scan.key(), scan.value())) return {};
  }
}

Status KvTablet::ScanPrefix(ByteView prefix, const Visit& visit) const {
  return Scan(prefix, [&](ByteView key, ByteView value) {
    return key.starts_with(prefix) && visit(key, value);
  });
}

Result<KvTablet::Prepared> KvTablet::Prepare(const record::KvBatchView& batch,
                                             const MergeRequest& request) {
  if (!shape_->knows(batch.schema_id())) {
    return Err(ErrorCode::kSchemaNotExist, "table {} has no schema {}",
               shape_->info().path.ToString(), batch.schema_id());
  }
  std::vector<KvRecord> records;
  record::KvRecords all(batch);
  while (true) {
    STROM_ASSIGN(const auto next, all.Next());
    if (!next) break;
    records.push_back(*next);
  }
  return PrepareRecords(records, {batch.schema_id(), batch.writer_id(), batch.sequence()}, request);
}

Result<std::optional<KvTablet::Prepared>> KvTablet::PrepareMissing(std::span<const ByteView> keys) {
  STROM_ASSIGN(const auto values, Get(keys));
  std::vector<Bytes> rows;
  std::vector<ByteView> missing;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (values[i]) continue;
    STROM_ASSIGN(const Row row, shape_->RowOfKey(keys[i]));
    STROM_ASSIGN(Bytes stored, shape_->Encode(row));
    rows.push_back(stored.substr(sizeof(int16_t)));
    missing.push_back(keys[i]);
  }
  if (missing.empty()) return std::nullopt;
  std::vector<KvRecord> records;
  for (size_t i = 0; i < missing.size(); ++i) records.push_back({missing[i], rows[i]});
  const model::Schema& schema = shape_->latest();
  const std::vector<int> positions = schema.Positions(schema.primary_key);
  const std::vector<int32_t> targets(positions.begin(), positions.end());
  STROM_ASSIGN(Prepared prepared, PrepareRecords(records, {.schema_id = shape_->latest_id()},
                                                 {.target_columns = targets}));
  return prepared;
}

Result<KvTablet::Prepared> KvTablet::PrepareRecords(std::span<const KvRecord> records,
                                                    const Source& source,
                                                    const MergeRequest& request) {
  STROM_ASSIGN(const std::unique_ptr<Merger> merger, MakeMerger(shape_, request));
  const model::DeleteBehavior deletes =
      request.overwrite ? model::DeleteBehavior::kAllow : shape_->options().delete_behavior;
  const bool full_image = counts_rows();

  // Old rows of all keys at once: ordered reads are cheaper than scattered ones.
  std::unordered_map<ByteView, Current> current;
  current.reserve(records.size());
  std::vector<ByteView> unknown;
  for (const KvRecord& record : records) {
    const bool reads_old = merger->needs_old() || !record.row;
    const auto [it, is_new] = current.try_emplace(record.key);
    if (!is_new || !reads_old) continue;
    if (const auto* const known = FindInMemory(record.key)) {
      if (*known) it->second.value = **known;
    } else {
      unknown.push_back(record.key);
    }
  }
  if (!unknown.empty()) {
    std::ranges::sort(unknown);
    STROM_ASSIGN(auto found, store_.Get(space_, unknown));
    for (size_t i = 0; i < unknown.size(); ++i) {
      if (!found[i]) continue;
      Current& key = current[unknown[i]];
      key.owned = std::move(*found[i]);
      key.value = key.owned;
    }
  }

  Prepared prepared;
  ChangelogBuilder changelog(shape_);
  const auto log_update = [&](const StoredValue& old, const Row& row) -> Status {
    if (full_image) {
      STROM_ASSIGN(const Row before, shape_->Decode(old));
      STROM_TRY(changelog.Append(ChangeType::kUpdateBefore, before));
    }
    return changelog.Append(ChangeType::kUpdateAfter, row);
  };

  for (const KvRecord& record : records) {
    Current& key = current[record.key];
    std::optional<StoredValue> old;
    if (key.value) {
      STROM_ASSIGN(old, record::DecodeStoredValue(*key.value));
    }
    Merged merged;
    Row incoming;
    if (!record.row) {
      if (deletes == model::DeleteBehavior::kIgnore) continue;
      if (deletes == model::DeleteBehavior::kDisable) {
        return Err(ErrorCode::kDeletionDisabled,
                   "table {} takes no deletes: table.delete.behavior is DISABLE",
                   shape_->info().path.ToString());
      }
      if (!old) continue;
      STROM_ASSIGN(merged, merger->Delete(*old));
    } else {
      const StoredValue stored{source.schema_id, *record.row};
      auto decoded = shape_->Decode(stored);
      if (!decoded) {  // the checksum was right: it will be no better when it is sent again
        return Err(ErrorCode::kInvalidArgument, "a row for table {} cannot be read: {}",
                   shape_->info().path.ToString(), decoded.error().message);
      }
      incoming = std::move(*decoded);
      STROM_ASSIGN(const Bytes own_key, shape_->KeyOf(incoming));
      if (own_key != record.key) {
        return Err(ErrorCode::kInvalidArgument,
                   "a row for table {} came under a key that is not its own",
                   shape_->info().path.ToString());
      }
      if (merger->needs_old() && !old) {
        STROM_ASSIGN(merged, merger->Insert(stored));
      } else {
        STROM_ASSIGN(merged, merger->Update(old.value_or(StoredValue{}), stored));
      }
    }

    if (merged.kind == Merged::Kind::kKeepOld) continue;
    if (merged.kind == Merged::Kind::kRemove) {
      STROM_ASSIGN(const Row before, shape_->Decode(*old));
      STROM_TRY(changelog.Append(ChangeType::kDelete, before));
      --prepared.row_delta;
      key.Remove();
      continue;
    }
    if (!old && !shape_->latest().auto_increment.empty()) {
      if (merged.kind == Merged::Kind::kTakeNew)
        merged = Merged{Merged::Kind::kWrite, std::move(incoming)};
      STROM_TRY(FillAutoIncrement(merged.row));
    }
    const bool as_it_came = merged.kind == Merged::Kind::kTakeNew;
    const Row& row = as_it_came ? incoming : merged.row;
    STROM_TRY(shape_->CheckNotNull(row));
    if (old || !merger->needs_old()) {
      STROM_TRY(log_update(old.value_or(StoredValue{}), row));
    } else {
      STROM_TRY(changelog.Append(ChangeType::kInsert, row));
      ++prepared.row_delta;
    }
    if (as_it_came) {
      key.Set(record::EncodeStoredValue(source.schema_id, *record.row));
    } else {
      STROM_ASSIGN(Bytes encoded, shape_->Encode(row));
      key.Set(std::move(encoded));
    }
  }

  STROM_ASSIGN(prepared.changelog, changelog.Build(source.writer_id, source.sequence));
  for (auto& [key, now] : current) {
    if (!now.changed) continue;
    prepared.changes.emplace_back(Bytes(key),
                                  now.value ? std::optional(std::move(now.owned)) : std::nullopt);
  }
  return prepared;
}

Status KvTablet::FillAutoIncrement(Row& row) {
  const model::Schema& schema = shape_->latest();
  const auto position = static_cast<size_t>(schema.Find(schema.auto_increment[0]));
  const model::Column& column = schema.columns[position];
  if (next_id_ == ids_end_) {
    const int64_t count = shape_->options().auto_increment_cache;
    STROM_ASSIGN(const int64_t before, take_ids_(column.id, count));
    next_id_ = before + 1;
    ids_end_ = next_id_ + count;
  }
  if (column.type.root == model::TypeRoot::kInt && next_id_ > INT32_MAX) {
    return Err(ErrorCode::kUnknownServerError,
               "the auto-increment column '{}' of table {} has used up the numbers of INT",
               column.name, shape_->info().path.ToString());
  }
  row[position] = record::Value{next_id_++};
  return {};
}

void KvTablet::Commit(Prepared prepared, int64_t end_offset) {
  for (auto& [key, value] : prepared.changes) active_.Put(std::move(key), std::move(value));
  state_.row_count += prepared.row_delta;
  state_.log_offset = end_offset;
}

Status KvTablet::Apply(const record::LogBatchView& batch) {
  const int64_t next = batch.next_offset();
  if (next <= state_.log_offset) return {};
  if (batch.record_count() > 0) {
    // The batch has all columns of the schema that was the newest when it was written; keys and
    // values are those of the newest now.
    STROM_ASSIGN(const std::vector<TableShape::LoggedRow> rows, shape_->DecodeLog(batch));
    for (const auto& [type, row] : rows) {
      if (type == ChangeType::kUpdateBefore) continue;
      STROM_ASSIGN(Bytes key, shape_->KeyOf(row));
      if (type == ChangeType::kDelete) {
        active_.Put(std::move(key), std::nullopt);
        --state_.row_count;
        continue;
      }
      STROM_ASSIGN(Bytes value, shape_->Encode(row));
      active_.Put(std::move(key), std::move(value));
      if (type == ChangeType::kInsert) ++state_.row_count;
    }
  }
  state_.log_offset = next;
  return {};
}

void KvTablet::Freeze() {
  if (active_.empty()) return;
  frozen_ = std::make_shared<const RowBuffer>(std::exchange(active_, {}));
  frozen_state_ = state_;
}

std::optional<KvTablet::FlushJob> KvTablet::MakeFlush() {
  if (flushing_) return std::nullopt;
  if (!frozen_) Freeze();
  if (!frozen_) return std::nullopt;
  flushing_ = true;
  return FlushJob{&store_, bucket_, frozen_, frozen_state_};
}

void KvTablet::Flushed() {
  flushing_ = false;
  frozen_.reset();
}

}  // namespace strom::kv
