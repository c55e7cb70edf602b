#include "log/checkpoint_file.h"

#include <charconv>

#include "base/text.h"

namespace strom::log {
namespace {

Result<OffsetCheckpoint::value_type> ParseEntry(const std::string& line, const std::string& path) {
  std::vector<int64_t> numbers;
  for (const std::string& word : Split(line, ' ')) {
    int64_t number = 0;
    const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (fault != std::errc() || end != word.data() + word.size()) {
      return Err(ErrorCode::kCorrupt, "{}: '{}' is no entry", path, line);
    }
    numbers.push_back(number);
  }
  if (numbers.size() == 3) {
    return OffsetCheckpoint::value_type{
        {numbers[0], model::kNoPartition, static_cast<int32_t>(numbers[1])}, numbers[2]};
  }
  if (numbers.size() == 4) {
    return OffsetCheckpoint::value_type{{numbers[0], numbers[1], static_cast<int32_t>(numbers[2])},
                                        numbers[3]};
  }
  return Err(ErrorCode::kCorrupt, "{}: '{}' is no entry", path, line);
}

}  // namespace

Result<OffsetCheckpoint> ReadCheckpoint(io::FileSystem& files, const std::string& path) {
  const auto content = io::ReadWholeFile(files, path);
  if (!content && content.error().code == ErrorCode::kNotFound) return OffsetCheckpoint();
  if (!content) return std::unexpected(content.error());
  OffsetCheckpoint offsets;
  if (content->empty()) return offsets;
  std::vector<std::string> lines = Split(Trim(*content), '\n');
  if (lines.size() < 2 || lines[0] != "0")
    return Err(ErrorCode::kCorrupt, "{}: version 0 is expected", path);
  if (lines[1] != std::to_string(lines.size() - 2)) {
    return Err(ErrorCode::kCorrupt, "{}: {} entries are announced, {} are there", path, lines[1],
               lines.size() - 2);
  }
  for (size_t i = 2; i < lines.size(); ++i) {
    STROM_ASSIGN(const auto entry, ParseEntry(lines[i], path));
    offsets.insert(entry);
  }
  return offsets;
}

Status WriteCheckpoint(io::FileSystem& files, const std::string& path,
                       const OffsetCheckpoint& offsets) {
  std::string content = fmt::format("0\n{}\n", offsets.size());
  for (const auto& [bucket, offset] : offsets) {
    if (bucket.partition_id == model::kNoPartition) {
      content += fmt::format("{} {} {}\n", bucket.table_id, bucket.bucket, offset);
    } else {
      content +=
          fmt::format("{} {} {} {}\n", bucket.table_id, bucket.partition_id, bucket.bucket, offset);
    }
  }
  return io::WriteFileAtomically(files, path, content);
}

}  // namespace strom::log
