#pragma once
#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/error_code.h"

namespace strom {

/// What went wrong: a code that travels on the wire and a sentence for the person who reads it.
///
/// The message names the object, the cause and, where there is one, the way out.
struct Error {
  ErrorCode code = ErrorCode::kUnknownServerError;
  std::string message;

  /// The same error with `context` in front: "context: message".
  Error In(const std::string& context) const { return Error{code, context + ": " + message}; }
};

/// A value or the reason why there is none. Expected failures travel this way; broken invariants
/// crash (check.h).
template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

/// Builds the failed side of a Result: `return Err(ErrorCode::kIo, "{}: {}", path, reason);`.
template <class... Args>
std::unexpected<Error> Err(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected<Error>(Error{code, fmt::format(text, std::forward<Args>(args)...)});
}

}  // namespace strom

#define STROM_CONCAT_INNER(a, b) a##b
#define STROM_CONCAT(a, b) STROM_CONCAT_INNER(a, b)

/// Returns the error of a failed Status or Result to the caller.
#define STROM_TRY(expression)                                                   \
  do {                                                                          \
    auto&& strom_status = (expression);                                         \
    if (!strom_status) return std::unexpected(std::move(strom_status).error()); \
  } while (false)

#define STROM_ASSIGN_INNER(temporary, lhs, expression)                  \
  auto temporary = (expression);                                        \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  lhs = std::move(*temporary)

/// Declares or assigns `lhs` from a Result, or returns its error: `STROM_ASSIGN(const auto x,
/// F());`.
#define STROM_ASSIGN(lhs, expression) \
  STROM_ASSIGN_INNER(STROM_CONCAT(strom_result_, __LINE__), lhs, expression)
