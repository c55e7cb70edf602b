#include "base/text.h"
#include "sql/lexer.h"
#include "sql/statement.h"

namespace strom::sql {

std::string ToCreateTable(const model::TablePath& path, const model::TableDescriptor& descriptor) {
  const auto quoted = [](const std::string& name) { return "`" + name + "`"; };
  const auto list = [&](const std::vector<std::string>& names) {
    std::vector<std::string> out;
    for (const std::string& name : names) out.push_back(quoted(name));
    return Join(out, ", ");
  };
  std::string out = "CREATE TABLE " + quoted(path.database) + "." + quoted(path.table) + " (\n";
  for (const model::Column& column : descriptor.schema.columns) {
    if (&column != &descriptor.schema.columns.front()) out += ",\n";
    out += "  " + quoted(column.name) + " " + column.type.ToString();
    if (column.comment) out += " COMMENT " + QuoteText(*column.comment);
  }
  if (descriptor.has_primary_key())
    out += ",\n  PRIMARY KEY (" + list(descriptor.schema.primary_key) + ") NOT ENFORCED";
  out += "\n)";
  if (descriptor.comment) out += " COMMENT " + QuoteText(*descriptor.comment);
  if (descriptor.partitioned()) out += " PARTITIONED BY (" + list(descriptor.partition_keys) + ")";
  std::vector<std::string> options{"'bucket.num' = '" +
                                   std::to_string(descriptor.bucket_count.value_or(1)) + "'"};
  if (!descriptor.bucket_keys.empty())
    options.push_back("'bucket.key' = " + QuoteText(Join(descriptor.bucket_keys, ",")));
  for (const auto* properties : {&descriptor.properties, &descriptor.custom_properties}) {
    for (const auto& [key, value] : *properties)
      options.push_back(QuoteText(key) + " = " + QuoteText(value));
  }
  return out + " WITH (\n  " + Join(options, ",\n  ") + "\n)";
}

}  // namespace strom::sql
