#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/clock.h"
#include "base/result.h"
#include "model/table.h"
#include "record/log_batch.h"
#include "record/value.h"

namespace strom::lake {

/// Catalog options as the cluster has them, without their `datalake.<format>.` prefix ("warehouse",
/// "metastore", ...).
using CatalogOptions = std::map<std::string, std::string>;

/// A data file that was written and is not part of the table yet.
class LakeFile {
 public:
  virtual ~LakeFile() = default;
  virtual int64_t rows() const = 0;
  virtual int64_t bytes() const = 0;
};
using LakeFiles = std::vector<std::unique_ptr<LakeFile>>;

/// Writes the rows of one bucket (of one partition) of a round. Blocking; one owner. Memory: one
/// row group.
class LakeWriter {
 public:
  virtual ~LakeWriter() = default;
  /// `rows`: the stream table's columns in schema order, one log batch whose first row has
  /// `base_offset`, or rows of a key snapshot, which have no offset: kNoOffset, and before all that
  /// have one. `changes`: the kind of each row of a primary key table; empty when all are appended.
  static constexpr int64_t kNoOffset = -1;
  virtual Status Write(const arrow::RecordBatch& rows, int64_t base_offset, Millis timestamp,
                       std::span<const record::ChangeType> changes) = 0;
  /// Closes the files and makes them durable.
  virtual Result<LakeFiles> Finish() = 0;
};

/// A data file of a snapshot, for readers.
struct DataFile {
  std::string path;
  std::string format;  // parquet, orc
  int64_t rows = 0;
  int64_t bytes = 0;
  int32_t bucket = 0;
  std::string partition;             // "dt=2025/region=eu", empty without partitions
  std::vector<std::string> columns;  // those that the file has, without system columns
  /// Where files are read by field ids: the id of each of `columns`, which a file may lack; system
  /// columns are then among them.
  std::vector<int32_t> field_ids;
  /// Files of positions (file_path, pos) that are no rows any more, of this file and of others.
  std::vector<std::string> deletes;
  /// Files of keys whose rows are gone from data files of a lower sequence.
  struct KeyDeletes {
    std::string path;
    int64_t sequence = 0;
  };
  std::vector<KeyDeletes> key_deletes;
  int64_t sequence = 0;
  /// Of a primary key table: no other file has rows for its keys, and none of its rows deletes.
  bool merged = false;
};

struct SnapshotInfo {
  int64_t snapshot_id = 0;
  int64_t schema_id = 0;
  std::string commit_user;
  std::string commit_kind;
  Millis commit_ms = 0;
  int64_t total_records = 0;
  int64_t delta_records = 0;
  // What only some formats have.
  std::optional<int64_t> parent_id = {};
  std::string manifest_list = {};
  std::map<std::string, std::string> summary = {};
};

/// One bucket of one partition; `partition` has a value for each partition column.
struct LakeBucket {
  int32_t bucket = 0;
  record::Row partition;
};

/// What one commit changes.
struct LakeChange {
  LakeFiles files;
  /// Buckets of a primary key table whose rows so far go: `files` have all that they have now.
  std::vector<LakeBucket> replaced;
};

/// One lake table. Blocking; one caller at a time.
class LakeTable {
 public:
  virtual ~LakeTable() = default;

