#pragma once
#include <map>
#include <memory>
#include <string>

#include "client/connection.h"
#include "lake/lake.h"

namespace strom::tiering {

/// The lake table of a stream table together with what the server knows of it. The lake is the
/// truth: a snapshot that was committed and not registered is registered here. One owner.
class RegisteredLake {
 public:
  using Offsets = std::map<model::TableBucket, int64_t>;

  /// `overrides`: options of the catalog over those the server tells. Errors: those of the lake.
  static Result<RegisteredLake> Open(client::Connection& connection,
                                     std::shared_ptr<const client::Table> table,
                                     const lake::CatalogOptions& overrides);

  lake::LakeTable& table() { return *lake_; }

  /// How far the lake is. Errors: kConflict, those of the server and the lake.
  Result<Offsets> CatchUp();
  /// `reached`: how far the snapshot goes, for servers that want to know; may be empty.
  Status Register(int64_t snapshot_id, const std::string& offsets_path, const Offsets& reached);

 private:
  RegisteredLake(client::Connection& connection, std::shared_ptr<const client::Table> table,
                 std::unique_ptr<lake::LakeTable> lake)
      : connection_(connection), table_(std::move(table)), lake_(std::move(lake)) {}

  client::Connection& connection_;
  std::shared_ptr<const client::Table> table_;
  std::unique_ptr<lake::LakeTable> lake_;
};

}  // namespace strom::tiering
