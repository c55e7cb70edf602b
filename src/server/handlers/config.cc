#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {

void DescribeClusterConfigs(Server& server, Call call) {
  AnswerOnCoordinator<wire::DescribeClusterConfigsRequest>(
      server, std::move(call),
      [](MetaService& meta, const wire::DescribeClusterConfigsRequest&)
          -> Result<wire::DescribeClusterConfigsResponse> {
        wire::DescribeClusterConfigsResponse response;
        for (auto& entry : meta.coordinator().DescribeConfigs()) {
          response.configs.push_back(
              {entry.key, entry.value,
               entry.dynamic ? "DYNAMIC_SERVER_CONFIG" : "INITIAL_SERVER_CONFIG"});
        }
        return response;
      });
}

void AlterClusterConfigs(Server& server, Call call) {
  AnswerOnCoordinator<wire::AlterClusterConfigsRequest>(
      server, std::move(call),
      [&server](MetaService& meta, const wire::AlterClusterConfigsRequest& request)
          -> Result<wire::AlterClusterConfigsResponse> {
        std::vector<coordinator::Coordinator::ConfigChange> changes;
        for (const wire::PbAlterConfig& change : request.alter_configs) {
          if (change.op_type < 0 || change.op_type > 3) {
            return Err(ErrorCode::kInvalidConfig, "'{}': unknown operation {}", change.config_key,
                       change.op_type);
          }
          changes.push_back({change.config_key, change.config_value,
                             static_cast<coordinator::Coordinator::ConfigOp>(change.op_type)});
        }
        STROM_TRY(meta.AlterConfigs(changes));
        STROM_TRY(server.PublishSettings(meta.coordinator().EffectiveSettings()));
        return wire::AlterClusterConfigsResponse();
      });
}

}  // namespace strom::server