  virtual Result<std::unique_ptr<LakeWriter>> NewWriter(const model::Schema& rows,
                                                        int32_t bucket) = 0;
  /// Makes `change` one snapshot that names `offsets_path`; an empty change makes an empty one.
  /// Returns its id. Errors: kConflict (gave up after losing the race too often),
  /// kFencedTieringEpoch (another tiering worker committed since OwnCommitAfter was asked),
  /// kOutcomeUnknown, kIo. Compact likewise.
  virtual Result<int64_t> Commit(const LakeChange& change, const std::string& offsets_path) = 0;
  /// How much a compaction may do. kAtRest: the table has got no rows for a while, so what readers
  /// have to merge may be merged for them, unless that rewrites many times what is new. kAll: all
  /// of it.
  enum class Effort { kAsNeeded, kAtRest, kAll };
  /// Rewrites small and overlapping files into fewer, as one more snapshot that names
  /// `offsets_path`; returns its id, or nothing when there was nothing to gain. `beat` is called
  /// now and then; its error ends the work without a trace. Errors: kConflict (somebody else
  /// changed the same files), kOutcomeUnknown, kIo.
  virtual Result<std::optional<int64_t>> Compact(const std::string& offsets_path, Effort effort,
                                                 const std::function<Status()>& beat) = 0;
  /// Removes snapshots that the table's own options keep no longer, and the files that only they
  /// have; never `registered` or later ones. Returns how many went. Errors: kIo, kCorrupt,
  /// kInvalidConfig.
  virtual Result<int64_t> ExpireSnapshots(int64_t registered, Millis now) = 0;

  /// Removes files that no snapshot, branch or tag has any more or yet: what writers left that
  /// were killed. Only such as were last changed before `before`, since younger ones may be of a
  /// commit under way. Returns how many went. Errors: kIo, kCorrupt, kUnsupported (the table has
  /// parts that are not understood, and nothing was removed).
  virtual Result<int64_t> RemoveOrphans(Millis before) = 0;

  /// Removes files that will never be committed.
  virtual void Discard(const LakeFiles& files) = 0;

  /// The newest snapshot that a tiering service committed, and the offsets file it names.
  struct OwnCommit {
    int64_t snapshot_id = 0;
    std::string offsets_path;
  };
  /// Nothing unless it is newer than the `registered` one. From then on commits of this object
  /// stand on what was found: a worker that was replaced and comes late commits nothing. Errors:
  /// kCorrupt when it names no file, or when it cannot be told which is newer.
  virtual Result<std::optional<OwnCommit>> OwnCommitAfter(std::optional<int64_t> registered) = 0;

  /// The files of a snapshot. Errors: kNotFound when it is gone.
  virtual Result<std::vector<DataFile>> Plan(int64_t snapshot_id) = 0;
  /// Oldest first; empty before the first commit.
  virtual Result<std::vector<SnapshotInfo>> Snapshots() = 0;
};

/// One thing that a lake needs, and whether it is so.
struct Check {
  std::string what;  // "warehouse writable"
  bool ok = false;
  std::string detail;  // where, or what is wrong
};

/// The tables of one lake. Blocking; one caller at a time.
class LakeCatalog {
 public:
  virtual ~LakeCatalog() = default;

  /// Creates the lake table of a stream table, with its system columns. An empty table of ours with
  /// equal columns is taken over; so is one with rows when `may_have_rows` (the lake is switched on
  /// again). Errors: kLakeTableAlreadyExist (a foreign, different or filled table; nothing was
  /// changed), kInvalidTable, kIo.
  virtual Status CreateTable(const model::TablePath& path, const model::TableDescriptor& descriptor,
                             bool may_have_rows) = 0;
  /// Adds the columns of `after` that the lake table lacks. Errors: kLakeTableAlreadyExist (it
  /// differs otherwise), kNotFound, kIo.
  virtual Status AddColumns(const model::TablePath& path, const model::TableDescriptor& after) = 0;
  /// Errors: kNotFound.
  virtual Result<std::unique_ptr<LakeTable>> OpenTable(const model::TablePath& path) = 0;
  /// Looks whether tables can be made and written here; leaves everything as it was.
  virtual std::vector<Check> Preflight() = 0;
  /// Where the table's files lie.
  virtual std::string LocationOf(const model::TablePath& path) const = 0;
};

/// The options of `format`'s catalog among `values`, whose keys are `scope` + "<format>." + option.
CatalogOptions CatalogOptionsIn(const std::map<std::string, std::string>& values,
                                std::string_view scope, model::LakeFormat format);

/// Errors: kInvalidConfig naming the option, kUnsupported for a format or catalog kind that cannot
/// be written.
Result<std::unique_ptr<LakeCatalog>> OpenCatalog(model::LakeFormat format,
                                                 const CatalogOptions& options);

}  // namespace strom::lake
