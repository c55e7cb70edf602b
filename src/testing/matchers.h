#pragma once
#include <gmock/gmock.h>

#include "base/result.h"

namespace strom::testing {

MATCHER(IsOk, negation ? "is an error" : "is ok") {
  if (!arg.has_value()) *result_listener << NameOf(arg.error().code) << ": " << arg.error().message;
  return arg.has_value();
}

MATCHER_P(IsError, code, std::string("is the error ") + NameOf(code)) {
  if (arg.has_value()) return false;
  *result_listener << NameOf(arg.error().code) << ": " << arg.error().message;
  return arg.error().code == code;
}

}  // namespace strom::testing
