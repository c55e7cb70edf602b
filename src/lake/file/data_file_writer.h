#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/result.h"
#include "model/data_type.h"
#include "record/value.h"

namespace strom::lake {

/// What a written file tells about one of its columns.
struct ColumnStats {
  std::optional<record::Value> min;
  std::optional<record::Value> max;
  int64_t null_count = 0;
};

struct FinishedFile {
  int64_t rows = 0;
  int64_t bytes = 0;
  /// One entry a top-level column; absent where the format keeps none (nested columns, all of ORC).
  std::vector<std::optional<ColumnStats>> columns;
};

/// Writes one data file of Arrow batches. The file is durable when Finish returns; without Finish
/// it is removed.
class DataFileWriter {
 public:
  struct Options {
    std::string format = "parquet";    // parquet, orc
    std::string compression = "zstd";  // zstd, snappy, lz4, gzip, none
    int compression_level = 1;
    int64_t row_group_rows = 1 << 20;
    bool int96_timestamps = false;  // for timestamps finer than microseconds
    /// Columns whose values hardly repeat: a dictionary of them would only be built in vain.
    std::vector<std::string> distinct_columns;
  };
  virtual ~DataFileWriter() = default;
  virtual Status Write(const arrow::RecordBatch& batch) = 0;
  virtual Result<FinishedFile> Finish() = 0;
  virtual int64_t bytes_so_far() const = 0;
};

/// `types`: one a column of `schema`, for the statistics. Errors: kInvalidConfig (unknown format or
/// compression), kIo.
Result<std::unique_ptr<DataFileWriter>> OpenDataFile(const std::string& path,
                                                     const std::shared_ptr<arrow::Schema>& schema,
                                                     std::vector<model::DataType> types,
                                                     const DataFileWriter::Options& options);

}  // namespace strom::lake
