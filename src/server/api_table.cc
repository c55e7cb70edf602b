#include "server/api_table.h"

#include <algorithm>

#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

using enum wire::ApiKey;

// clang-format off
constexpr Api kApis[] = {
    {kApiVersions, 0, 0, ApiVersions},
    {kCreateDatabase, 0, 0, CreateDatabase},
    {kDropDatabase, 0, 0, DropDatabase},
    {kListDatabases, 0, 0, ListDatabases},
    {kDatabaseExists, 0, 0, DatabaseExists},
    {kCreateTable, 0, 0, CreateTable},
    {kDropTable, 0, 0, DropTable},
    {kGetTableInfo, 0, 0, GetTableInfo},
    {kListTables, 0, 0, ListTables},
    {kListPartitionInfos, 0, 0, ListPartitionInfos},
    {kTableExists, 0, 0, TableExists},
    {kGetTableSchema, 0, 0, GetTableSchema},
    {kMetadata, 0, 0, GetMetadata},
    {kProduceLog, 0, 0, ProduceLog},
    {kFetchLog, 0, 0, FetchLog},
    {kPutKv, 0, 1, PutKv},
    {kLookup, 0, 1, Lookup},
    {kListOffsets, 0, 0, ListOffsets},
    {kGetLatestKvSnapshots, 0, 0, GetLatestKvSnapshots},
    {kGetKvSnapshotMetadata, 0, 0, GetKvSnapshotMetadata},
    {kGetFileSystemSecurityToken, 0, 0, GetFileSystemSecurityToken},
    {kInitWriter, 0, 0, InitWriter},
    {kCommitLakeTableSnapshot, 0, 0, CommitLakeTableSnapshot},
    {kGetLakeSnapshot, 0, 0, GetLakeSnapshot},
    {kLimitScan, 0, 0, LimitScan},
    {kPrefixLookup, 0, 1, PrefixLookup},
    {kGetDatabaseInfo, 0, 0, GetDatabaseInfo},
    {kCreatePartition, 0, 0, CreatePartition},
    {kDropPartition, 0, 0, DropPartition},
    {kAuthenticate, 0, 0, Authenticate},
    {kLakeTieringHeartbeat, 0, 0, LakeTieringHeartbeat},
    {kAlterTable, 0, 0, AlterTable},
    {kDescribeClusterConfigs, 0, 0, DescribeClusterConfigs},
    {kAlterClusterConfigs, 0, 0, AlterClusterConfigs},
    {kPrepareLakeTableSnapshot, 0, 0, PrepareLakeTableSnapshot},
    {kAcquireKvSnapshotLease, 0, 0, AcquireKvSnapshotLease},
    {kReleaseKvSnapshotLease, 0, 0, ReleaseKvSnapshotLease},
    {kDropKvSnapshotLease, 0, 0, DropKvSnapshotLease},
    {kGetTableStats, 0, 0, GetTableStats},
    {kScanKv, 0, 0, ScanKv},
    {kLakeStatus, 0, 0, LakeStatus},
    {kLakeControl, 0, 0, LakeControl},
    {kLakePreflight, 0, 0, LakePreflight},
};
// clang-format on
static_assert(std::ranges::is_sorted(kApis, {}, &Api::key));

}  // namespace

std::span<const Api> ApiTable() {
  return kApis;
}

const Api* FindApi(int16_t key) {
  const auto* const it =
      std::ranges::lower_bound(kApis, static_cast<wire::ApiKey>(key), {}, &Api::key);
  return it != std::end(kApis) && it->key == static_cast<wire::ApiKey>(key) ? it : nullptr;
}

}  // namespace strom::server
