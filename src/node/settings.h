#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "replica/replicas.h"
#include "server/meta_service.h"
#include "server/server.h"

namespace strom::node {

/// The configuration of one process: `server.yaml` and `-X key=value` over the defaults, checked as
/// a whole.
struct Settings {
  std::map<std::string, std::string>
      values;  // as given, for clients that ask and for the lake catalog
  std::string data_dir = "./strom-data";
  std::string remote_dir;         // absolute
  std::string default_warehouse;  // of a lake on the file system
  int shards = 1;
  int io_threads = 2;
  bool tiering = true;
  /// Where HTTP is served; nothing: nowhere. By default it may be missing, when somebody else is
  /// there.
  std::optional<server::Endpoint> http;
  bool http_is_asked_for = false;
  std::optional<int> prometheus_port;
  int64_t http_memory_bytes = int64_t{512} << 20;
  int64_t http_max_queries = 4;
  int64_t http_max_rows = 1'000'000;
  Millis http_max_time_ms = 60'000;
  Millis producer_offsets_ttl = Millis{24} * 3600 * 1000;
  replica::Replicas::Options replicas;
  server::Server::Options server;
  server::MetaService::Options meta;
  std::vector<std::string> notes;  // keys that have no effect here, for the log
};

/// Reads flat `key: value` lines. Errors: kInvalidConfig naming file and key, kNotFound.
Result<std::map<std::string, std::string>> ReadYaml(const std::string& path);

/// Errors: kInvalidConfig: an unknown key (with the nearest known one), a value that does not
/// parse, a setting that this build cannot honour.
Result<Settings> MakeSettings(const std::map<std::string, std::string>& values);

}  // namespace strom::node
