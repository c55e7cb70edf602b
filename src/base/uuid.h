#pragma once
#include <string>

namespace strom {

/// A random UUID (version 4) in its usual text form.
std::string NewUuid();

}  // namespace strom
