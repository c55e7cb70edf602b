#include "model/ids.h"

#include <algorithm>

namespace strom::model {
namespace {

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

std::string TableBucket::ToString() const {
  if (partition_id == kNoPartition) return fmt::format("table {} bucket {}", table_id, bucket);
  return fmt::format("table {} partition {} bucket {}", table_id, partition_id, bucket);
}

Status CheckName(const std::string& name, const char* what, ErrorCode code) {
  constexpr size_t kMaxLength = 200;
  if (name.empty()) return Err(code, "the {} is empty", what);
  if (name.size() > kMaxLength) {
    return Err(code, "the {} '{}...' has {} characters, {} are allowed", what, name.substr(0, 20),
               name.size(), kMaxLength);
  }
  if (name == "." || name == ".." || !std::ranges::all_of(name, IsNameChar)) {
    return Err(code, "the {} '{}' is invalid: only letters, digits, '_' and '-' are allowed", what,
               name);
  }
  return {};
}

Status CheckNewName(const std::string& name, const char* what, ErrorCode code) {
  STROM_TRY(CheckName(name, what, code));
  if (name.starts_with("__"))
    return Err(code, "the {} '{}' starts with '__', which is reserved", what, name);
  return {};
}

}  // namespace strom::model
