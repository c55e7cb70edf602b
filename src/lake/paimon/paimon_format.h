#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "lake/conventions.h"
#include "model/data_type.h"
#include "record/row.h"

namespace strom::lake::paimon {

// The documents of a Paimon table (docs/formats/paimon.md; Paimon 1.3 and 1.4, schema version 3,
// snapshot version 3).

inline constexpr int64_t kBatchCommitIdentifier = INT64_MAX;

struct Field {
  int32_t id = 0;
  std::string name;
  model::DataType type;
  std::optional<std::string> description;
};

struct TableSchema {
  int64_t id = 0;
  std::vector<Field> fields;
  int32_t highest_field_id = -1;
  std::vector<std::string> partition_keys;
  std::vector<std::string> primary_keys;
  std::map<std::string, std::string> options;
  std::optional<std::string> comment;
  Millis time_ms = 0;

  /// The number of buckets, or -1 when rows are not bucketed.
  int32_t buckets() const;
  const Field* Find(const std::string& name) const;
  /// The types of the partition columns, in partition key order.
  std::vector<model::DataType> PartitionTypes() const;
};

std::string SchemaToJson(const TableSchema& schema);
/// Errors: kCorrupt, kUnsupported (a type we do not know).
Result<TableSchema> SchemaFromJson(ByteView json);

struct Snapshot {
  int64_t id = 0;
  int64_t schema_id = 0;
  std::string base_manifest_list;
  std::string delta_manifest_list;
  std::optional<std::string> changelog_manifest_list;
  std::optional<std::string> index_manifest;
  std::string commit_user;
  int64_t commit_identifier = 0;
  std::string commit_kind = "APPEND";
  Millis time_ms = 0;
  int64_t total_records = 0;
  int64_t delta_records = 0;
  std::optional<int64_t> changelog_records;
  std::optional<int64_t> watermark;
  std::optional<std::string> statistics;
  std::map<std::string, std::string> properties;
  // Sizes are written for readers that fetch the lists at once; they may be absent in what others
  // wrote.
  std::optional<int64_t> base_manifest_list_size;
  std::optional<int64_t> delta_manifest_list_size;
  std::optional<int64_t> changelog_manifest_list_size;
};

std::string SnapshotToJson(const Snapshot& snapshot);
Result<Snapshot> SnapshotFromJson(ByteView json);

/// The serialized row without fields.
Bytes EmptyRow();

/// Minima, maxima (serialized binary rows) and null counts of some columns.
struct Stats {
  Bytes min;
  Bytes max;
  std::vector<std::optional<int64_t>> null_counts;
};

/// One file of a table, added to it or deleted from it.
struct ManifestEntry {
  bool is_delete = false;
  Bytes partition;  // serialized binary row
  int32_t bucket = 0;
  int32_t total_buckets = -1;
  std::string file_name;
  int64_t file_size = 0;
  int64_t row_count = 0;
  // Of files of primary key tables: serialized rows of the key columns, and their statistics.
  Bytes min_key = EmptyRow();
  Bytes max_key = EmptyRow();
  Stats key_stats{EmptyRow(), EmptyRow(), {}};
  Stats value_stats;
  std::optional<std::vector<std::string>> value_stats_columns;  // absent = all
  int64_t min_sequence = 0;
  int64_t max_sequence = 0;
  int64_t schema_id = 0;
  int32_t level = 0;
  Millis creation_ms = 0;
  std::optional<int64_t> delete_rows;
  bool compacted = false;  // written by a compaction, not by an append
  std::optional<std::string> external_path;

  /// Two entries with the same identity speak of the same file.
  std::string Identity() const;
};

/// Puts entries one after the other: a deletion cancels the addition before it. Deletions that
/// cancel nothing are kept.
class MergedEntries {
 public:
  void Add(ManifestEntry entry);
  std::vector<ManifestEntry> Take();

 private:
  std::vector<std::optional<ManifestEntry>> entries_;
  std::map<std::string, size_t> added_;  // by identity
};

Bytes EncodeManifest(const std::vector<ManifestEntry>& entries);
Result<std::vector<ManifestEntry>> DecodeManifest(ByteView file);

/// One manifest in a list.
struct ManifestMeta {
  std::string file_name;
  int64_t file_size = 0;
  int64_t added_files = 0;
  int64_t deleted_files = 0;
  Stats partition_stats;
  int64_t schema_id = 0;
};

Bytes EncodeManifestList(const std::vector<ManifestMeta>& manifests);
Result<std::vector<ManifestMeta>> DecodeManifestList(ByteView file);

/// The order of values of one plain type, as keys have it: nulls first, texts by their bytes.
bool Less(const record::Value& a, const record::Value& b);

/// The serialized form of a binary row: big-endian arity, then the row.
Bytes SerializeRow(size_t arity, ByteView aligned_row);
/// The aligned row in a serialized one. Errors: kCorrupt.
Result<ByteView> DeserializeRow(ByteView serialized);
/// A row as metadata keeps it, and back. Errors: kCorrupt, kInvalidArgument.
Result<Bytes> EncodeRow(const std::vector<model::DataType>& types, const record::Row& row);
Result<record::Row> DecodeRow(const std::vector<model::DataType>& types, ByteView serialized);

}  // namespace strom::lake::paimon
