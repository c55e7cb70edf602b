#include "model/partition.h"

#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

coordinator::Coordinator::PartitionSpec SpecOf(const wire::PbPartitionSpec& spec) {
  coordinator::Coordinator::PartitionSpec pairs;
  for (const wire::PbKeyValue& pair : spec.partition_key_values)
    pairs.emplace_back(pair.key, pair.value);
  return pairs;
}

}  // namespace

void CreatePartition(Server& server, Call call) {
  AnswerOnCoordinator<wire::CreatePartitionRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::CreatePartitionRequest& request) -> Result<wire::CreatePartitionResponse> {
        // The field is named after the opposite of what it says: true means an existing partition
        // is fine.
        STROM_TRY(meta.CreatePartition(PathOf(request.table_path), SpecOf(request.partition_spec),
                                       request.ignore_if_not_exists));
        return wire::CreatePartitionResponse();
      });
}

void DropPartition(Server& server, Call call) {
  AnswerOnCoordinator<wire::DropPartitionRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::DropPartitionRequest& request) -> Result<wire::DropPartitionResponse> {
        STROM_TRY(meta.coordinator().DropPartition(PathOf(request.table_path),
                                                   SpecOf(request.partition_spec),
                                                   request.ignore_if_not_exists));
        return wire::DropPartitionResponse();
      });
}

void ListPartitionInfos(Server& server, Call call) {
  const auto view = server.Here(call).view();
  AnswerHere<wire::ListPartitionInfosRequest>(
      server, std::move(call),
      [&](const wire::ListPartitionInfosRequest& request)
          -> Result<wire::ListPartitionInfosResponse> {
        STROM_ASSIGN(const meta::TableEntry* table, FindTable(*view, PathOf(request.table_path)));
        const std::vector<std::string>& keys = table->info.descriptor.partition_keys;
        if (keys.empty()) {
          return Err(ErrorCode::kTableNotPartitioned, "table {} is not partitioned",
                     table->info.path.ToString());
        }
        std::map<size_t, std::string> wanted;  // by position of the key
        if (request.partial_partition_spec) {
          for (const auto& [key, value] : SpecOf(*request.partial_partition_spec)) {
            const auto it = std::ranges::find(keys, key);
            if (it == keys.end()) {
              return Err(ErrorCode::kPartitionSpecInvalid, "'{}' is no partition key of {}", key,
                         table->info.path.ToString());
            }
            wanted[static_cast<size_t>(it - keys.begin())] = value;
          }
        }
        wire::ListPartitionInfosResponse response;
        for (const auto& [name, id] : table->partitions) {
          STROM_ASSIGN(const std::vector<std::string> values,
                       model::PartitionValues(name, keys.size()));
          if (!std::ranges::all_of(
                  wanted, [&](const auto& want) { return values[want.first] == want.second; }))
            continue;
          wire::PbPartitionInfo info;
          info.partition_id = id;
          for (size_t i = 0; i < keys.size(); ++i)
            info.partition_spec.partition_key_values.push_back({keys[i], values[i]});
          response.partitions_info.push_back(std::move(info));
        }
        return response;
      });
}

}  // namespace strom::server
