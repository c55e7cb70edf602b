#include "lake/iceberg/iceberg_catalog.h"

#include "base/text.h"
#include "lake/conventions.h"
#include "lake/iceberg/iceberg_files.h"
#include "lake/iceberg/iceberg_table_internal.h"
#include "lake/iceberg/iceberg_writer_internal.h"

namespace strom::lake::iceberg {
namespace {

using model::TablePath;

constexpr const char* kOwned[] = {"write.delete.mode", "write.update.mode", "write.merge.mode",
                                  "format-version"};

Result<std::map<std::string, std::string>> PropertiesOf(const model::TableDescriptor& descriptor) {
  std::map<std::string, std::string> properties{{"write.parquet.compression-codec", "zstd"}};
  for (const auto* given : {&descriptor.properties, &descriptor.custom_properties}) {
    for (const auto& [key, value] : *given) {
      if (key.starts_with("iceberg.")) {
        const std::string own = key.substr(8);
        if (std::ranges::find(kOwned, own) != std::end(kOwned))
          return Err(ErrorCode::kInvalidConfig,
                     "the option '{}' is set by the system and cannot be given", key);
        properties[own] = value;
      } else if (!key.starts_with("table.datalake.iceberg.")) {
        properties["fluss." + key] = value;
      }
    }
  }
  if (descriptor.has_primary_key()) {
    for (const char* mode : {"write.delete.mode", "write.update.mode", "write.merge.mode"})
      properties[mode] = "merge-on-read";
  }
  return properties;
}

Result<TableMetadata> MetadataFor(const std::string& location,
                                  const model::TableDescriptor& descriptor) {
  TableMetadata::New table{location, {}, {}, {}};
  STROM_ASSIGN(table.schema, SchemaFor(descriptor));
  STROM_ASSIGN(table.spec, SpecFor(descriptor, table.schema));
  STROM_ASSIGN(table.properties, PropertiesOf(descriptor));
  STROM_ASSIGN(TableMetadata metadata, TableMetadata::Create(table, SystemClock().Now()));
  STROM_TRY(WriterOptionsOf(metadata));
  STROM_TRY(RetentionOf(metadata));
  return metadata;
}

std::string Columns(const Schema& schema) {
  std::vector<std::string> columns;
  for (const Field& field : schema.fields)
    columns.push_back(field.name + " " + field.type.ToString() +
                      (field.required ? " required" : ""));
  return Join(columns, ", ");
}

std::vector<std::string> KeyNames(const Schema& schema) {
  std::vector<std::string> names;
  for (const int32_t id : schema.identifier_ids) {
    const Field* const field = schema.FindById(id);
    names.push_back(field == nullptr ? std::string() : field->name);
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> Partitions(const TableMetadata& metadata) {
  std::vector<std::string> parts;
  for (const PartitionField& field : metadata.spec().fields) {
    const Field* const source = metadata.schema().FindById(field.source_id);
    parts.push_back(fmt::format("{} = {}({})", field.name, field.transform,
                                source == nullptr ? "?" : source->name));
  }
  return parts;
}

/// What keeps `existing` from being the lake table that `expected` describes; empty when nothing
/// does.
std::string Difference(const TableMetadata& existing, const TableMetadata& expected) {
  const std::vector<Field>& there = existing.schema().fields;
  const std::vector<Field>& here = expected.schema().fields;
  for (size_t i = 0; i < std::max(there.size(), here.size()); ++i) {
    if (i >= there.size()) return fmt::format("column {} is missing there", here[i].name);
    if (i >= here.size()) return fmt::format("column {} is there and not here", there[i].name);
    if (there[i].name != here[i].name)
      return fmt::format("column {} is {} there, {} here", i + 1, there[i].name, here[i].name);
    if (there[i].type.ToString() != here[i].type.ToString() ||
        there[i].required != here[i].required) {
      return fmt::format("{} is {}{} there, {}{} here", there[i].name, there[i].type.ToString(),
                         there[i].required ? " required" : "", here[i].type.ToString(),
                         here[i].required ? " required" : "");
    }
  }
  if (KeyNames(existing.schema()) != KeyNames(expected.schema())) return "the primary keys differ";
  if (Partitions(existing) != Partitions(expected)) {
    return fmt::format("it is partitioned by ({}) there, ({}) here",
                       Join(Partitions(existing), ", "), Join(Partitions(expected), ", "));
  }
  return {};
}

class IcebergCatalog final : public LakeCatalog {
 public:
  IcebergCatalog(io::FileSystem& files, std::string warehouse)
      : files_(files), warehouse_(std::move(warehouse)) {}

  std::string LocationOf(const TablePath& path) const override {
    return fmt::format("{}/{}/{}", warehouse_, path.database, path.table);
  }

  Status CreateTable(const TablePath& path, const model::TableDescriptor& descriptor,
                     bool may_have_rows) override {
    STROM_ASSIGN(const TableMetadata expected, MetadataFor(LocationOf(path), descriptor));
    STROM_ASSIGN(const IcebergFiles table, IcebergFiles::Make(files_, LocationOf(path)));
    STROM_ASSIGN(const auto existing, table.Load());
    if (!existing) {
      const Status created = table.Create(1, expected);
      if (!created && created.error().code == ErrorCode::kAlreadyExists)
        return CreateTable(path, descriptor, may_have_rows);
      return created;
    }
    const TableMetadata& there = existing->metadata;
    if (const std::string difference = Difference(there, expected); !difference.empty()) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "an Iceberg table {} that differs exists in {}: {}; it has ({}). Nothing was "
                 "created; drop it there or use another name",
                 path.ToString(), table.location(), difference, Columns(there.schema()));
    }
    if (there.current() != nullptr && !may_have_rows) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "an Iceberg table {} with rows exists in {}. Nothing was created; drop it there "
                 "or use another name",
                 path.ToString(), table.location());
    }
    return {};
  }

