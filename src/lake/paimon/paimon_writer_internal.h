#pragma once
#include "lake/file/data_file_writer.h"
#include "lake/lake.h"
#include "lake/paimon/paimon_files.h"

namespace strom::lake::paimon {

struct WriterOptions {
  DataFileWriter::Options file;
  int64_t target_bytes = 256 << 20;  // a file that has grown to this is closed
  std::string prefix = "data-";
  std::string changelog_prefix = "changelog-";
  // Of compaction.
  size_t sorted_runs = 5;  // of a bucket of keys at level 0, from which on they are merged
  size_t small_files = 5;  // one after the other, from which on they are joined
};
/// The options of a table that its writer honours. Errors: kInvalidConfig for one it would have to
/// ignore.
Result<WriterOptions> WriterOptionsOf(const TableSchema& schema);

Result<std::unique_ptr<LakeWriter>> OpenWriter(const PaimonFiles& files, const TableSchema& schema,
                                               const model::Schema& rows, int32_t bucket);

/// What our writer handed out.
const ManifestEntry& EntryOf(const LakeFile& file);
bool IsChangelog(const LakeFile& file);
/// Removes files that will never be committed; one that stays behind does no harm.
void RemoveFiles(const PaimonFiles& files, const LakeFiles& written);

}  // namespace strom::lake::paimon
