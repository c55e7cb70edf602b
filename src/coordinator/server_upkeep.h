#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "meta/tree.h"
#include "model/ids.h"

namespace strom::coordinator {

/// What operators say of servers before they take them away, and the moves of replicas that they
/// ask for. Of the one server there is: tags are kept and obeyed, and every move is a move to
/// nowhere. Durable when a function returns. Owner: the coordinator's thread.
class ServerUpkeep {
 public:
  enum class Tag { kPermanentOffline = 0, kTemporaryOffline = 1 };
  enum class Goal { kReplicaDistribution = 0, kLeaderDistribution = 1, kRackAware = 2 };
  struct Rebalance {
    static constexpr int32_t kCompleted = 3;
    std::string id;
    int32_t status = kCompleted;
  };

  /// Errors: kCorrupt.
  static Result<ServerUpkeep> Open(meta::MetaTree& tree, model::ServerId server);

  /// Errors: kServerNotExist, kServerTagAlreadyExist.
  Status AddTag(const std::vector<int32_t>& servers, Tag tag);
  /// Errors: kServerTagNotExist for a server that has another one.
  Status RemoveTag(const std::vector<int32_t>& servers, Tag tag);
  /// Whether new buckets find a server. Errors: kInvalidReplicationFactor.
  Status CheckNewBuckets() const;

  /// Errors: kRebalanceFailure.
  Result<Rebalance> Start(const std::vector<int32_t>& goals);
  /// The newest one; nothing before the first. Errors: kNoRebalanceInProgress for another id.
  Result<std::optional<Rebalance>> Progress(const std::optional<std::string>& id) const;

 private:
  ServerUpkeep(meta::MetaTree& tree, model::ServerId server) : tree_(&tree), server_(server) {}
  Status PutTags(const std::map<model::ServerId, Tag>& tags);

  meta::MetaTree* tree_;
  model::ServerId server_;
  std::map<model::ServerId, Tag> tags_;
  std::optional<Rebalance> newest_;
};

}  // namespace strom::coordinator
