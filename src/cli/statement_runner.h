#pragma once
#include <memory>
#include <string>

#include "sql/session.h"

namespace strom::cli {

/// Runs statements, prints their rows to standard output, and what there is to say about them to
/// standard error.
class StatementRunner {
 public:
  /// `chatty`: somebody reads along, and gets a line below each result.
  StatementRunner(sql::Session& session, std::unique_ptr<sql::RowSink> printer, bool chatty)
      : session_(session), printer_(std::move(printer)), chatty_(chatty) {}

  /// Runs a script up to its first error; returns the exit code.
  int RunScript(const std::string& script);
  int RunOne(const std::string& statement);

  void SetPrinter(std::unique_ptr<sql::RowSink> printer) { printer_ = std::move(printer); }
  bool ToggleTiming() { return timing_ = !timing_; }

 private:
  sql::Session& session_;
  std::unique_ptr<sql::RowSink> printer_;
  const bool chatty_;
  bool timing_ = true;
};

}  // namespace strom::cli