  Status AddColumns(const TablePath& path, const model::TableDescriptor& after) override {
    STROM_ASSIGN(const IcebergFiles table, IcebergFiles::Make(files_, LocationOf(path)));
    STROM_ASSIGN(const TableMetadata expected, MetadataFor(LocationOf(path), after));
    while (true) {
      STROM_ASSIGN(const auto existing, table.Load());
      if (!existing)
        return Err(ErrorCode::kNotFound, "the lake table {} is gone", table.location());
      const TableMetadata& there = existing->metadata;
      if (Difference(there, expected).empty())
        return {};  // done before, by an attempt that broke off later
      Schema next = there.schema();
      int32_t last_id = there.last_column_id();
      for (const model::Column& column : after.schema.columns) {
        if (next.Find(column.name) != nullptr) continue;
        Field field{++last_id, column.name, !column.type.nullable, {}, column.comment.value_or("")};
        STROM_ASSIGN(field.type, TypeFor(column.type, last_id));
        // Before the system columns, which stay last.
        next.fields.insert(std::ranges::find(next.fields, kBucketColumn, &Field::name),
                           std::move(field));
      }
      STROM_ASSIGN(const TableMetadata changed,
                   there.WithSchema(next, existing->path, SystemClock().Now()));
      if (const std::string difference = Difference(changed, expected); !difference.empty()) {
        return Err(ErrorCode::kLakeTableAlreadyExist,
                   "the lake table {} was changed by somebody else: {}", table.location(),
                   difference);
      }
      const Status created = table.Create(existing->number + 1, changed);
      if (created || created.error().code != ErrorCode::kAlreadyExists) return created;
    }
  }

  Result<std::unique_ptr<LakeTable>> OpenTable(const TablePath& path) override {
    STROM_ASSIGN(const IcebergFiles table, IcebergFiles::Make(files_, LocationOf(path)));
    STROM_ASSIGN(auto version, table.Load());
    if (!version)
      return Err(ErrorCode::kNotFound, "there is no lake table in {}", table.location());
    return OpenIcebergTable(std::make_shared<TableState>(table, std::move(*version)));
  }

 private:
  io::FileSystem& files_;
  const std::string warehouse_;
};

}  // namespace

Result<std::unique_ptr<LakeCatalog>> OpenIcebergCatalog(const CatalogOptions& options) {
  const auto type = options.find("type");
  if (options.contains("catalog-impl") ||
      (type != options.end() && ToLower(type->second) != "hadoop")) {
    return Err(ErrorCode::kUnsupported,
               "Iceberg catalogs of the type '{}' are not supported by this version; use hadoop",
               type == options.end() ? options.at("catalog-impl") : type->second);
  }
  const auto warehouse = options.find("warehouse");
  if (warehouse == options.end() || warehouse->second.empty())
    return Err(ErrorCode::kInvalidConfig, "datalake.iceberg.warehouse is not set");
  STROM_TRY(io::LocalPath(warehouse->second));
  std::string root = warehouse->second;
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  return std::make_unique<IcebergCatalog>(io::LocalFiles(), std::move(root));
}

}  // namespace strom::lake::iceberg
