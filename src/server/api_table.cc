#include "server/api_table.h"

#include <algorithm>

#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

using enum wire::ApiKey;
using enum security::Operation;

// clang-format off
constexpr Api kApis[] = {
    {kApiVersions, 0, 0, ApiVersions, On::kNothing},
    {kCreateDatabase, 0, 0, CreateDatabase, On::kCluster, kCreate},
    {kDropDatabase, 0, 0, DropDatabase, On::kDatabase, kDrop},
    {kListDatabases, 0, 0, ListDatabases, On::kHandler},
    {kDatabaseExists, 0, 0, DatabaseExists, On::kHandler},
    {kCreateTable, 0, 0, CreateTable, On::kDatabase, kCreate},
    {kDropTable, 0, 0, DropTable, On::kTable, kDrop},
    {kGetTableInfo, 0, 0, GetTableInfo, On::kTable, kDescribe},
    {kListTables, 0, 0, ListTables, On::kHandler},
    {kListPartitionInfos, 0, 0, ListPartitionInfos, On::kTable, kDescribe},
    {kTableExists, 0, 0, TableExists, On::kHandler},
    {kGetTableSchema, 0, 0, GetTableSchema, On::kTable, kDescribe},
    {kMetadata, 0, 0, GetMetadata, On::kHandler},
    {kProduceLog, 0, 0, ProduceLog, On::kTable, kWrite},
    {kFetchLog, 0, 0, FetchLog, On::kHandler},
    {kPutKv, 0, 1, PutKv, On::kTable, kWrite},
    {kLookup, 0, 1, Lookup, On::kHandler},
    {kListOffsets, 0, 0, ListOffsets, On::kTable, kDescribe},
    {kGetLatestKvSnapshots, 0, 0, GetLatestKvSnapshots, On::kTable, kDescribe},
    {kGetKvSnapshotMetadata, 0, 0, GetKvSnapshotMetadata, On::kTable, kDescribe},
    {kGetFileSystemSecurityToken, 0, 0, GetFileSystemSecurityToken, On::kNothing},
    {kInitWriter, 0, 0, InitWriter, On::kHandler},
    {kCommitLakeTableSnapshot, 0, 0, CommitLakeTableSnapshot, On::kNothing},
    {kGetLakeSnapshot, 0, 0, GetLakeSnapshot, On::kTable, kDescribe},
    {kLimitScan, 0, 0, LimitScan, On::kTable, kRead},
    {kPrefixLookup, 0, 1, PrefixLookup, On::kHandler},
    {kGetDatabaseInfo, 0, 0, GetDatabaseInfo, On::kDatabase, kDescribe},
    {kCreatePartition, 0, 0, CreatePartition, On::kTable, kWrite},
    {kDropPartition, 0, 0, DropPartition, On::kTable, kWrite},
    {kAuthenticate, 0, 0, Authenticate, On::kNothing},
    {kCreateAcls, 0, 0, CreateAcls, On::kHandler},
    {kListAcls, 0, 0, ListAcls, On::kHandler},
    {kDropAcls, 0, 0, DropAcls, On::kHandler},
    {kLakeTieringHeartbeat, 0, 0, LakeTieringHeartbeat, On::kNothing},
    {kAlterTable, 0, 0, AlterTable, On::kTable, kAlter},
    {kDescribeClusterConfigs, 0, 0, DescribeClusterConfigs, On::kCluster, kDescribe},
    {kAlterClusterConfigs, 0, 0, AlterClusterConfigs, On::kCluster, kAlter},
    {kAddServerTag, 0, 0, AddServerTag, On::kCluster, kAlter},
    {kRemoveServerTag, 0, 0, RemoveServerTag, On::kCluster, kAlter},
    {kRebalance, 0, 0, Rebalance, On::kCluster, kWrite},
    {kListRebalanceProgress, 0, 0, ListRebalanceProgress, On::kCluster, kDescribe},
    {kCancelRebalance, 0, 0, CancelRebalance, On::kCluster, kWrite},
    {kPrepareLakeTableSnapshot, 0, 0, PrepareLakeTableSnapshot, On::kNothing},
    {kRegisterProducerOffsets, 0, 0, RegisterProducerOffsets, On::kHandler},
    {kGetProducerOffsets, 0, 0, GetProducerOffsets, On::kHandler},
    {kDeleteProducerOffsets, 0, 0, DeleteProducerOffsets, On::kHandler},
    {kAcquireKvSnapshotLease, 0, 0, AcquireKvSnapshotLease, On::kHandler},
    {kReleaseKvSnapshotLease, 0, 0, ReleaseKvSnapshotLease, On::kHandler},
    {kDropKvSnapshotLease, 0, 0, DropKvSnapshotLease, On::kHandler},
    {kGetTableStats, 0, 0, GetTableStats, On::kTable, kRead},
    {kAlterDatabase, 0, 0, AlterDatabase, On::kDatabase, kAlter},
    {kScanKv, 0, 0, ScanKv, On::kHandler},
    {kGetClusterHealth, 0, 0, GetClusterHealth, On::kCluster, kDescribe},
    {kListRemoteLogManifests, 0, 0, ListRemoteLogManifests, On::kTable, kDescribe},
    {kListKvSnapshots, 0, 0, ListKvSnapshots, On::kTable, kDescribe},
    {kLakeStatus, 0, 0, LakeStatus, On::kHandler},
    {kLakeControl, 0, 0, LakeControl, On::kTable, kAlter},
    {kLakePreflight, 0, 0, LakePreflight, On::kCluster, kAlter},
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
