#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace strom::model {

using TableId = int64_t;
using PartitionId = int64_t;
using ServerId = int32_t;

/// Stands for "no partition" wherever a PartitionId is kept.
inline constexpr PartitionId kNoPartition = -1;

/// The two names of a table.
struct TablePath {
  std::string database;
  std::string table;

  std::string ToString() const { return database + "." + table; }
  auto operator<=>(const TablePath&) const = default;
};

/// One bucket of a table or of one of its partitions: the unit of storage and ownership.
struct TableBucket {
  TableId table_id = 0;
  PartitionId partition_id = kNoPartition;
  int32_t bucket = 0;

  std::string ToString() const;
  auto operator<=>(const TableBucket&) const = default;
};

/// Names of databases, tables and partition values: 1 to 200 of [A-Za-z0-9_-], not "." or "..".
/// `what` is the noun for the message ("database name"). Errors: `code`.
Status CheckName(const std::string& name, const char* what, ErrorCode code);
/// As CheckName, and without the reserved prefix "__".
Status CheckNewName(const std::string& name, const char* what, ErrorCode code);

}  // namespace strom::model

template <>
struct std::hash<strom::model::TableBucket> {
  size_t operator()(const strom::model::TableBucket& bucket) const {
    auto mixed = static_cast<uint64_t>(bucket.table_id) * 0x9e3779b97f4a7c15U;
    mixed = (mixed ^ static_cast<uint64_t>(bucket.partition_id)) * 0xff51afd7ed558ccdU;
    mixed = (mixed ^ static_cast<uint64_t>(bucket.bucket)) * 0xc4ceb9fe1a85ec53U;
    return mixed ^ (mixed >> 32);
  }
};
template <>
struct std::hash<strom::model::TablePath> {
  size_t operator()(const strom::model::TablePath& path) const {
    return std::hash<std::string>()(path.database) * 31 + std::hash<std::string>()(path.table);
  }
};
