#include "lake/paimon/paimon_catalog.h"

#include "base/text.h"
#include "lake/paimon/paimon_files.h"
#include "lake/paimon/paimon_table.h"
#include "lake/preflight.h"

namespace strom::lake::paimon {
namespace {

using model::TablePath;
using model::TypeRoot;

constexpr const char* kOwned[] = {"bucket", "bucket-key", "partition.legacy-name", "path"};

bool IsOwned(const std::string& option) {
  return std::ranges::find(kOwned, option) != std::end(kOwned);
}

/// Paimon numbers nested fields after all top-level ones.
void NumberNested(model::DataType& type, int32_t& highest) {
  for (model::RowField& field : type.fields) {
    if (type.root == TypeRoot::kRow) field.id = ++highest;
    NumberNested(field.type, highest);
  }
}

std::vector<Field> SystemFields() {
  model::DataType timestamp = model::MakeType(TypeRoot::kTimestampLtz);
  timestamp.precision = 3;
  return {{0, kBucketColumn, model::MakeType(TypeRoot::kInt), {}},
          {0, kOffsetColumn, model::MakeType(TypeRoot::kBigInt), {}},
          {0, kTimestampColumn, timestamp, {}}};
}

Result<std::map<std::string, std::string>> OptionsOf(const model::TableDescriptor& descriptor) {
  std::map<std::string, std::string> options;
  for (const auto* properties : {&descriptor.properties, &descriptor.custom_properties}) {
    for (const auto& [key, value] : *properties) {
      if (key.starts_with("paimon.")) {
        const std::string own = key.substr(7);
        if (IsOwned(own))
          return Err(ErrorCode::kInvalidConfig,
                     "the option '{}' is set by the system and cannot be given", key);
        options[own] = value;
      } else if (!key.starts_with("table.datalake.paimon.")) {
        options["fluss." + key] = value;
      }
    }
  }
  options["partition.legacy-name"] = "false";
  if (descriptor.has_primary_key()) options.try_emplace("changelog-producer", "input");
  if (descriptor.bucket_keys.empty()) {
    options["bucket"] = "-1";
  } else {
    options["bucket"] = std::to_string(descriptor.bucket_count.value_or(1));
    options["bucket-key"] = Join(descriptor.bucket_keys, ",");
  }
  return options;
}

Result<TableSchema> SchemaFor(const model::TableDescriptor& descriptor) {
  TableSchema schema;
  for (const model::Column& column : descriptor.schema.columns)
    schema.fields.push_back({0, column.name, column.type, column.comment});
  for (Field& field : SystemFields()) schema.fields.push_back(std::move(field));
  for (Field& field : schema.fields) field.id = ++schema.highest_field_id;
  for (Field& field : schema.fields) NumberNested(field.type, schema.highest_field_id);
  schema.partition_keys = descriptor.partition_keys;
  schema.primary_keys = descriptor.schema.primary_key;
  schema.comment = descriptor.comment;
  STROM_ASSIGN(schema.options, OptionsOf(descriptor));
  STROM_TRY(CheckWritable(schema));
  schema.time_ms = SystemClock().Now();
  return schema;
}

std::string Columns(const TableSchema& schema) {
  std::vector<std::string> columns;
  for (const Field& field : schema.fields)
    columns.push_back(field.name + " " + field.type.ToString());
  return Join(columns, ", ");
}

/// What keeps `existing` from being the lake table that `expected` describes; empty when nothing
/// does.
std::string Difference(const TableSchema& existing, const TableSchema& expected) {
  const auto same_type = [](const Field& a, const Field& b) {
    model::DataType left = a.type;  // ids are each side's own
    model::DataType right = b.type;
    int32_t x = 0;
    int32_t y = 0;
    NumberNested(left, x);
    NumberNested(right, y);
    if (left.root == TypeRoot::kTime) left.precision = right.precision = 0;  // stored as TIME(0)
    return left.ToString() == right.ToString();
  };
  for (size_t i = 0; i < std::max(existing.fields.size(), expected.fields.size()); ++i) {
    if (i >= existing.fields.size())
      return fmt::format("column {} is missing there", expected.fields[i].name);
    if (i >= expected.fields.size())
      return fmt::format("column {} is there and not here", existing.fields[i].name);
    const Field& there = existing.fields[i];
    const Field& here = expected.fields[i];
    if (there.name != here.name)
      return fmt::format("column {} is {} there, {} here", i + 1, there.name, here.name);
    if (!same_type(there, here))
      return fmt::format("{} is {} there, {} here", there.name, there.type.ToString(),
                         here.type.ToString());
  }
  if (existing.partition_keys != expected.partition_keys) return "the partition keys differ";
  if (existing.primary_keys != expected.primary_keys) return "the primary keys differ";
  for (const char* option : {"bucket", "bucket-key", "partition.legacy-name"}) {
    const auto value = [&](const TableSchema& s) {
      const auto it = s.options.find(option);
      return it == s.options.end() ? std::string() : it->second;
    };
    if (value(existing) != value(expected)) {
      return fmt::format("the option {} is '{}' there, '{}' here", option, value(existing),
                         value(expected));
    }
  }
  return {};
}

class PaimonCatalog final : public LakeCatalog {
 public:
  PaimonCatalog(io::FileSystem& files, std::string warehouse)
      : files_(files), warehouse_(std::move(warehouse)) {}

