#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "lake/iceberg/iceberg_schema.h"

namespace strom::lake::iceberg {

// Manifests and manifest lists (docs/formats/iceberg.md), Avro files.

enum class Content { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };

/// What a manifest says of one data or delete file.
struct FileEntry {
  enum class Status { kExisting = 0, kAdded = 1, kDeleted = 2 };
  Status status = Status::kAdded;
  std::optional<int64_t> snapshot_id;    // these three are inherited from the list where absent
  std::optional<int64_t> sequence;       // what deletes go by
  std::optional<int64_t> file_sequence;  // when the file was added

  Content content = Content::kData;
  std::string path;
  std::string format = "PARQUET";
  PartitionTuple partition;
  int64_t rows = 0;
  int64_t bytes = 0;
  using Counts = std::map<int32_t, int64_t>;  // by field id; empty when unknown
  using Bounds = std::map<int32_t, Bytes>;
  Counts column_sizes;
  Counts value_counts;
  Counts null_counts;
  Counts nan_counts;
  Bounds lower;
  Bounds upper;
  std::vector<int64_t> split_offsets;
  std::vector<int64_t> equality_ids;
  std::optional<int32_t> sort_order_id;
  std::optional<std::string> referenced_data_file;
};

/// What a manifest list says of one manifest.
struct ManifestFile {
  std::string path;
  int64_t bytes = 0;
  int32_t spec_id = 0;
  bool deletes = false;
  int64_t sequence = 0;
  int64_t min_sequence = 0;
  int64_t added_snapshot_id = 0;
  struct Count {
    int64_t files = 0;
    int64_t rows = 0;
  };
  Count added;
  Count existing;
  Count deleted;
  struct Summary {
    bool contains_null = false;
    std::optional<Bytes> lower;
    std::optional<Bytes> upper;
  };
  std::vector<Summary> partitions;
};

/// A manifest file of `entries`, which are all data or all deletes and of `spec`.
Bytes EncodeManifest(const Schema& schema, const PartitionSpec& spec, bool deletes,
                     const std::vector<FileEntry>& entries);
/// What the list says of such a manifest; path, size, sequence and snapshot are the caller's.
ManifestFile Summarize(const Schema& schema, const PartitionSpec& spec, bool deletes,
                       const std::vector<FileEntry>& entries);
/// The entries of a manifest with what they inherit from `manifest`. Errors: kCorrupt,
/// kUnsupported.
Result<std::vector<FileEntry>> DecodeManifest(ByteView file, const ManifestFile& manifest,
                                              const PartitionSpec& spec);

struct ListHead {
  int64_t snapshot_id = 0;
  std::optional<int64_t> parent;
  int64_t sequence = 0;
};
Bytes EncodeManifestList(const ListHead& head, const std::vector<ManifestFile>& manifests);
/// Errors: kCorrupt, kUnsupported.
Result<std::vector<ManifestFile>> DecodeManifestList(ByteView file);

}  // namespace strom::lake::iceberg
