#include "lake/iceberg/iceberg_schema.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "base/coding.h"
#include "base/text.h"
#include "lake/conventions.h"
#include "lake/file/text_bounds.h"

namespace strom::lake::iceberg {
namespace {

using model::DataType;
using model::TypeRoot;

std::shared_ptr<arrow::DataType> ArrowType(const Type& type);

std::shared_ptr<arrow::Field> ArrowField(const Field& field) {
  return arrow::field(field.name, ArrowType(field.type), !field.required,
                      arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(field.id)}));
}

/// Precision and scale of "decimal(p, s)".
std::pair<int32_t, int32_t> DecimalOf(const std::string& name) {
  int32_t precision = 38;
  int32_t scale = 0;
  std::sscanf(name.c_str(), "decimal(%d,%d)", &precision, &scale);
  return {precision, scale};
}

std::shared_ptr<arrow::DataType> ArrowType(const Type& type) {
  const std::string& name = type.name;
  if (name == "list") return arrow::list(ArrowField(type.fields[0]));
  if (name == "map")
    return std::make_shared<arrow::MapType>(ArrowField(type.fields[0]), ArrowField(type.fields[1]));
  if (name == "struct") {
    arrow::FieldVector fields;
    for (const Field& field : type.fields) fields.push_back(ArrowField(field));
    return arrow::struct_(std::move(fields));
  }
  if (name == "boolean") return arrow::boolean();
  if (name == "int") return arrow::int32();
  if (name == "long") return arrow::int64();
  if (name == "float") return arrow::float32();
  if (name == "double") return arrow::float64();
  if (name == "date") return arrow::date32();
  if (name == "time") return arrow::time64(arrow::TimeUnit::MICRO);
  if (name == "timestamp") return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (name == "timestamptz") return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  if (name == "string") return arrow::utf8();
  if (name.starts_with("decimal(")) {
    const auto [precision, scale] = DecimalOf(name);
    return arrow::decimal128(precision, scale);
  }
  return arrow::binary();
}

/// A field's own id comes before those inside it, and siblings are numbered before their children.
Result<Type> Nested(const DataType& type, int32_t& last_id) {
  Type out;
  if (type.root == TypeRoot::kArray) {
    out.name = "list";
    out.fields.push_back({++last_id, "element", !type.element().nullable, {}, {}});
    STROM_ASSIGN(out.fields[0].type, TypeFor(type.element(), last_id));
  } else if (type.root == TypeRoot::kMap) {
    out.name = "map";
    out.fields.push_back({++last_id, "key", true, {}, {}});
    out.fields.push_back({++last_id, "value", !type.value().nullable, {}, {}});
    STROM_ASSIGN(out.fields[0].type, TypeFor(type.key(), last_id));
    STROM_ASSIGN(out.fields[1].type, TypeFor(type.value(), last_id));
  } else {
    out.name = "struct";
    for (const model::RowField& field : type.fields)
      out.fields.push_back({++last_id, field.name, !field.type.nullable, {}, {}});
    for (size_t i = 0; i < type.fields.size(); ++i) {
      STROM_ASSIGN(out.fields[i].type, TypeFor(type.fields[i].type, last_id));
    }
  }
  return out;
}

/// application/x-www-form-urlencoded, as Java's URLEncoder.
std::string FormEncoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '.' || c == '-' || c == '*' || c == '_') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

template <class T>
Bytes Le(T value) {
  Bytes out;
  AppendLe(out, value);
  return out;
}

}  // namespace

std::string Type::ToString() const {
  if (name == "list") return "list<" + fields[0].type.ToString() + ">";
  if (name == "map")
    return "map<" + fields[0].type.ToString() + ", " + fields[1].type.ToString() + ">";
  if (name != "struct") return name;
  std::vector<std::string> inner;
  for (const Field& field : fields)
    inner.push_back(field.name + (field.required ? " required " : " ") + field.type.ToString());
  return "struct<" + Join(inner, ", ") + ">";
}

