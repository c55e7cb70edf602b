#pragma once
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/clock.h"
#include "base/result.h"
#include "model/schema.h"

namespace strom::lake {

/// `data` as `type`: shared where only the type differs, converted where the values do.
Result<std::shared_ptr<arrow::ArrayData>> ConvertColumn(
    const std::shared_ptr<arrow::ArrayData>& data, const std::shared_ptr<arrow::DataType>& type);

/// Rows of a file, maybe of an older schema, as rows of `schema`: what they lack is null.
Result<std::shared_ptr<arrow::RecordBatch>> InSchema(const arrow::RecordBatch& rows,
                                                     const std::shared_ptr<arrow::Schema>& schema);

/// Turns rows of the stream table into rows of the lake table: types as its files have them, and
/// the system columns.
class FileRows {
 public:
  /// `table` is named in errors; `file`: the columns of its data files. Errors: kInvalidTable when
  /// `rows` are not those of the table.
  static Result<FileRows> Make(const std::string& table, std::shared_ptr<arrow::Schema> file,
                               const model::Schema& rows, int32_t bucket);

  /// `base_offset`: of the first row; the others follow.
  Result<std::shared_ptr<arrow::RecordBatch>> Convert(const arrow::RecordBatch& rows,
                                                      int64_t base_offset, Millis timestamp) const;
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }

 private:
  FileRows(std::shared_ptr<arrow::Schema> schema, int32_t bucket)
      : schema_(std::move(schema)), bucket_(bucket) {}
  Result<std::shared_ptr<arrow::Array>> ColumnFor(size_t index, const arrow::RecordBatch& rows,
                                                  int64_t base_offset, Millis timestamp) const;
  std::shared_ptr<arrow::Schema> schema_;
  int32_t bucket_;
  std::vector<int> sources_;  // by column of the file: its position in the rows, -1 for none
};

}  // namespace strom::lake
