#pragma once
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/result.h"

namespace strom::lake {

/// Reads data files one after the other as Arrow batches, a stripe or some rows at a time, with the
/// named columns only; one that a file does not have is left out of its batches. Formats by their
/// endings: .parquet, .orc. Blocking; one owner.
class DataFileReader {
 public:
  virtual ~DataFileReader() = default;
  /// The next batch, with the types of its file, or nothing at the end. Errors: kIo,
  /// kCorruptRecord.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

std::unique_ptr<DataFileReader> ReadDataFiles(std::vector<std::string> paths,
                                              std::vector<std::string> columns);

}  // namespace strom::lake