const Field* Schema::Find(std::string_view name) const {
  const auto it = std::ranges::find(fields, name, &Field::name);
  return it == fields.end() ? nullptr : &*it;
}

const Field* Schema::FindById(int32_t field_id) const {
  const auto it = std::ranges::find(fields, field_id, &Field::id);
  return it == fields.end() ? nullptr : &*it;
}

Result<Type> TypeFor(const DataType& type, int32_t& last_id) {
  switch (type.root) {
    case TypeRoot::kBoolean: return Type{"boolean", {}};
    case TypeRoot::kTinyInt:
    case TypeRoot::kSmallInt:
    case TypeRoot::kInt: return Type{"int", {}};
    case TypeRoot::kBigInt: return Type{"long", {}};
    case TypeRoot::kFloat: return Type{"float", {}};
    case TypeRoot::kDouble: return Type{"double", {}};
    case TypeRoot::kChar:
    case TypeRoot::kString: return Type{"string", {}};
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return Type{"binary", {}};
    case TypeRoot::kDecimal:
      return Type{fmt::format("decimal({}, {})", type.precision, type.scale), {}};
    case TypeRoot::kDate: return Type{"date", {}};
    case TypeRoot::kTime: return Type{"time", {}};
    case TypeRoot::kTimestamp: return Type{"timestamp", {}};
    case TypeRoot::kTimestampLtz: return Type{"timestamptz", {}};
    case TypeRoot::kRow:
      if (type.fields.empty())
        return Err(ErrorCode::kInvalidTable, "a ROW without fields cannot be in an Iceberg table");
      return Nested(type, last_id);
    default: return Nested(type, last_id);
  }
}

Result<Schema> SchemaFor(const model::TableDescriptor& descriptor) {
  Schema schema;
  const model::Schema& rows = descriptor.schema;
  int32_t last_id = 0;
  for (const model::Column& column : rows.columns) {
    const bool required = !column.type.nullable || rows.IsKey(column.name);
    schema.fields.push_back({++last_id, column.name, required, {}, column.comment.value_or("")});
  }
  schema.fields.push_back({++last_id, kBucketColumn, true, {"int", {}}, {}});
  schema.fields.push_back({++last_id, kOffsetColumn, true, {"long", {}}, {}});
  schema.fields.push_back({++last_id, kTimestampColumn, true, {"timestamptz", {}}, {}});
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    STROM_ASSIGN(schema.fields[i].type, TypeFor(rows.columns[i].type, last_id));
  }
  for (const std::string& key : rows.primary_key) {
    const Field* const field = schema.Find(key);
    if (field->type.name == "float" || field->type.name == "double") {
      return Err(ErrorCode::kInvalidTable,
                 "the key column '{}' is {}, which Iceberg takes for no identifier", key,
                 field->type.name);
    }
    schema.identifier_ids.push_back(field->id);
  }
  return schema;
}

Result<PartitionSpec> SpecFor(const model::TableDescriptor& descriptor, const Schema& schema) {
  constexpr int32_t kFirstFieldId = 1000;
  PartitionSpec spec;
  const auto add = [&](const std::string& column, std::string name, std::string transform) {
    const auto id = kFirstFieldId + static_cast<int32_t>(spec.fields.size());
    spec.fields.push_back({schema.Find(column)->id, id, std::move(name), std::move(transform)});
  };
  for (const std::string& key : descriptor.partition_keys) {
    if (schema.Find(key)->type.name != "string") {
      return Err(ErrorCode::kInvalidTable,
                 "an Iceberg table is partitioned by text here; the column '{}' is {}", key,
                 schema.Find(key)->type.ToString());
    }
    add(key, key, "identity");
  }
  if (descriptor.bucket_keys.size() > 1) {
    return Err(ErrorCode::kInvalidTable,
               "an Iceberg table has one bucket key at most, this one has {}: {}. Set 'bucket.key' "
               "to one column",
               descriptor.bucket_keys.size(), Join(descriptor.bucket_keys, ", "));
  }
  if (descriptor.bucket_keys.empty()) {
    add(kBucketColumn, kBucketColumn, "identity");
  } else {
    const std::string& key = descriptor.bucket_keys[0];
    add(key, key + "_bucket", fmt::format("bucket[{}]", descriptor.bucket_count.value_or(1)));
  }
  return spec;
}

