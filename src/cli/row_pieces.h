#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/uuid.h"

namespace strom::cli {

/// Input in pieces of whole rows, each in a file of its own: as much as is there, so that rows that
/// come slowly are written as they come, and memory has a bound.
class RowPieces {
 public:
  explicit RowPieces(bool csv) : csv_(csv) {}
  ~RowPieces() { std::filesystem::remove(path_); }
  RowPieces(const RowPieces&) = delete;
  RowPieces& operator=(const RowPieces&) = delete;

  /// The file of the next piece; nothing at the end of the input. Errors: kIo, kInvalidArgument
  /// (the input ends within a row, or a row is too long).
  Result<std::optional<std::string>> Next();

 private:
  static constexpr size_t kPieceBytes = 16 << 20;
  static constexpr size_t kLongestRow = 256 << 20;

  /// Whether input waits, or comes within a moment.
  static bool MoreIsThere();
  Status ReadSome();

  /// Behind the last whole row: of csv, a line's end within quotes is a part of a value.
  size_t EndOfRows();
  Result<std::optional<std::string>> Cut(size_t end);

  const bool csv_;
  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("strom-write-" + NewUuid())).string();
  std::string pending_;
  std::optional<std::string> header_;  // of csv: its first line
  size_t seen_ = 0;
  size_t whole_ = 0;
  bool quoted_ = false;
  bool ended_ = false;
};

/// The standard input in a file, which goes with this.
class KeptInput {
 public:
  explicit KeptInput(std::string path) : path_(std::move(path)) {}
  KeptInput(KeptInput&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  KeptInput& operator=(KeptInput&&) = delete;
  ~KeptInput() {
    if (!path_.empty()) std::filesystem::remove(path_);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};
/// Reads it to its end. Errors: kIo.
Result<KeptInput> KeepInput();

}  // namespace strom::cli
