#pragma once
#include <concepts>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/result.h"

namespace strom {

/// JSON that keeps the order of keys, as the published documents do. Include this header from .cc
/// files only.
using Json = nlohmann::ordered_json;

/// Parses `text`. Errors: kCorrupt with `what` in front.
inline Result<Json> ParseJson(ByteView text, const std::string& what) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Err(ErrorCode::kCorrupt, "{}: not valid JSON", what);
  return json;
}

/// Whether `value` is a whole number that a T holds. A JSON number may be a fraction or lie beyond
/// 64 bits; converting such a one is undefined behaviour, so every read of a number asks here.
template <std::integral T>
bool HoldsInteger(const Json& value) {
  if (value.is_number_unsigned()) return std::in_range<T>(value.get<uint64_t>());
  return value.is_number_integer() && std::in_range<T>(value.get<int64_t>());
}

/// A member with a type: absent or not a T gives `fallback`. For documents that we validate
/// elsewhere.
template <class T>
T JsonOr(const Json& object, const char* key, T fallback) {
  const auto it = object.find(key);
  if (it == object.end()) return fallback;
  if constexpr (std::is_same_v<T, bool>) {
    return it->is_boolean() ? it->template get<bool>() : fallback;
  } else if constexpr (std::integral<T>) {
    return HoldsInteger<T>(*it) ? it->template get<T>() : fallback;
  } else {
    return it->is_string() ? it->template get<T>() : fallback;
  }
}

/// A whole number below `key`. Errors: kCorrupt.
inline Result<int64_t> JsonInt(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !HoldsInteger<int64_t>(*it))
    return Err(ErrorCode::kCorrupt, "'{}' must be a whole number of 64 bits", key);
  return it->get<int64_t>();
}

/// A string below `key`. Errors: kCorrupt.
inline Result<std::string> JsonString(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string())
    return Err(ErrorCode::kCorrupt, "'{}' must be a string", key);
  return it->get<std::string>();
}

/// The strings of the object below `key`; none when it is absent.
inline std::map<std::string, std::string> JsonStringMap(const Json& object, const char* key) {
  std::map<std::string, std::string> out;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_object()) return out;
  for (const auto& [name, value] : it->items()) {
    if (value.is_string()) out[name] = value.get<std::string>();
  }
  return out;
}

/// The strings of the array below `key`; none when it is absent.
inline std::vector<std::string> JsonStrings(const Json& object, const char* key) {
  std::vector<std::string> out;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) return out;
  for (const Json& item : *it) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace strom