std::shared_ptr<arrow::Schema> FileSchema(const Schema& schema) {
  arrow::FieldVector fields;
  for (const Field& field : schema.fields) fields.push_back(ArrowField(field));
  return arrow::schema(std::move(fields));
}

DataType StatsType(const Type& type) {
  const std::string& name = type.name;
  const auto made = [](TypeRoot root, int32_t precision = 6, int32_t scale = 0) {
    DataType out = model::MakeType(root);
    out.precision = precision;
    out.scale = scale;
    return out;
  };
  if (type.is_nested()) {
    DataType out = made(TypeRoot::kRow);
    for (const Field& field : type.fields)
      out.fields.push_back({field.name, StatsType(field.type), {}, field.id});
    return out;
  }
  if (name == "boolean") return made(TypeRoot::kBoolean);
  if (name == "int") return made(TypeRoot::kInt);
  if (name == "long") return made(TypeRoot::kBigInt);
  if (name == "float") return made(TypeRoot::kFloat);
  if (name == "double") return made(TypeRoot::kDouble);
  if (name == "date") return made(TypeRoot::kDate);
  if (name == "time") return made(TypeRoot::kTime);
  if (name == "timestamp") return made(TypeRoot::kTimestamp);
  if (name == "timestamptz") return made(TypeRoot::kTimestampLtz);
  if (name == "string") return made(TypeRoot::kString);
  if (name.starts_with("decimal(")) {
    const auto [precision, scale] = DecimalOf(name);
    return made(TypeRoot::kDecimal, precision, scale);
  }
  return made(TypeRoot::kBytes);
}

std::string PartitionPath(const PartitionSpec& spec, const PartitionTuple& partition) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    std::string value = "null";
    if (const auto* number = std::get_if<int64_t>(&partition[i])) value = std::to_string(*number);
    if (const auto* text = std::get_if<std::string>(&partition[i])) value = FormEncoded(*text);
    parts.push_back(FormEncoded(spec.fields[i].name) + "=" + value);
  }
  return Join(parts, "/");
}

std::optional<Bytes> EncodeBound(const Type& type, const record::Value& value, bool upper) {
  const std::string& name = type.name;
  if (value.is_null() || type.is_nested()) return std::nullopt;
  if (const auto* flag = std::get_if<bool>(&value.data)) return Bytes(1, *flag ? '\1' : '\0');
  if (const auto* number = std::get_if<int64_t>(&value.data)) {
    if (name == "int" || name == "date") return Le(static_cast<int32_t>(*number));
    return Le(*number);
  }
  if (const auto* number = std::get_if<float>(&value.data)) {
    // Zeros of both signs are equal, and a bound must hold for both.
    if (*number == 0) return Le(upper ? 0.0F : -0.0F);
    return Le(*number);
  }
  if (const auto* number = std::get_if<double>(&value.data)) {
    if (*number == 0) return Le(upper ? 0.0 : -0.0);
    return Le(*number);
  }
  if (const auto* time = std::get_if<record::Timestamp>(&value.data))
    return Le(record::ToMicros(*time));
  if (const auto* decimal = std::get_if<record::Decimal>(&value.data))
    return record::UnscaledBytes(decimal->unscaled);
  if (const auto* text = std::get_if<std::string>(&value.data); text && name == "string")
    return upper ? TruncateUp(*text, kBoundChars) : std::optional(Truncate(*text, kBoundChars));
  return std::nullopt;
}

}  // namespace strom::lake::iceberg
