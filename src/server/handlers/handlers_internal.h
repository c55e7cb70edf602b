#pragma once
#include "server/call.h"

namespace strom::server {

class Server;

// One function per kind of request; each answers its call, now or later.
void ApiVersions(Server& server, Call call);
void GetMetadata(Server& server, Call call);
void Authenticate(Server& server, Call call);

void CreateDatabase(Server& server, Call call);
void AlterDatabase(Server& server, Call call);
void DropDatabase(Server& server, Call call);
void ListDatabases(Server& server, Call call);
void DatabaseExists(Server& server, Call call);
void GetDatabaseInfo(Server& server, Call call);

void CreateTable(Server& server, Call call);
void DropTable(Server& server, Call call);
void AlterTable(Server& server, Call call);
void GetTableInfo(Server& server, Call call);
void ListTables(Server& server, Call call);
void TableExists(Server& server, Call call);
void GetTableSchema(Server& server, Call call);

void CreatePartition(Server& server, Call call);
void DropPartition(Server& server, Call call);
void ListPartitionInfos(Server& server, Call call);

void InitWriter(Server& server, Call call);
void ProduceLog(Server& server, Call call);
void FetchLog(Server& server, Call call);
void ListOffsets(Server& server, Call call);
void LimitScan(Server& server, Call call);
void GetTableStats(Server& server, Call call);

void PutKv(Server& server, Call call);
void Lookup(Server& server, Call call);
void PrefixLookup(Server& server, Call call);
void ScanKv(Server& server, Call call);

void GetLatestKvSnapshots(Server& server, Call call);
void GetKvSnapshotMetadata(Server& server, Call call);
void AcquireKvSnapshotLease(Server& server, Call call);
void ReleaseKvSnapshotLease(Server& server, Call call);
void DropKvSnapshotLease(Server& server, Call call);
void GetFileSystemSecurityToken(Server& server, Call call);

void DescribeClusterConfigs(Server& server, Call call);
void AlterClusterConfigs(Server& server, Call call);

void CreateAcls(Server& server, Call call);
void ListAcls(Server& server, Call call);
void DropAcls(Server& server, Call call);

void RegisterProducerOffsets(Server& server, Call call);
void GetProducerOffsets(Server& server, Call call);
void DeleteProducerOffsets(Server& server, Call call);
void AddServerTag(Server& server, Call call);
void RemoveServerTag(Server& server, Call call);
void Rebalance(Server& server, Call call);
void ListRebalanceProgress(Server& server, Call call);
void CancelRebalance(Server& server, Call call);
void GetClusterHealth(Server& server, Call call);
void ListRemoteLogManifests(Server& server, Call call);
void ListKvSnapshots(Server& server, Call call);

void LakeTieringHeartbeat(Server& server, Call call);
void PrepareLakeTableSnapshot(Server& server, Call call);
void CommitLakeTableSnapshot(Server& server, Call call);
void GetLakeSnapshot(Server& server, Call call);
void LakeStatus(Server& server, Call call);
void LakeControl(Server& server, Call call);
void LakePreflight(Server& server, Call call);

}  // namespace strom::server
