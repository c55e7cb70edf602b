#include "coordinator/server_upkeep.h"

#include <algorithm>

#include "base/json.h"
#include "base/uuid.h"
#include "meta/paths.h"
#include "model/duration.h"

namespace strom::coordinator {

Result<ServerUpkeep> ServerUpkeep::Open(meta::MetaTree& tree, model::ServerId server) {
  ServerUpkeep upkeep(tree, server);
  if (const auto node = tree.Get(meta::paths::kServerTags)) {
    STROM_ASSIGN(const Json json, ParseJson(node->data, "server tags"));
    if (const auto tags = json.find("server_tags"); tags != json.end() && tags->is_object()) {
      for (const auto& [id, tag] : tags->items()) {
        STROM_ASSIGN(const int64_t number, model::ParseInteger(id, 0, INT32_MAX));
        if (!HoldsInteger<int32_t>(tag))
          return Err(ErrorCode::kCorrupt, "the tag of server {} is no number", id);
        upkeep.tags_[static_cast<int32_t>(number)] = static_cast<Tag>(tag.get<int32_t>());
      }
    }
  }
  if (const auto node = tree.Get(meta::paths::kRebalance)) {
    STROM_ASSIGN(const Json json, ParseJson(node->data, "rebalance task"));
    Rebalance task;
    STROM_ASSIGN(task.id, JsonString(json, "rebalance_id"));
    task.status = JsonOr<int32_t>(json, "rebalance_status", Rebalance::kCompleted);
    upkeep.newest_ = std::move(task);
  }
  return upkeep;
}

Status ServerUpkeep::PutTags(const std::map<model::ServerId, Tag>& tags) {
  Json json = Json::object();
  for (const auto& [server, tag] : tags) json[std::to_string(server)] = static_cast<int32_t>(tag);
  STROM_TRY(tree_->Put(meta::paths::kServerTags,
                       Json{{"version", 1}, {"server_tags", std::move(json)}}.dump()));
  tags_ = tags;
  return {};
}

Status ServerUpkeep::AddTag(const std::vector<int32_t>& servers, Tag tag) {
  std::map<model::ServerId, Tag> tags = tags_;
  for (const int32_t server : servers) {
    if (server != server_)
      return Err(ErrorCode::kServerNotExist, "there is no server {}; the only one is {}", server,
                 server_);
    const auto [it, added] = tags.emplace(server, tag);
    if (!added && it->second != tag)
      return Err(ErrorCode::kServerTagAlreadyExist, "server {} has another tag; remove it first",
                 server);
  }
  return PutTags(tags);
}

Status ServerUpkeep::RemoveTag(const std::vector<int32_t>& servers, Tag tag) {
  std::map<model::ServerId, Tag> tags = tags_;
  for (const int32_t server : servers) {
    const auto it = tags.find(server);
    if (it == tags.end()) continue;
    if (it->second != tag)
      return Err(ErrorCode::kServerTagNotExist, "server {} has another tag than this one", server);
    tags.erase(it);
  }
  return PutTags(tags);
}

Status ServerUpkeep::CheckNewBuckets() const {
  if (!tags_.contains(server_)) return {};
  return Err(ErrorCode::kInvalidReplicationFactor,
             "no server takes new buckets: {}, the only one, is tagged as going offline", server_);
}

Result<ServerUpkeep::Rebalance> ServerUpkeep::Start(const std::vector<int32_t>& goals) {
  if (goals.empty())
    return Err(ErrorCode::kRebalanceFailure, "a rebalance needs at least one goal");
  for (const int32_t goal : goals) {
    if (goal < static_cast<int32_t>(Goal::kReplicaDistribution) ||
        goal > static_cast<int32_t>(Goal::kRackAware))
      return Err(ErrorCode::kRebalanceFailure, "there is no goal {}", goal);
  }
  if (tags_.contains(server_)) {
    return Err(ErrorCode::kRebalanceFailure,
               "server {} is tagged as going offline, and there is no other to move to", server_);
  }
  Rebalance task{NewUuid()};
  STROM_TRY(tree_->Put(meta::paths::kRebalance, Json{{"version", 1},
                                                     {"rebalance_id", task.id},
                                                     {"rebalance_status", task.status},
                                                     {"rebalance_plan", Json::array()}}
                                                    .dump()));
  newest_ = task;
  return task;
}

Result<std::optional<ServerUpkeep::Rebalance>> ServerUpkeep::Progress(
    const std::optional<std::string>& id) const {
  if (id && (!newest_ || newest_->id != *id))
    return Err(ErrorCode::kNoRebalanceInProgress, "there is no rebalance {}", *id);
  return newest_;
}

}  // namespace strom::coordinator
