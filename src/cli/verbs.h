#pragma once
#include <span>
#include <string>
#include <vector>

namespace strom::cli {

/// A word behind `strom`, and what it is for.
struct Verb {
  const char* name;
  int (*run)(const std::vector<std::string>& words);
  const char* help;
};

std::span<const Verb> Verbs();
std::vector<std::string> VerbNames();

}  // namespace strom::cli
