#include "cli/result_printer.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace strom::cli {
namespace {

using sql::Cell;
using sql::ResultColumn;

/// What is printed so far goes out; false when nobody takes it.
bool FlushTo(FILE* out) {
  return std::fflush(out) == 0 && std::ferror(out) == 0;
}

void Put(FILE* out, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out);
}

std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string JsonRow(const std::vector<ResultColumn>& columns, const std::vector<Cell>& cells) {
  std::string row = "{";
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) row += ", ";
    row += Quoted(columns[i].name) + ": " + cells[i].json;
  }
  return row + "}";
}

/// One array of row objects a result.
class JsonPrinter final : public sql::RowSink {
 public:
  explicit JsonPrinter(FILE* out) : out_(out) {}
  void Begin(const std::vector<ResultColumn>& columns) override {
    columns_ = columns;
    first_ = true;
    Put(out_, "[");
  }
  void Row(const std::vector<Cell>& cells) override {
    Put(out_, first_ ? "\n  " : ",\n  ");
    first_ = false;
    Put(out_, JsonRow(columns_, cells));
  }
  void End() override {
    Put(out_, first_ ? "]\n" : "\n]\n");
    std::fflush(out_);
  }
  bool Flush() override { return FlushTo(out_); }

 private:
  FILE* const out_;
  std::vector<ResultColumn> columns_;
  bool first_ = true;
};

class NdjsonPrinter final : public sql::RowSink {
 public:
  explicit NdjsonPrinter(FILE* out) : out_(out) {}
  void Begin(const std::vector<ResultColumn>& columns) override { columns_ = columns; }
  void Row(const std::vector<Cell>& cells) override { Put(out_, JsonRow(columns_, cells) + "\n"); }
  void End() override { std::fflush(out_); }
  bool Flush() override { return FlushTo(out_); }

 private:
  FILE* const out_;
  std::vector<ResultColumn> columns_;
};

class CsvPrinter final : public sql::RowSink {
 public:
  explicit CsvPrinter(FILE* out) : out_(out) {}
  void Begin(const std::vector<ResultColumn>& columns) override {
    std::string line;
    for (const ResultColumn& column : columns)
      line += (line.empty() ? "" : ",") + Field(column.name);
    Put(out_, line + "\n");
  }
  void Row(const std::vector<Cell>& cells) override {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line += ",";
      if (!cells[i].is_null) line += Field(cells[i].text);
    }
    Put(out_, line + "\n");
  }
  void End() override { std::fflush(out_); }
  bool Flush() override { return FlushTo(out_); }

 private:
  /// An empty text is quoted, so that it differs from NULL.
  static std::string Field(const std::string& text) {
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
  }
  FILE* const out_;
};

/// A frame around the rows, numbers to the right. Long results are printed in pieces, each as wide
/// as it needs.
class TablePrinter final : public sql::RowSink {
 public:
  explicit TablePrinter(FILE* out) : out_(out) {}
  void Begin(const std::vector<ResultColumn>& columns) override { columns_ = columns; }
  void Row(const std::vector<Cell>& cells) override {
    rows_.push_back(cells);
    if (rows_.size() == kPiece) PrintPiece();
  }
  void End() override {
    if (!rows_.empty() || !printed_) PrintPiece();
    printed_ = false;
    std::fflush(out_);
  }
  bool Flush() override {
    if (!rows_.empty()) PrintPiece();
    return FlushTo(out_);
  }

 private:
  static constexpr size_t kPiece = 5000;

  static size_t Width(
      const std::string& text) {  // code points: near enough without a terminal's tables
    return static_cast<size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  }
  static std::vector<std::string> Lines(const Cell& cell) {
    if (cell.is_null) return {"NULL"};
    std::vector<std::string> lines = Split(cell.text, '\n');
    if (lines.size() > 1 && lines.back().empty()) lines.pop_back();
    return lines;
  }
  void PrintPiece() {
    std::vector<size_t> widths;
    for (size_t i = 0; i < columns_.size(); ++i) {
      size_t width = Width(columns_[i].name);
      for (const auto& row : rows_) {
        for (const std::string& line : Lines(row[i])) width = std::max(width, Width(line));
      }
      widths.push_back(width);
    }
    std::string rule = "+";
    for (const size_t width : widths) rule += std::string(width + 2, '-') + "+";
    const auto field = [&](size_t i, const std::string& text, bool to_the_right) {
      const std::string space(widths[i] - Width(text), ' ');
      return to_the_right ? " " + space + text + " |" : " " + text + space + " |";
    };
    std::string text = rule + "\n|";
    for (size_t i = 0; i < columns_.size(); ++i) text += field(i, columns_[i].name, false);
    text += "\n" + rule + "\n";
    for (const auto& row : rows_) {
      std::vector<std::vector<std::string>> lines;
      size_t height = 1;
      for (const Cell& cell : row) {
        lines.push_back(Lines(cell));
        height = std::max(height, lines.back().size());
      }
      for (size_t line = 0; line < height; ++line) {
        text += "|";
        for (size_t i = 0; i < row.size(); ++i)
          text += field(i, line < lines[i].size() ? lines[i][line] : "", columns_[i].is_number);
        text += "\n";
      }
    }
    Put(out_, text + rule + "\n");
    rows_.clear();
    printed_ = true;
  }

  FILE* const out_;
  std::vector<ResultColumn> columns_;
  std::vector<std::vector<Cell>> rows_;
  bool printed_ = false;
};

}  // namespace

Result<std::unique_ptr<sql::RowSink>> MakePrinter(const std::string& format, FILE* out) {
  if (format == "table") return std::make_unique<TablePrinter>(out);
  if (format == "json") return std::make_unique<JsonPrinter>(out);
  if (format == "ndjson") return std::make_unique<NdjsonPrinter>(out);
  if (format == "csv") return std::make_unique<CsvPrinter>(out);
  return Err(ErrorCode::kInvalidArgument, "output '{}' is none of table, json, ndjson, csv",
             format);
}

}  // namespace strom::cli
