#include "kv/kv_tablet.h"

#include <algorithm>
#include <bit>

#include "kv/changelog.h"

namespace strom::kv {
namespace {

using record::ChangeType;
using record::KvRecord;
using record::Row;
using record::StoredValue;

/// What a key has while a batch is prepared.
struct Current {
  ByteView key;
  uint64_t hash = 0;
  std::optional<StoredValue> value;
  bool changed = false;

  void Set(std::optional<StoredValue> now) {
    value = now;
    changed = true;
  }
};

/// The keys of a batch, each once.
class KeysOfBatch {
 public:
  explicit KeysOfBatch(size_t records)
      : slots_(std::bit_ceil(records * 2 + 1), kNone), mask_(slots_.size() - 1) {
    keys_.reserve(records);
  }
  /// The place of a key among keys(), and whether it is new there.
  std::pair<uint32_t, bool> Place(ByteView key, uint64_t hash) {
    size_t at = hash & mask_;
    for (; slots_[at] != kNone; at = (at + 1) & mask_) {
      const Current& known = keys_[slots_[at]];
      if (known.hash == hash && known.key == key) return {slots_[at], false};
    }
    slots_[at] = static_cast<uint32_t>(keys_.size());
    keys_.push_back({.key = key, .hash = hash, .value = {}});
    return {slots_[at], true};
  }
  std::vector<Current>& keys() { return keys_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> slots_;
  const size_t mask_;
  std::vector<Current> keys_;
};

/// Gives each of the `unknown` keys the value that the store has; `held` keeps their bytes.
Status ReadOld(const KvStore& store, KvStore::SpaceId space, std::vector<Current>& keys,
               std::vector<uint32_t>& unknown, Bytes& held) {
  if (unknown.empty()) return {};
  std::ranges::sort(unknown, {}, [&](uint32_t place) { return keys[place].key; });
  std::vector<ByteView> sorted;
  sorted.reserve(unknown.size());
  for (const uint32_t place : unknown) sorted.push_back(keys[place].key);
  struct Found {
    uint32_t place;
    size_t from;
    size_t bytes;
  };
  std::vector<Found> found;
  STROM_TRY(store.Get(space, sorted, [&](size_t i, ByteView value) {
    found.push_back({unknown[i], held.size(), value.size()});
    held += value;
  }));
  for (const Found& one : found) {
    STROM_ASSIGN(keys[one.place].value,
                 record::DecodeStoredValue(ByteView(held).substr(one.from, one.bytes)));
  }
  return {};
}

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

const Change* KvTablet::FindInMemory(ByteView key, uint64_t hash) const {
  if (const Change* const known = active_.Find(key, hash)) return known;
  return frozen_ ? frozen_->Find(key, hash) : nullptr;
}

std::vector<uint64_t> KvTablet::Hashes(std::span<const ByteView> keys) const {
  std::vector<uint64_t> hashes;
  hashes.reserve(keys.size());
  const auto each = [&](auto&& visit) {
    visit(active_);
    if (frozen_) visit(*frozen_);
  };
  for (const ByteView key : keys) {
    const uint64_t hash = hashes.emplace_back(RowBuffer::Hash(key));
    each([hash](const RowBuffer& rows) { rows.Prefetch(hash); });
  }
  for (const uint64_t hash : hashes)
    each([hash](const RowBuffer& rows) { rows.PrefetchChange(hash); });
  return hashes;
}

Status KvTablet::Get(std::span<const ByteView> keys, const KvStore::Found& found) const {
  const std::vector<uint64_t> hashes = Hashes(keys);
  std::vector<size_t> asked;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (const Change* const known = FindInMemory(keys[i], hashes[i])) {
      if (const auto value = known->value()) found(i, *value);
    } else {
      asked.push_back(i);
    }
  }
  if (asked.empty()) return {};
  std::ranges::sort(asked, {}, [&](size_t i) { return keys[i]; });
  std::vector<ByteView> sorted;
  sorted.reserve(asked.size());
  for (const size_t i : asked) sorted.push_back(keys[i]);
  return store_.Get(space_, sorted, [&](size_t i, ByteView value) { found(asked[i], value); });
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
    for (const Change* const change : active_.Sorted()) copy->Put(change->key(), change->value());
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
  std::vector<bool> there(keys.size());
  STROM_TRY(Get(keys, [&](size_t i, ByteView) { there[i] = true; }));
  std::deque<Bytes> rows;
  std::vector<KvRecord> records;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (there[i]) continue;
    STROM_ASSIGN(const Row row, shape_->RowOfKey(keys[i]));
    STROM_ASSIGN(const Bytes stored, shape_->Encode(row));
    rows.push_back(stored.substr(sizeof(int16_t)));
    records.push_back({keys[i], ByteView(rows.back())});
  }
  if (records.empty()) return std::nullopt;
  const model::Schema& schema = shape_->latest();
  const std::vector<int> positions = schema.Positions(schema.primary_key);
  const std::vector<int32_t> targets(positions.begin(), positions.end());
  STROM_ASSIGN(Prepared prepared, PrepareRecords(records, {.schema_id = shape_->latest_id()},
                                                 {.target_columns = targets}, std::move(rows)));
  return prepared;
}

Result<KvTablet::Prepared> KvTablet::PrepareRecords(std::span<const KvRecord> records,
                                                    const Source& source,
                                                    const MergeRequest& request,
                                                    std::deque<Bytes> made) {
  STROM_ASSIGN(const std::unique_ptr<Merger> merger, MakeMerger(shape_, request));
  const model::DeleteBehavior deletes =
      request.overwrite ? model::DeleteBehavior::kAllow : shape_->options().delete_behavior;
  const bool full_image = counts_rows();

  // Old rows of all keys at once: ordered reads are cheaper than scattered ones.
  std::vector<ByteView> record_keys;
  record_keys.reserve(records.size());
  for (const KvRecord& record : records) record_keys.push_back(record.key);
  const std::vector<uint64_t> hashes = Hashes(record_keys);
  KeysOfBatch batch(records.size());
  std::vector<Current>& keys = batch.keys();
  std::vector<uint32_t> key_of;  // by record
  key_of.reserve(records.size());
  std::vector<uint32_t> unknown;
  for (size_t i = 0; i < records.size(); ++i) {
    const bool reads_old = merger->needs_old() || !records[i].row;
    const auto [place, is_new] = batch.Place(records[i].key, hashes[i]);
    key_of.push_back(place);
    if (!is_new || !reads_old) continue;
    if (const Change* const known = FindInMemory(records[i].key, hashes[i])) {
      if (const auto value = known->value()) {
        STROM_ASSIGN(keys[place].value, record::DecodeStoredValue(*value));
      }
    } else {
      unknown.push_back(place);
    }
  }
  Bytes old_values;
  STROM_TRY(ReadOld(store_, space_, keys, unknown, old_values));

  Prepared prepared;
  prepared.made = std::move(made);
  ChangelogBuilder changelog(shape_, records.size() * 2);
  record::Fields incoming;
  record::Fields before;
  const auto log_update = [&](const std::optional<StoredValue>& old, const auto& row) -> Status {
    if (full_image) {
      STROM_TRY(shape_->Split(old.value_or(StoredValue{}), before));
      STROM_TRY(changelog.Append(ChangeType::kUpdateBefore, before));
    }
    return changelog.Append(ChangeType::kUpdateAfter, row);
  };
  const auto log_new = [&](const std::optional<StoredValue>& old, const auto& row) -> Status {
    STROM_TRY(shape_->CheckNotNull(row));
    if (old || !merger->needs_old()) return log_update(old, row);
    ++prepared.row_delta;
    return changelog.Append(ChangeType::kInsert, row);
  };

  for (size_t i = 0; i < records.size(); ++i) {
    const KvRecord& record = records[i];
    Current& key = keys[key_of[i]];
    const std::optional<StoredValue> old = key.value;
    Merged merged;
    StoredValue stored;
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
      stored = {source.schema_id, *record.row};
      STROM_TRY(CheckIncoming(record.key, stored, incoming));
      if (merger->needs_old() && !old) {
        STROM_ASSIGN(merged, merger->Insert(stored));
      } else {
        STROM_ASSIGN(merged, merger->Update(old.value_or(StoredValue{}), stored));
      }
    }

    if (merged.kind == Merged::Kind::kKeepOld) continue;
    if (merged.kind == Merged::Kind::kRemove) {
      STROM_TRY(shape_->Split(*old, before));
      STROM_TRY(changelog.Append(ChangeType::kDelete, before));
      --prepared.row_delta;
      key.Set(std::nullopt);
      continue;
    }
    if (!old && !shape_->latest().auto_increment.empty()) {
      if (merged.kind == Merged::Kind::kTakeNew) {
        STROM_ASSIGN(merged.row, shape_->Decode(stored));
        merged.kind = Merged::Kind::kWrite;
      }
      STROM_TRY(FillAutoIncrement(merged.row));
    }
    if (merged.kind == Merged::Kind::kTakeNew) {
      STROM_TRY(log_new(old, incoming));
      key.Set(stored);
    } else {
      STROM_TRY(log_new(old, merged.row));
      STROM_ASSIGN(Bytes encoded, shape_->Encode(merged.row));
      STROM_ASSIGN(const StoredValue own,
                   record::DecodeStoredValue(prepared.made.emplace_back(std::move(encoded))));
      key.Set(own);
    }
  }

