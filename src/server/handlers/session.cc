#include "server/api_table.h"
#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

void AddBuckets(const model::TableInfo& info, model::ServerId server,
                std::vector<wire::PbBucketMetadata>& out) {
  for (int32_t i = 0; i < info.bucket_count(); ++i) {
    wire::PbBucketMetadata bucket;
    bucket.bucket_id = i;
    bucket.leader_id = server;
    bucket.replica_id = {server};
    bucket.leader_epoch = 0;
    out.push_back(std::move(bucket));
  }
}

wire::PbPartitionMetadata ToWire(const meta::TableEntry& table, const std::string& name,
                                 model::PartitionId id, model::ServerId server) {
  wire::PbPartitionMetadata partition;
  partition.table_id = table.info.table_id;
  partition.partition_name = name;
  partition.partition_id = id;
  AddBuckets(table.info, server, partition.bucket_metadata);
  return partition;
}

Result<wire::MetadataResponse> Metadata(Server& server, const Call& call,
                                        const wire::MetadataRequest& request) {
  const meta::ClusterView& view = *server.Here(call).view();
  wire::MetadataResponse response;
  const Endpoint& endpoint = server.EndpointOf(call.connection().options().listener);
  wire::PbServerNode node;
  node.node_id = server.id();
  node.host = endpoint.host;
  node.port = endpoint.port;
  response.coordinator_server = node;
  response.tablet_servers.push_back(node);
  const Rights rights = server.RightsOf(call);
  const auto is_shown = [&](const model::TablePath& path) {
    return rights.Allow(security::Operation::kDescribe, security::Resource::Table(path));
  };
  for (const wire::PbTablePath& path : request.table_path) {
    if (!is_shown(PathOf(path))) continue;
    STROM_ASSIGN(const meta::TableEntry* table, FindTable(view, PathOf(path)));
    wire::PbTableMetadata entry;
    entry.table_path = path;
    entry.table_id = table->info.table_id;
    entry.schema_id = table->info.schema_id;
    entry.table_json = TextBytes(PublicDescriptor(table->info, server.LakeSettings()));
    entry.created_time = table->info.created_ms;
    entry.modified_time = table->info.modified_ms;
    if (!table->info.descriptor.partitioned())
      AddBuckets(table->info, server.id(), entry.bucket_metadata);
    response.table_metadata.push_back(std::move(entry));
  }
  for (const wire::PbPhysicalTablePath& path : request.partitions_path) {
    if (!is_shown({path.database_name, path.table_name})) continue;
    STROM_ASSIGN(const meta::TableEntry* table,
                 FindTable(view, {path.database_name, path.table_name}));
    const auto it = table->partitions.find(path.partition_name.value_or(""));
    if (it == table->partitions.end()) {
      return Err(ErrorCode::kPartitionNotExists, "partition {} of {} does not exist",
                 path.partition_name.value_or(""), table->info.path.ToString());
    }
    response.partition_metadata.push_back(ToWire(*table, it->first, it->second, server.id()));
  }
  for (const model::PartitionId id : request.partitions_id) {
    const auto it = view.partitions.find(id);
    if (it == view.partitions.end())
      return Err(ErrorCode::kPartitionNotExists, "partition {} does not exist", id);
    if (!is_shown(it->second.table->info.path)) continue;
    response.partition_metadata.push_back(
        ToWire(*it->second.table, it->second.name, id, server.id()));
  }
  return response;
}

}  // namespace

void ApiVersions(Server& server, Call call) {
  AnswerHere<wire::ApiVersionsRequest>(
      server, std::move(call),
      [](const wire::ApiVersionsRequest&) -> Result<wire::ApiVersionsResponse> {
        wire::ApiVersionsResponse response;
        for (const Api& api : ApiTable()) {
          response.api_versions.push_back(
              {static_cast<int32_t>(api.key), api.min_version, api.max_version});
        }
        // server_type stays absent: this node is coordinator and tablet server at one address, and
        // clients check it only when set.
        return response;
      });
}

void GetMetadata(Server& server, Call call) {
  auto request = Take<wire::MetadataRequest>(server, call);
  if (!request) return call.Fail(request.error());
  const auto response = Metadata(server, call, *request);
  call.Reply<wire::MetadataResponse>(response);
}

void Authenticate(Server& server, Call call) {
  const auto request = call.Decode<wire::AuthenticateRequest>();
  if (!request) return call.Fail(request.error());
  const std::string& listener = call.connection().options().listener;
  // A client that takes the empty challenge for a question answers it with nothing.
  if (request->token.view().empty() && call.session().authenticated &&
      server.access().AsksForProof(listener)) {
    return call.Reply<wire::AuthenticateResponse>(wire::AuthenticateResponse());
  }
  const Status proven = server.access().Authenticate(call.session(), listener, request->protocol,
                                                     request->token.view());
  if (!proven) return call.FailAndClose(proven.error());
  wire::AuthenticateResponse response;
  // PLAIN is complete after one token, which an empty challenge says.
  if (request->protocol == "PLAIN") response.challenge = SharedBytes();
  call.Reply<wire::AuthenticateResponse>(response);
}

}  // namespace strom::server
