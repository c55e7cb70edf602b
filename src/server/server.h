#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/connection.h"
#include "replica/replicas.h"
#include "runtime/loop.h"
#include "server/access.h"
#include "server/meta_service.h"
#include "server/metrics.h"

namespace strom::server {

/// An address that clients reach the server under, by listener name.
struct Endpoint {
  std::string name;  // FLUSS
  std::string host;
  int port = 0;
};

/// Speaks the protocol: accepts connections, looks each request up in the table of requests
/// (api_table.h) and hands it to its handler. A single node is coordinator and tablet server at one
/// address.
class Server {
 public:
  struct Options {
    model::ServerId server_id = 0;
    std::vector<Endpoint> bind;
    std::vector<Endpoint>
        advertised;  // by name; a name that is missing is reached where it is bound
    size_t max_frame_bytes = size_t{100} << 20;
    Access::Options access;
  };

  Server(runtime::Shards& shards, replica::Replicas& replicas, MetaService& meta,
         const Clock& clock, Options options)
      : shards_(shards),
        replicas_(replicas),
        meta_(meta),
        clock_(clock),
        options_(std::move(options)),
        access_(options_.access) {}

  /// Errors: kIo, kInvalidConfig naming the address.
  Status Start();
  /// Stops accepting and closes all connections.
  void Close();

  runtime::Shards& shards() { return shards_; }
  replica::Replicas& replicas() { return replicas_; }
  MetaService& meta() { return meta_; }
  const Clock& clock() const { return clock_; }
  Access& access() { return access_; }
  RequestCounters& requests() { return requests_; }
  /// What the sender of a call may do. On the connection's loop.
  Rights RightsOf(const Call& call) {
    return {access_.authorizer(), call.session().caller, Here(call).view()};
  }
  model::ServerId id() const { return options_.server_id; }
  /// Where clients of a listener reach this server; with the port that was bound when 0 was asked
  /// for.
  const Endpoint& EndpointOf(const std::string& listener) const { return endpoints_.at(listener); }
  /// The port that a listener was bound to.
  int BoundPort(size_t listener) const { return listeners_[listener]->port(); }
  /// The cluster settings in force, for what clients see of the lake's options. Any thread.
  coordinator::Coordinator::Settings LakeSettings() const {
    const std::lock_guard lock(settings_mutex_);
    return settings_;
  }
  /// Errors: kInvalidConfig.
  Status PublishSettings(coordinator::Coordinator::Settings settings);
  /// The metadata and replicas of the shard that runs the caller.
  replica::ShardReplicas& Here(const Call& call) { return replicas_.at(ShardOf(call.loop())); }

 private:
  size_t ShardOf(const runtime::Loop& loop) const;
  static void OnAnswer(void* server, const Call& call, size_t bytes_out, bool failed);
  void Dispatch(const std::shared_ptr<net::Connection>& connection, net::RequestFrame frame);

  runtime::Shards& shards_;
  replica::Replicas& replicas_;
  MetaService& meta_;
  const Clock& clock_;
  const Options options_;
  Access access_;
  RequestCounters requests_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::map<std::string, Endpoint> endpoints_;  // fixed after Start
  mutable std::mutex settings_mutex_;          // guards settings_, which changes about never
  coordinator::Coordinator::Settings settings_;
};

}  // namespace strom::server
