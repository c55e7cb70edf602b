#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/table.h"
#include "net/channel.h"
#include "wire/api_keys.h"
#include "wire/codec.h"
#include "wire/messages.h"
#include "wire/model_names.h"

namespace strom::client {

/// A table as a client knows it.
struct Table {
  model::TableInfo info;
  std::map<std::string, std::string>
      properties;  // as the server gives them, lake catalog options included
  std::map<std::string, model::PartitionId> partitions;  // by name

  /// Of a bucket's partition; empty without one.
  std::string PartitionName(const model::TableBucket& bucket) const;
};

/// A cluster and as whom to come there.
struct Cluster {
  std::string bootstrap;  // "host:port", several separated by commas
  std::string user{};     // empty: nobody in particular
  std::string password{};
};

/// A connection to a cluster: blocking calls, channels to servers opened at first use. One owner at
/// a time; a thread that works beside others opens its own.
class Connection {
 public:
  struct Options {
    int64_t timeout_ms = 60'000;
  };

  /// Errors: kNetwork, kInvalidArgument, kAuthenticate.
  static Result<std::unique_ptr<Connection>> Open(const Cluster& cluster, Options options);
  static Result<std::unique_ptr<Connection>> Open(const Cluster& cluster) {
    return Open(cluster, Options());
  }

  const Cluster& cluster() const { return cluster_; }

  /// Calls the server (of a single node: the only one there is). Errors: those of the request,
  /// kNetwork, kRequestTimeOut.
  template <class Request>
  Result<wire::ResponseOf<Request>> Call(const Request& request) {
    STROM_ASSIGN(const int32_t id, Submit(request));
    return Await<wire::ResponseOf<Request>>(id);
  }
  /// The two halves of Call, to have several requests under way.
  template <class Request>
  Result<int32_t> Submit(const Request& request) {
    STROM_ASSIGN(net::Channel* const channel, Ready());
    return channel->Send(static_cast<int16_t>(wire::kApiKeyOf<Request>), wire::kVersionOf<Request>,
                         wire::Encode(request));
  }
  template <class Response>
  Result<Response> Await(int32_t id) {
    STROM_ASSIGN(net::Channel* const channel, Ready());
    STROM_ASSIGN(const net::ResponseFrame frame, channel->Receive(id));
    STROM_TRY(CheckFrame(frame));
    return wire::Decode<Response>(frame.body);
  }

  /// Asks the server for a table and its partitions. Errors: kTableNotExist, ....
  Result<std::shared_ptr<const Table>> GetTable(const model::TablePath& path);
  /// A schema of a table by id; remembered.
  Result<std::shared_ptr<const model::Schema>> GetSchema(const Table& table, int32_t schema_id);

 private:
  Connection(Cluster cluster, Options options) : cluster_(std::move(cluster)), options_(options) {}
  Result<net::Channel*> Ready();
  static Status CheckFrame(const net::ResponseFrame& frame);

  const Cluster cluster_;
  const Options options_;
  std::unique_ptr<net::Channel> channel_;
  std::map<std::pair<model::TableId, int32_t>, std::shared_ptr<const model::Schema>> schemas_;
};

/// The error in a per-bucket or per-table answer, if there is one.
template <class Message>
Status ErrorIn(const Message& message) {
  if (message.error_code.value_or(0) == 0) return {};
  return Err(static_cast<ErrorCode>(*message.error_code), "{}",
             message.error_message.value_or("no reason given"));
}

using wire::PartitionOf;
using wire::ToWire;

}  // namespace strom::client
