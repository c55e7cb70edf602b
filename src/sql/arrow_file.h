#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "base/result.h"

namespace strom::sql {

/// The file that a name in a statement means: 'x.arrow', 'x.arrows', 'x.feather', or any behind
/// 'arrow:'. Nothing for other names.
std::optional<std::string> ArrowFileNamed(const std::string& name);

/// The columns that an Arrow file (IPC, as a file or as a stream) has. Errors: kNotFound, kCorrupt
/// naming the file.
Result<std::shared_ptr<arrow::Schema>> ArrowFileSchema(const std::string& path);
/// Its rows, `columns` of them in this order. What is wrong inside a batch is an error of its
/// reading.
Result<std::shared_ptr<arrow::RecordBatchReader>> ReadArrowFile(
    const std::string& path, const std::vector<std::string>& columns);

}  // namespace strom::sql
