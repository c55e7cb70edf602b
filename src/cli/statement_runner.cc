#include "cli/statement_runner.h"

#include <chrono>
#include <cstdio>

#include "cli/command.h"
#include "sql/lexer.h"

namespace strom::cli {
namespace {

/// Where the rows came from, for the line below a result.
std::string Sources(const sql::StatementReport& report) {
  std::string text;
  for (const sql::ScanReport& scan : report.scans) {
    const int64_t total = scan.lake_rows + scan.stream_rows;
    const int64_t lake_percent = total == 0 ? 0 : scan.lake_rows * 100 / total;
    text += fmt::format("; {}: ", scan.table);
    if (scan.snapshot_id)
      text += fmt::format("lake {} rows in {} files (snapshot {}, {} %)", scan.lake_rows,
                          scan.lake_files, *scan.snapshot_id, lake_percent);
    if (!scan.snapshot_id) text += "no lake snapshot";
    if (!scan.lake_only) text += fmt::format(", stream {} rows", scan.stream_rows);
  }
  const sql::RowGroupCount& lake = report.lake;
  if (lake.all > 0) {
    text += fmt::format(
        "; lake: {} of {} files and {} of {} row groups skipped, {} bytes to read, {} skipped",
        lake.files_skipped, lake.files, lake.skipped, lake.all, lake.bytes - lake.bytes_skipped,
        lake.bytes_skipped);
  }
  if (report.stream_bytes) text += fmt::format("; stream: {} bytes read", *report.stream_bytes);
  return text;
}

}  // namespace

int StatementRunner::RunScript(const std::string& script) {
  const auto statements = sql::SplitStatements(script);
  if (!statements) return Report(statements.error());
  for (const std::string& statement : *statements) {
    if (const int code = RunOne(statement); code != kDone) return code;
  }
  return kDone;
}

int StatementRunner::RunOne(const std::string& statement) {
  const auto started = std::chrono::steady_clock::now();
  const auto report = session_.Run(statement, *printer_);
  if (!report) {
    std::fflush(stdout);
    return Report(report.error());
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::steady_clock::now() - started)
                        .count();
  for (const sql::ScanReport& scan : report->scans) {
    if (scan.note) std::fprintf(stderr, "warning[LAKE_EMPTY_YET]: %s\n", scan.note->c_str());
  }
  if (report->explains && !report->scans.empty())
    std::fprintf(stderr, "%s\n", Sources(*report).substr(2).c_str());
  if (!chatty_ || report->explains) return report->interrupted ? kInterrupted : kDone;
  const std::string time = timing_ ? fmt::format(", {} ms", took) : "";
  const std::string line =
      report->has_rows
          ? fmt::format("({} rows{}{})", report->rows, time, Sources(*report))
          : fmt::format("{}{}", report->message.empty() ? "done" : report->message, time);
  std::fprintf(stderr, "%s\n", line.c_str());
  return report->interrupted ? kInterrupted : kDone;
}

}  // namespace strom::cli
