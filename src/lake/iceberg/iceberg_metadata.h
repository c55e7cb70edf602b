#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "lake/iceberg/iceberg_schema.h"

namespace strom::lake::iceberg {

struct Snapshot {
  int64_t id = 0;
  std::optional<int64_t> parent;
  int64_t sequence = 0;
  Millis time_ms = 0;
  std::string manifest_list;
  std::map<std::string, std::string> summary;  // with "operation"
  int32_t schema_id = 0;

  std::string operation() const;
  /// A number of the summary; 0 when it has none.
  int64_t Number(const std::string& key) const;
};

// What changes a table's metadata: a document has it done (TableMetadata::With), the service of a
// catalog is told of it.
struct AddSnapshot {
  Snapshot snapshot;
};
/// The schema becomes the current one; its id is given when it does.
struct SetSchema {
  Schema schema;
};
struct RemoveSnapshots {
  std::vector<int64_t> ids;
};
using MetadataChange = std::variant<AddSnapshot, SetSchema, RemoveSnapshots>;

/// A table's metadata document, version 2. The text is kept: what others wrote and we do not know
/// survives our commits.
class TableMetadata {
 public:
  /// Errors: kCorrupt, kUnsupported (another format version).
  static Result<TableMetadata> Parse(Bytes document);
  struct New {
    std::string location;
    Schema schema;
    PartitionSpec spec;
    std::map<std::string, std::string> properties;
  };
  static Result<TableMetadata> Create(const New& table, Millis now);

  const Bytes& document() const { return document_; }
  const std::string& location() const { return location_; }
  const std::string& uuid() const { return uuid_; }
  int64_t last_sequence() const { return last_sequence_; }
  /// The highest id that a column ever had.
  int32_t last_column_id() const { return last_column_id_; }
  const Schema& schema() const { return schemas_.at(current_schema_); }
  const std::map<int32_t, Schema>& schemas() const { return schemas_; }
  const PartitionSpec& spec() const { return specs_.at(default_spec_); }
  const std::map<int32_t, PartitionSpec>& specs() const { return specs_; }
  const std::map<std::string, std::string>& properties() const { return properties_; }
  std::string Property(const std::string& key, const std::string& fallback) const;
  /// In the order of the document, oldest first.
  const std::vector<Snapshot>& snapshots() const { return snapshots_; }
  const Snapshot* Find(int64_t snapshot_id) const;
  /// Null before the first commit.
  const Snapshot* current() const { return current_ ? Find(*current_) : nullptr; }

  /// Whether branches or tags besides main hold on to snapshots.
  bool HasOtherRefs() const { return has_other_refs_; }

  /// Earlier metadata files that the document's log names, oldest first.
  const std::vector<std::string>& log() const { return log_; }

  /// The next metadata; `previous_file` is the path of this one, for the log.
  Result<TableMetadata> With(const MetadataChange& change, const std::string& previous_file,
                             Millis now) const;

 private:
  Bytes document_;
  std::string location_;
  std::string uuid_;
  int64_t last_sequence_ = 0;
  int32_t last_column_id_ = 0;
  int32_t current_schema_ = 0;
  int32_t default_spec_ = 0;
  std::map<int32_t, Schema> schemas_;
  std::map<int32_t, PartitionSpec> specs_;
  std::map<std::string, std::string> properties_;
  std::vector<Snapshot> snapshots_;
  std::optional<int64_t> current_;
  std::vector<std::string> log_;
  bool has_other_refs_ = false;
};

/// A schema as JSON, for the heads of manifests.
std::string SchemaText(const Schema& schema);
/// The fields of a spec as JSON, likewise.
std::string SpecText(const PartitionSpec& spec);

}  // namespace strom::lake::iceberg
