#include "sql/engine_types.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/datum.h>
#include <arrow/type.h>

#include "base/text.h"
#include "record/arrow_batch.h"
#include "sql/lexer.h"

namespace strom::sql {

using model::DataType;
using model::TypeRoot;

std::shared_ptr<arrow::DataType> EngineType(const DataType& type) {
  switch (type.root) {
    case TypeRoot::kTime: return arrow::time64(arrow::TimeUnit::MICRO);
    case TypeRoot::kTimestamp:
      return arrow::timestamp(type.precision > 6 ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO);
    case TypeRoot::kTimestampLtz: return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case TypeRoot::kBinary: return arrow::binary();
    default: return record::ToArrowType(type);
  }
}

std::string EngineTypeName(const DataType& type) {
  switch (type.root) {
    case TypeRoot::kChar:
    case TypeRoot::kString: return "VARCHAR";
    case TypeRoot::kBinary:
    case TypeRoot::kBytes: return "BLOB";
    case TypeRoot::kDecimal: return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeRoot::kTime: return "TIME";
    case TypeRoot::kTimestamp: return type.precision > 6 ? "TIMESTAMP_NS" : "TIMESTAMP";
    case TypeRoot::kTimestampLtz: return "TIMESTAMPTZ";
    case TypeRoot::kInt: return "INTEGER";
    case TypeRoot::kArray: return EngineTypeName(type.element()) + "[]";
    case TypeRoot::kMap:
      return "MAP(" + EngineTypeName(type.key()) + ", " + EngineTypeName(type.value()) + ")";
    case TypeRoot::kRow: {
      std::vector<std::string> fields;
      for (const model::RowField& field : type.fields)
        fields.push_back(QuoteName(field.name) + " " + EngineTypeName(field.type));
      return "STRUCT(" + Join(fields, ", ") + ")";
    }
    default: {
      DataType bare = type;
      bare.nullable = true;
      return bare.ToString();
    }
  }
}

Result<std::shared_ptr<arrow::Array>> CastTo(const std::shared_ptr<arrow::Array>& array,
                                             const std::shared_ptr<arrow::DataType>& type) {
  if (array->type()->Equals(*type)) return array;
  if (array->type_id() == arrow::Type::INT32 && type->id() == arrow::Type::TIME64) {
    // Milliseconds of the day, as ORC files keep them.
    auto data = array->data()->Copy();
    data->type = arrow::time32(arrow::TimeUnit::MILLI);
    return CastTo(arrow::MakeArray(data), type);
  }
  const bool from_time = array->type_id() == arrow::Type::TIMESTAMP;
  if (from_time && type->id() == arrow::Type::TIMESTAMP) {
    // A zone is a label here, never a shift: rows keep UTC.
    const auto unit = static_cast<const arrow::TimestampType&>(*type).unit();
    std::shared_ptr<arrow::ArrayData> data = array->data()->Copy();
    data->type = arrow::timestamp(static_cast<const arrow::TimestampType&>(*array->type()).unit());
    const auto cast = arrow::compute::Cast(arrow::Datum(data), arrow::timestamp(unit),
                                           arrow::compute::CastOptions::Unsafe());
    if (!cast.ok()) return Err(ErrorCode::kInvalidArgument, "{}", cast.status().message());
    auto relabelled = cast->array()->Copy();
    relabelled->type = type;
    return arrow::MakeArray(relabelled);
  }
  if (type->num_fields() > 0 && array->type_id() == type->id()) {
    auto data = array->data()->Copy();
    for (size_t i = 0; i < data->child_data.size(); ++i) {
      STROM_ASSIGN(const auto child, CastTo(arrow::MakeArray(data->child_data[i]),
                                            type->field(static_cast<int>(i))->type()));
      data->child_data[i] = child->data();
    }
    data->type = type;
    return arrow::MakeArray(data);
  }
  arrow::compute::CastOptions options = arrow::compute::CastOptions::Safe();
  options.allow_time_truncate = true;  // TIME keeps milliseconds, whatever its precision
  const auto cast = arrow::compute::Cast(arrow::Datum(array), type, options);
  if (!cast.ok()) return Err(ErrorCode::kInvalidArgument, "{}", cast.status().message());
  return cast->make_array();
}

}  // namespace strom::sql
