#pragma once
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/uuid.h"

namespace strom::testing {

/// A place for files that goes with the object.
class TempDir {
 public:
  TempDir() : path_(::testing::TempDir() + "strom-" + NewUuid()) {}
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace strom::testing
