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
  IcebergCatalog(io::FileSystem& files, std::unique_ptr<VersionCatalog> catalog)
      : files_(files), catalog_(std::move(catalog)) {}

  std::string LocationOf(const TablePath& path) const override {
    return catalog_->LocationOf(path);
  }

  Status CreateTable(const TablePath& path, const model::TableDescriptor& descriptor,
                     bool may_have_rows) override {
    STROM_ASSIGN(const TableMetadata expected, MetadataFor(LocationOf(path), descriptor));
    const auto versions = catalog_->VersionsOf(path);
    STROM_ASSIGN(const auto existing, versions->Load());
    if (!existing) {
      STROM_TRY(catalog_->MakeNamespace(path.database));
      const Status created = versions->Create(expected);
      if (!created && created.error().code == ErrorCode::kAlreadyExists)
        return CreateTable(path, descriptor, may_have_rows);
      return created;
    }
    const TableMetadata& there = existing->metadata;
    if (const std::string difference = Difference(there, expected); !difference.empty()) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "an Iceberg table {} that differs exists in {}: {}; it has ({}). Nothing was "
                 "created; drop it there or use another name",
                 path.ToString(), there.location(), difference, Columns(there.schema()));
    }
    if (there.current() != nullptr && !may_have_rows) {
      return Err(ErrorCode::kLakeTableAlreadyExist,
                 "an Iceberg table {} with rows exists in {}. Nothing was created; drop it there "
                 "or use another name",
                 path.ToString(), there.location());
    }
    return {};
  }

  Status AddColumns(const TablePath& path, const model::TableDescriptor& after) override {
    STROM_ASSIGN(const TableMetadata expected, MetadataFor(LocationOf(path), after));
    const auto versions = catalog_->VersionsOf(path);
    while (true) {
      STROM_ASSIGN(const auto existing, versions->Load());
      if (!existing) return Err(ErrorCode::kNotFound, "the lake table {} is gone", path.ToString());
      const TableMetadata& there = existing->metadata;
      if (Difference(there, expected).empty())
        return {};  // done before, by an attempt that broke off later
      SetSchema change{there.schema()};
      int32_t last_id = there.last_column_id();
      for (const model::Column& column : after.schema.columns) {
        if (change.schema.Find(column.name) != nullptr) continue;
        Field field{++last_id, column.name, !column.type.nullable, {}, column.comment.value_or("")};
        STROM_ASSIGN(field.type, TypeFor(column.type, last_id));
        // Before the system columns, which stay last.
        std::vector<Field>& fields = change.schema.fields;
        fields.insert(std::ranges::find(fields, kBucketColumn, &Field::name), std::move(field));
      }
      STROM_ASSIGN(const TableMetadata changed,
                   there.With(change, existing->path, SystemClock().Now()));
      if (const std::string difference = Difference(changed, expected); !difference.empty()) {
        return Err(ErrorCode::kLakeTableAlreadyExist,
                   "the lake table {} was changed by somebody else: {}", there.location(),
                   difference);
      }
      const Status committed = versions->Commit(*existing, change);
      if (committed || committed.error().code != ErrorCode::kAlreadyExists) return committed;
    }
  }

  Result<std::unique_ptr<LakeTable>> OpenTable(const TablePath& path) override {
    auto versions = catalog_->VersionsOf(path);
    STROM_ASSIGN(auto version, versions->Load());
    if (!version) {
      return Err(ErrorCode::kNotFound, "there is no lake table in {}", catalog_->LocationOf(path));
    }
    const std::string location = version->metadata.location();
    STROM_ASSIGN(const IcebergFiles table,
                 IcebergFiles::Make(files_, std::move(versions), location));
    return OpenIcebergTable(std::make_shared<TableState>(table, std::move(*version)));
  }

  std::vector<Check> Preflight() override { return catalog_->Preflight(); }

 private:
  io::FileSystem& files_;
  const std::unique_ptr<VersionCatalog> catalog_;
};

}  // namespace

Result<std::unique_ptr<LakeCatalog>> OpenIcebergCatalog(const CatalogOptions& options) {
  const auto given = [&](const char* key) {
    const auto it = options.find(key);
    return it == options.end() ? std::string() : it->second;
  };
  const std::string kind = options.contains("catalog-impl") ? given("catalog-impl")
                           : options.contains("type")       ? ToLower(given("type"))
                                                            : "hadoop";
  io::FileSystem& files = io::LocalFiles();
  std::unique_ptr<VersionCatalog> catalog;
  if (kind == "rest") {
    STROM_ASSIGN(catalog, OpenRestCatalog(options));
  } else if (kind == "jdbc") {
    STROM_ASSIGN(catalog, OpenSqlCatalog(files, options));
  } else if (kind == "hadoop") {
    std::string root = given("warehouse");
    if (root.empty())
      return Err(ErrorCode::kInvalidConfig, "datalake.iceberg.warehouse is not set");
    while (root.size() > 1 && root.ends_with('/')) root.pop_back();
    STROM_ASSIGN(catalog, OpenFolderCatalog(files, std::move(root)));
  } else {
    return Err(ErrorCode::kUnsupported,
               "Iceberg catalogs of the type '{}' are not supported by this version; use hadoop, "
               "rest or jdbc",
               kind);
  }
  return std::make_unique<IcebergCatalog>(files, std::move(catalog));
}

}  // namespace strom::lake::iceberg
