#include "kv/merge/aggregate.h"
#include "kv/merge/merger.h"

namespace strom::kv {
namespace {

using record::Row;
using record::StoredValue;
using record::Value;
using Shape = std::shared_ptr<const TableShape>;
using enum Merged::Kind;

/// No merge engine: the newest row wins.
class LastRow : public Merger {
 public:
  explicit LastRow(const TableShape& shape)
      : needs_old_(shape.options().changelog_image == model::ChangelogImage::kFull ||
                   !shape.latest().auto_increment.empty()) {}
  Result<Merged> Update(const StoredValue&, const StoredValue&) const override {
    return Merged{kTakeNew, {}};
  }
  bool needs_old() const override { return needs_old_; }

 private:
  const bool needs_old_;
};

class FirstRow final : public Merger {
 public:
  Result<Merged> Update(const StoredValue&, const StoredValue&) const override {
    return Merged{kKeepOld, {}};
  }
};

/// The row with the higher version wins, the newer one of equals; a null is the least.
class Versioned final : public Merger {
 public:
  explicit Versioned(Shape shape)
      : shape_(std::move(shape)),
        column_(static_cast<size_t>(shape_->latest().Find(shape_->options().version_column))) {}

  Result<Merged> Update(const StoredValue& old, const StoredValue& incoming) const override {
    STROM_ASSIGN(const Version before, VersionOf(old));
    STROM_ASSIGN(const Version after, VersionOf(incoming));
    return Merged{before <= after ? kTakeNew : kKeepOld, {}};
  }

 private:
  using Version = std::pair<int64_t, int32_t>;
  Result<Version> VersionOf(const StoredValue& stored) const {
    STROM_ASSIGN(const Row row, shape_->Decode(stored));
    const Value& value = row[column_];
    if (const auto* number = std::get_if<int64_t>(&value.data)) return Version{*number, 0};
    if (const auto* time = std::get_if<record::Timestamp>(&value.data))
      return Version{time->millis, time->nanos};
    return Version{INT64_MIN, 0};
  }
  const Shape shape_;
  const size_t column_;
};

/// The columns that a request names, as flags by position in the newest schema.
using Targets = std::vector<bool>;

/// What a partial writer's row is where there was none: its columns, null in the others.
Merged OnlyTargets(const Targets& targets, Row row) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (!targets[i]) row[i] = {};
  }
  return Merged{kWrite, std::move(row)};
}

/// What a delete of a partial writer leaves: its columns are null, and the row goes when no other
/// column has a value.
Merged WithoutTargets(const TableShape& shape, const Targets& targets, Row row) {
  const model::Schema& schema = shape.latest();
  bool empty = true;
  for (size_t i = 0; i < row.size(); ++i) {
    if (schema.IsKey(schema.columns[i].name)) continue;
    if (targets[i]) row[i] = {};
    empty = empty && row[i].is_null();
  }
  if (empty) return Merged{kRemove, {}};
  return Merged{kWrite, std::move(row)};
}

/// Some columns from the new row, the others from the old.
class PartialUpdate final : public Merger {
 public:
  PartialUpdate(Shape shape, Targets targets)
      : shape_(std::move(shape)), targets_(std::move(targets)) {
    const auto key_columns = shape_->latest().primary_key.size();
    only_keys_ = static_cast<size_t>(std::ranges::count(targets_, true)) == key_columns;
  }

  Result<Merged> Insert(const StoredValue& incoming) const override {
    STROM_ASSIGN(Row row, shape_->Decode(incoming));
    return OnlyTargets(targets_, std::move(row));
  }
  Result<Merged> Update(const StoredValue& old, const StoredValue& incoming) const override {
    if (only_keys_) return Merged{kKeepOld, {}};
    STROM_ASSIGN(Row row, shape_->Decode(old));
    STROM_ASSIGN(Row fresh, shape_->Decode(incoming));
    for (size_t i = 0; i < row.size(); ++i) {
      if (targets_[i]) row[i] = std::move(fresh[i]);
    }
    return Merged{kWrite, std::move(row)};
  }
  Result<Merged> Delete(const StoredValue& old) const override {
    STROM_ASSIGN(Row row, shape_->Decode(old));
    return WithoutTargets(*shape_, targets_, std::move(row));
  }

 private:
  const Shape shape_;
  const Targets targets_;
  bool only_keys_ = false;
};