  STROM_ASSIGN(prepared.changelog, changelog.Build(source.writer_id, source.sequence));
  prepared.changes.reserve(keys.size());
  for (const Current& key : keys) {
    if (key.changed) prepared.changes.push_back({key.key, key.hash, key.value});
  }
  return prepared;
}

Status KvTablet::CheckIncoming(ByteView key, const StoredValue& stored,
                               record::Fields& fields) const {
  const auto own_key = [&]() -> Result<Bytes> {
    STROM_TRY(shape_->Split(stored, fields));
    return shape_->KeyOf(fields);
  }();
  // The checksum was right: what cannot be read now will be no better when it is sent again.
  if (!own_key) {
    return Err(ErrorCode::kInvalidArgument, "a row for table {} cannot be read: {}",
               shape_->info().path.ToString(), own_key.error().message);
  }
  if (*own_key == key) return {};
  return Err(ErrorCode::kInvalidArgument, "a row for table {} came under a key that is not its own",
             shape_->info().path.ToString());
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
  for (const Prepared::NewRow& row : prepared.changes) {
    if (row.value) {
      active_.Put(row.key, row.hash, record::StoredHead(row.value->schema_id), row.value->row);
    } else {
      active_.Remove(row.key, row.hash);
    }
  }
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
      STROM_ASSIGN(const Bytes key, shape_->KeyOf(row));
      if (type == ChangeType::kDelete) {
        active_.Put(key, std::nullopt);
        --state_.row_count;
        continue;
      }
      STROM_ASSIGN(const Bytes value, shape_->Encode(row));
      active_.Put(key, value);
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
