#pragma once
#include <memory>

#include "base/result.h"
#include "node/settings.h"

namespace strom::node {

/// One process put together: metadata, coordinator, replicas, server, tiering. Closed in order by
/// Close.
class Node {
 public:
  /// Recovers what the last process left and serves. Errors: kIo, kCorrupt, kInvalidConfig.
  static Result<std::unique_ptr<Node>> Start(Settings settings);
  ~Node();

  const server::Endpoint& endpoint() const;
  /// Stops serving, waits for work in hand, flushes and marks the shutdown as clean.
  Status Close();

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace strom::node
