#include "tiering/registered_lake.h"

#include "base/log_line.h"
#include "client/lake_snapshot.h"

namespace strom::tiering {

Result<RegisteredLake> RegisteredLake::Open(client::Connection& connection,
                                            std::shared_ptr<const client::Table> table,
                                            const lake::CatalogOptions& overrides) {
  const model::LakeFormat format = table->info.options.lake_format;
  lake::CatalogOptions options =
      lake::CatalogOptionsIn(table->properties, "table.datalake.", format);
  for (const auto& [key, value] : overrides) options[key] = value;
  STROM_ASSIGN(const auto catalog, lake::OpenCatalog(format, options));
  STROM_ASSIGN(auto lake, catalog->OpenTable(table->info.path));
  return RegisteredLake(connection, std::move(table), std::move(lake));
}

Result<RegisteredLake::Offsets> RegisteredLake::CatchUp() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    STROM_ASSIGN(const auto registered,
                 client::GetLakeSnapshot(connection_, table_->info, /*readable=*/false));
    STROM_ASSIGN(const auto own,
                 lake_->OwnCommitAfter(registered ? std::optional(registered->id) : std::nullopt));
    if (own) {
      LogInfo("tiering {}: lake snapshot {} was committed and not registered; registering it",
              table_->info.path.ToString(), own->snapshot_id);
      STROM_TRY(Register(own->snapshot_id, own->offsets_path, {}));
      continue;
    }
    return registered ? registered->offsets : Offsets();
  }
  return Err(ErrorCode::kConflict,
             "tiering {}: somebody else commits to the lake table at the same time",
             table_->info.path.ToString());
}

Status RegisteredLake::Register(int64_t snapshot_id, const std::string& offsets_path,
                                const Offsets& reached) {
  wire::CommitLakeTableSnapshotRequest commit;
  wire::PbLakeTableSnapshotInfo& info = commit.tables_req.emplace_back();
  info.table_id = table_->info.table_id;
  info.snapshot_id = snapshot_id;
  info.table_path = client::ToWire(table_->info.path);
  for (const auto& [bucket, offset] : reached) {
    info.buckets_req.push_back({client::PartitionOf(bucket), bucket.bucket, offset, std::nullopt});
  }
  commit.lake_table_snapshot_metadata.push_back(
      {table_->info.table_id, snapshot_id, offsets_path, offsets_path, std::nullopt});
  STROM_ASSIGN(const auto response, connection_.Call(commit));
  for (const auto& answer : response.table_resp) STROM_TRY(client::ErrorIn(answer));
  return {};
}

}  // namespace strom::tiering
