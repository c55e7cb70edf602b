// Statements that users type: cutting and parsing never reads outside, and a quoted statement stays
// one.
#include <cstdint>

#include "sql/lexer.h"
#include "sql/statement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto statements = strom::sql::SplitStatements(text);
  if (!statements) return 0;
  for (const std::string& statement : *statements) (void)strom::sql::ParseStatement(statement);
  return 0;
}
