#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "base/coding.h"
#include "lake/file/data_file_reader.h"
#include "lake/iceberg/iceberg_keys_internal.h"

namespace strom::lake::iceberg {

Status AppendKey(const arrow::Array& column, int64_t row, Bytes& out) {
  const auto fixed = [&](size_t width) {
    const auto* const values = reinterpret_cast<const char*>(column.data()->buffers[1]->data()) +
                               static_cast<size_t>(column.offset() + row) * width;
    out.append(values, width);
    return Status();
  };
  switch (column.type_id()) {
    case arrow::Type::BOOL:
      out.push_back(static_cast<const arrow::BooleanArray&>(column).Value(row) ? '\1' : '\0');
      return {};
    case arrow::Type::INT32:
    case arrow::Type::DATE32: return fixed(4);
    case arrow::Type::INT64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP: return fixed(8);
    case arrow::Type::DECIMAL128: return fixed(16);
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto text = static_cast<const arrow::BinaryArray&>(column).GetView(row);
      AppendVarint(out, text.size());
      out += text;
      return {};
    }
    default:
      return Err(ErrorCode::kUnsupported, "a lake key has the type {}", column.type()->ToString());
  }
}

Result<Positions> ReadDeletes(const std::vector<FileEntry>& deletes) {
  Positions gone;
  for (const FileEntry& entry : deletes) {
    if (entry.content != Content::kPositionDeletes || entry.format != "PARQUET") {
      return Err(ErrorCode::kUnsupported,
                 "{}: deletes by equality, or in another format than Parquet, cannot be read here; "
                 "compact the table with the engine that wrote them",
                 entry.path);
    }
    STROM_ASSIGN(const std::string local, io::LocalPath(entry.path));
    const auto reader = ReadDataFiles({local}, {"file_path", "pos"});
    while (true) {
      STROM_ASSIGN(const auto batch, reader->Next());
      if (!batch) break;
      const auto paths = batch->GetColumnByName("file_path");
      const auto positions = batch->GetColumnByName("pos");
      if (!paths || !positions || paths->type_id() != arrow::Type::STRING ||
          positions->type_id() != arrow::Type::INT64)
        return Err(ErrorCode::kCorrupt, "{}: it is no file of deletes", entry.path);
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        const auto path = static_cast<const arrow::StringArray&>(*paths).GetView(i);
        gone[std::string(path)].insert(static_cast<const arrow::Int64Array&>(*positions).Value(i));
      }
    }
  }
  return gone;
}

Status ForEachKey(const std::string& path, const std::vector<std::string>& key_columns,
                  const VisitKey& visit) {
  STROM_ASSIGN(const std::string local, io::LocalPath(path));
  const auto reader = ReadDataFiles({local}, key_columns);
  int64_t position = 0;
  Bytes key;
  while (true) {
    STROM_ASSIGN(const auto batch, reader->Next());
    if (!batch) return {};
    arrow::ArrayVector columns;
    for (const std::string& name : key_columns) {
      columns.push_back(batch->GetColumnByName(name));
      if (!columns.back())
        return Err(ErrorCode::kCorrupt, "{}: it has no key column '{}'", path, name);
    }
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      key.clear();
      for (const auto& column : columns) STROM_TRY(AppendKey(*column, i, key));
      visit(key, position++);
    }
  }
}

}  // namespace strom::lake::iceberg
