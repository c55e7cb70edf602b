#pragma once
#include "base/json.h"
#include "model/data_type.h"
#include "model/schema.h"

namespace strom::model {

Json DataTypeToJsonValue(const DataType& type);
Result<DataType> DataTypeFromJson(const Json& json, int depth);
Json SchemaToJsonValue(const Schema& schema);
Result<Schema> SchemaFromJsonValue(const Json& json);

using Properties = std::map<std::string, std::string>;
Json PropertiesToJson(const Properties& properties);
/// The string members of `object[key]`; absent means empty.
Result<Properties> PropertiesFromJson(const Json& object, const char* key);
Result<std::vector<std::string>> StringsFromJson(const Json& object, const char* key);

}  // namespace strom::model
