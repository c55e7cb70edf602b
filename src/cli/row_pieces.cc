#include "cli/row_pieces.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace strom::cli {

Result<std::optional<std::string>> RowPieces::Next() {
  while (true) {
    const size_t end = EndOfRows();
    const bool enough = end >= kPieceBytes || (end > 0 && (ended_ || !MoreIsThere()));
    if (enough || (ended_ && !pending_.empty())) return Cut(ended_ ? pending_.size() : end);
    if (ended_) return std::nullopt;
    if (pending_.size() > kLongestRow)
      return Err(ErrorCode::kInvalidArgument, "a row of the input is longer than {} bytes",
                 kLongestRow);
    STROM_TRY(ReadSome());
  }
}

bool RowPieces::MoreIsThere() {
  constexpr int kMomentMs = 20;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return ::poll(&input, 1, kMomentMs) > 0;
}

Status RowPieces::ReadSome() {
  const size_t before = pending_.size();
  constexpr size_t kStep = 1 << 20;
  pending_.resize(before + kStep);
  const ssize_t got = ::read(STDIN_FILENO, pending_.data() + before, kStep);
  pending_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && errno != EINTR)
    return Err(ErrorCode::kIo, "cannot read the input: {}", std::strerror(errno));
  if (got == 0) ended_ = true;
  return {};
}

size_t RowPieces::EndOfRows() {
  for (; seen_ < pending_.size(); ++seen_) {
    if (csv_ && pending_[seen_] == '"') quoted_ = !quoted_;
    if (pending_[seen_] == '\n' && !quoted_) whole_ = seen_ + 1;
  }
  if (csv_ && !header_ && whole_ > 0) {
    const size_t line = pending_.find('\n') + 1;
    header_ = pending_.substr(0, line);
    pending_.erase(0, line);
    seen_ -= line;
    whole_ -= line;
  }
  return whole_;
}

Result<std::optional<std::string>> RowPieces::Cut(size_t end) {
  if (csv_ && !header_) header_ = "";  // a line of names and nothing else, or less
  std::ofstream file(path_, std::ios::binary | std::ios::trunc);
  // Rows are nobody else's business.
  std::error_code ignored;
  std::filesystem::permissions(
      path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
  if (csv_) file << *header_;
  file.write(pending_.data(), static_cast<std::streamsize>(end));
  file.close();
  if (!file) return Err(ErrorCode::kIo, "cannot write {}", path_);
  pending_.erase(0, end);
  seen_ = whole_ = 0;
  return path_;
}

Result<KeptInput> KeepInput() {
  KeptInput kept((std::filesystem::temp_directory_path() / ("strom-write-" + NewUuid())).string());
  FILE* const file = std::fopen(kept.path().c_str(), "wb");
  if (file == nullptr)
    return Err(ErrorCode::kIo, "cannot write {}: {}", kept.path(), std::strerror(errno));
  std::vector<char> buffer(1 << 20);
  bool good = true;
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), stdin))
    good = good && std::fwrite(buffer.data(), 1, got, file) == got;
  good = std::fclose(file) == 0 && good;
  if (!good) return Err(ErrorCode::kIo, "cannot write {}: {}", kept.path(), std::strerror(errno));
  return kept;
}

}  // namespace strom::cli