  std::string LocationOf(const TablePath& path) const override {
    return fmt::format("{}/{}.db/{}", warehouse_, path.database, path.table);
  }

  Status CreateTable(const TablePath& path, const model::TableDescriptor& descriptor,
                     bool may_have_rows) override {
    STROM_ASSIGN(const TableSchema expected, SchemaFor(descriptor));
    const PaimonFiles table(files_, LocationOf(path));
    STROM_ASSIGN(const auto existing, table.LatestSchema());
    if (!existing) {
      const Status created = table.CreateSchema(expected);
      if (!created && created.error().code == ErrorCode::kAlreadyExists)
        return CreateTable(path, descriptor, may_have_rows);
      return created;
    }
    if (const std::string difference = Difference(*existing, expected); !difference.empty()) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "a Paimon table {} that differs exists in {}: {}; it has ({}). Nothing was "
                 "created; drop it there or use another name",
                 path.ToString(), table.dir(), difference, Columns(*existing));
    }
    STROM_ASSIGN(const auto snapshot, table.LatestSnapshotId());
    if (snapshot && !may_have_rows) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "a Paimon table {} with rows exists in {}. Nothing was created; drop it there or "
                 "use another name",
                 path.ToString(), table.dir());
    }
    return {};
  }

  Status AddColumns(const TablePath& path, const model::TableDescriptor& after) override {
    const PaimonFiles table(files_, LocationOf(path));
    STROM_ASSIGN(const auto existing, table.LatestSchema());
    if (!existing) return Err(ErrorCode::kNotFound, "the lake table {} is gone", table.dir());
    STROM_ASSIGN(const TableSchema expected, SchemaFor(after));
    if (Difference(*existing, expected).empty())
      return {};  // done before, by an attempt that broke off later
    TableSchema next = *existing;
    ++next.id;
    next.time_ms = SystemClock().Now();
    for (const model::Column& column : after.schema.columns) {
      if (next.Find(column.name) != nullptr) continue;
      Field field{++next.highest_field_id, column.name, column.type, column.comment};
      NumberNested(field.type, next.highest_field_id);
      // Before the system columns, which stay last.
      next.fields.insert(std::ranges::find(next.fields, kBucketColumn, &Field::name),
                         std::move(field));
    }
    if (const std::string difference = Difference(next, expected); !difference.empty()) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "the lake table {} was changed by somebody else: {}", table.dir(), difference);
    }
    return table.CreateSchema(next);
  }

  std::vector<Check> Preflight() override { return CheckWarehouse(files_, warehouse_); }

  Result<std::unique_ptr<LakeTable>> OpenTable(const TablePath& path) override {
    PaimonFiles table(files_, LocationOf(path));
    STROM_ASSIGN(const auto schema, table.LatestSchema());
    if (!schema) return Err(ErrorCode::kNotFound, "there is no lake table in {}", table.dir());
    return OpenPaimonTable(std::move(table), *schema);
  }

 private:
  io::FileSystem& files_;
  const std::string warehouse_;
};

}  // namespace

Result<std::unique_ptr<LakeCatalog>> OpenPaimonCatalog(const CatalogOptions& options) {
  const auto metastore = options.find("metastore");
  if (metastore != options.end() && ToLower(metastore->second) != "filesystem") {
    return Err(ErrorCode::kUnsupported,
               "Paimon catalogs of kind '{}' are not supported by this version; use filesystem",
               metastore->second);
  }
  const auto warehouse = options.find("warehouse");
  if (warehouse == options.end() || warehouse->second.empty()) {
    return Err(ErrorCode::kInvalidConfig, "datalake.paimon.warehouse is not set");
  }
  STROM_ASSIGN(const std::string path, io::LocalPath(warehouse->second));
  return std::make_unique<PaimonCatalog>(io::LocalFiles(), path);
}

}  // namespace strom::lake::paimon