/// Each column by its own function; with `targets` only those, the others keep what they have.
class Aggregating final : public Merger {
 public:
  static Result<std::unique_ptr<Merger>> Make(Shape shape, std::optional<Targets> targets) {
    std::vector<Aggregate> aggregates;
    for (const model::Column& column : shape->latest().columns) {
      STROM_ASSIGN(const Aggregate aggregate, AggregateOf(column));
      aggregates.push_back(aggregate);
    }
    return std::unique_ptr<Merger>(
        new Aggregating(std::move(shape), std::move(targets), std::move(aggregates)));
  }

  Result<Merged> Insert(const StoredValue& incoming) const override {
    if (!targets_) return Merged{kTakeNew, {}};
    STROM_ASSIGN(Row row, shape_->Decode(incoming));
    return OnlyTargets(*targets_, std::move(row));
  }
  Result<Merged> Update(const StoredValue& old, const StoredValue& incoming) const override {
    STROM_ASSIGN(Row row, shape_->Decode(old));
    STROM_ASSIGN(const Row fresh, shape_->Decode(incoming));
    const model::Schema& schema = shape_->latest();
    for (size_t i = 0; i < row.size(); ++i) {
      if (targets_ && !(*targets_)[i]) continue;
      STROM_ASSIGN(row[i], aggregates_[i](schema.columns[i], row[i], fresh[i]));
    }
    return Merged{kWrite, std::move(row)};
  }
  Result<Merged> Delete(const StoredValue& old) const override {
    if (!targets_) return Merged{kRemove, {}};
    STROM_ASSIGN(Row row, shape_->Decode(old));
    return WithoutTargets(*shape_, *targets_, std::move(row));
  }

 private:
  Aggregating(Shape shape, std::optional<Targets> targets, std::vector<Aggregate> aggregates)
      : shape_(std::move(shape)),
        targets_(std::move(targets)),
        aggregates_(std::move(aggregates)) {}
  const Shape shape_;
  const std::optional<Targets> targets_;
  const std::vector<Aggregate> aggregates_;
};

/// Errors: kInvalidTargetColumn.
Result<Targets> TargetsOf(const TableShape& shape, std::span<const int32_t> columns) {
  const model::Schema& schema = shape.latest();
  Targets targets(schema.columns.size(), false);
  for (const int32_t column : columns) {
    if (column < 0 || static_cast<size_t>(column) >= targets.size()) {
      return Err(ErrorCode::kInvalidTargetColumn, "table {} has no column at position {}",
                 shape.info().path.ToString(), column);
    }
    targets[static_cast<size_t>(column)] = true;
  }
  for (const int key : schema.Positions(schema.primary_key)) {
    if (!targets[static_cast<size_t>(key)]) {
      return Err(ErrorCode::kInvalidTargetColumn,
                 "a partial update of table {} must name the primary key column '{}'",
                 shape.info().path.ToString(), schema.columns[static_cast<size_t>(key)].name);
    }
  }
  for (const model::Column& column : schema.columns) {
    if (!schema.IsKey(column.name) && !column.type.nullable) {
      return Err(ErrorCode::kInvalidTargetColumn,
                 "table {} cannot be updated in part: its column '{}' is NOT NULL",
                 shape.info().path.ToString(), column.name);
    }
  }
  return targets;
}

}  // namespace

Result<std::unique_ptr<Merger>> MakeMerger(Shape shape, const MergeRequest& request) {
  std::optional<Targets> targets;
  if (!request.target_columns.empty()) {
    STROM_ASSIGN(targets, TargetsOf(*shape, request.target_columns));
  }
  const model::Schema& schema = shape->latest();
  for (const std::string& name : schema.auto_increment) {
    if (!targets || (*targets)[static_cast<size_t>(schema.Find(name))]) {
      return Err(ErrorCode::kInvalidTargetColumn,
                 "the auto-increment column '{}' of table {} is filled by the server: write the "
                 "other columns only",
                 name, shape->info().path.ToString());
    }
  }
  const model::MergeEngine engine =
      request.overwrite ? model::MergeEngine::kLastRow : shape->options().merge_engine;
  switch (engine) {
    case model::MergeEngine::kFirstRow:
    case model::MergeEngine::kVersioned:
      if (targets) {
        return Err(ErrorCode::kInvalidTargetColumn,
                   "table {} cannot be updated in part: its merge engine takes whole rows only",
                   shape->info().path.ToString());
      }
      if (engine == model::MergeEngine::kFirstRow) return std::make_unique<FirstRow>();
      return std::make_unique<Versioned>(std::move(shape));
    case model::MergeEngine::kAggregation:
      return Aggregating::Make(std::move(shape), std::move(targets));
    case model::MergeEngine::kLastRow: break;
  }
  if (targets) return std::make_unique<PartialUpdate>(std::move(shape), std::move(*targets));
  return std::make_unique<LastRow>(*shape);
}

}  // namespace strom::kv
