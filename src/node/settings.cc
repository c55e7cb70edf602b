#include "node/settings.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <yaml-cpp/yaml.h>

#include "base/text.h"
#include "model/duration.h"
#include "node/known_settings.h"

namespace strom::node {
namespace {

constexpr const char* kSaslOfListener = "security.sasl.listener.name.";
constexpr int64_t kLeastKvMemory = 16 << 20;
constexpr const char* kDefaultListener = "FLUSS://127.0.0.1:9123";

Status CheckKey(const std::string& key, std::vector<std::string>& notes) {
  for (const char* prefix : {"datalake.paimon.", "datalake.iceberg.", "datalake.lance.",
                             "datalake.hudi.", kSaslOfListener}) {
    if (key.starts_with(prefix)) return {};
  }
  std::vector<std::string> names;
  for (const KnownSetting& known : kKnownSettings) {
    if (key == known.key) {
      if (known.use == SettingUse::kRefused) {
        return Err(ErrorCode::kInvalidConfig,
                   "'{}' is not supported by this version and would not do what it says; remove it",
                   key);
      }
      if (known.use == SettingUse::kNoted) notes.push_back(key);
      return {};
    }
    names.emplace_back(known.key);
  }
  const std::string near = Nearest(key, names);
  return Err(ErrorCode::kInvalidConfig, "unknown setting '{}'{}", key,
             near.empty() ? "" : "; did you mean '" + near + "'?");
}

/// Parses "NAME://host:port,...".
Result<std::vector<server::Endpoint>> ParseEndpoints(const std::string& text) {
  std::vector<server::Endpoint> endpoints;
  for (const std::string& part : Split(text, ',')) {
    const std::string item(Trim(part));
    const size_t scheme = item.find("://");
    const size_t colon = item.rfind(':');
    if (scheme == std::string::npos || scheme == 0 || colon <= scheme + 2) {
      return Err(ErrorCode::kInvalidConfig, "'{}' is no listener; write NAME://host:port", item);
    }
    server::Endpoint endpoint{item.substr(0, scheme), item.substr(scheme + 3, colon - scheme - 3),
                              0};
    if (endpoint.host.starts_with('[') && endpoint.host.ends_with(']')) {
      endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
    }
    const auto port = model::ParseInteger(item.substr(colon + 1), 0, 65535);
    if (!port) return std::unexpected(port.error().In("listener '" + item + "'"));
    endpoint.port = static_cast<int>(*port);
    for (const server::Endpoint& other : endpoints) {
      if (other.name == endpoint.name)
        return Err(ErrorCode::kInvalidConfig, "listener name '{}' is used twice", other.name);
    }
    endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

/// Typed access to the values, each error naming its key.
class Values {
 public:
  explicit Values(const std::map<std::string, std::string>& values) : values_(values) {}

  template <class Parse, class Set>
  Status Read(const char* key, Parse parse, Set set) const {
    const auto it = values_.find(key);
    if (it == values_.end()) return {};
    auto value = parse(it->second);
    if (!value) return Err(ErrorCode::kInvalidConfig, "{}: {}", key, value.error().message);
    set(std::move(*value));
    return {};
  }
  std::string Text(const char* key, std::string fallback) const {
    const auto it = values_.find(key);
    return it == values_.end() ? fallback : it->second;
  }

 private:
  const std::map<std::string, std::string>& values_;
};

/// Who may come in where: listeners, users, rights.
Result<server::Access::Options> AccessIn(const std::map<std::string, std::string>& given,
                                         const Values& values,
                                         const std::vector<server::Endpoint>& listeners) {
  server::Access::Options access;
  const auto is_listener = [&](const std::string& name) {
    return std::ranges::find(listeners, name, &server::Endpoint::name) != listeners.end();
  };
  STROM_TRY(values.Read("authorizer.enabled", model::ParseBool,
                        [&](bool on) { access.authorizer.enabled = on; }));
  if (const std::string type = values.Text("authorizer.type", "default"); type != "default") {
    return Err(ErrorCode::kInvalidConfig, "authorizer.type: '{}' is not supported; use default",
               type);
  }
  STROM_TRY(values.Read("super.users", security::SuperUsersIn,
                        [&](auto users) { access.authorizer.super_users = std::move(users); }));
  STROM_TRY(values.Read("security.acl.principal.ignore-case", model::ParseBool,
                        [&](bool on) { access.authorizer.ignore_case = on; }));
  access.internal_listener = values.Text("internal.listener.name", "");
  if (!access.internal_listener.empty() && !is_listener(access.internal_listener)) {
    return Err(ErrorCode::kInvalidConfig, "internal.listener.name: no listener '{}' is bound",
               access.internal_listener);
  }
  for (const std::string& part : Split(values.Text("security.protocol.map", ""), ',')) {
    const std::string item(Trim(part));
    if (item.empty()) continue;
    const size_t colon = item.find(':');
    const std::string name = item.substr(0, colon);
    const std::string protocol =
        colon == std::string::npos ? "" : ToUpper(std::string(Trim(item.substr(colon + 1))));
    if (!is_listener(name) || (protocol != "PLAINTEXT" && protocol != "SASL")) {
      return Err(ErrorCode::kInvalidConfig,
                 "security.protocol.map: '{}' is not LISTENER:PLAINTEXT or LISTENER:SASL of a "
                 "bound listener",
                 item);
    }
    access.protocols[name] =
        protocol == "SASL" ? server::Access::Protocol::kSasl : server::Access::Protocol::kPlaintext;
  }
  for (const std::string& part :
       Split(values.Text("security.sasl.enabled.mechanisms", "PLAIN"), ',')) {
    if (ToUpper(std::string(Trim(part))) != "PLAIN") {
      return Err(ErrorCode::kInvalidConfig,
                 "security.sasl.enabled.mechanisms: '{}' is not supported; use PLAIN", part);
    }
  }
  constexpr const char* kJaas = ".plain.jaas.config";
  for (const server::Endpoint& listener : listeners) {
    const std::string own = kSaslOfListener + listener.name + kJaas;
    const std::string key = given.contains(own) ? own : "security.sasl.plain.jaas.config";
    STROM_TRY(values.Read(key.c_str(), security::PasswordsInJaas,
                          [&](auto users) { access.users[listener.name] = std::move(users); }));
  }
  for (const auto& [key, value] : given) {
    if (!key.starts_with(kSaslOfListener)) continue;
    const std::string rest = key.substr(std::string_view(kSaslOfListener).size());
    const std::string name =
        rest.ends_with(kJaas) ? rest.substr(0, rest.size() - std::string_view(kJaas).size()) : "";
    if (!is_listener(name)) {
      return Err(ErrorCode::kInvalidConfig,
                 "'{}' is no setting of a bound listener; write {}LISTENER{}", key, kSaslOfListener,
                 kJaas);
    }
  }
  STROM_TRY(values.Read(security::kUsersSetting, security::PasswordsInList, [](auto) {}));
  return access;
}

}  // namespace

Result<std::map<std::string, std::string>> ReadYaml(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Err(ErrorCode::kNotFound, "cannot read the configuration {}", path);
  std::map<std::string, std::string> values;
  try {
    const YAML::Node root = YAML::Load(file);
    if (root.IsNull()) return values;
    if (!root.IsMap())
      return Err(ErrorCode::kInvalidConfig, "{}: flat 'key: value' lines are expected", path);
    for (const auto& entry : root) {
      const auto key = entry.first.as<std::string>();
      if (!entry.second.IsScalar() && !entry.second.IsNull()) {
        return Err(ErrorCode::kInvalidConfig,
                   "{}: '{}' must have a plain value; keys are written in full, like 'data.dir'",
                   path, key);
      }
      if (values.contains(key))
        return Err(ErrorCode::kInvalidConfig, "{}: '{}' is set twice", path, key);
      values[key] = entry.second.IsNull() ? "" : entry.second.as<std::string>();
    }
  } catch (const YAML::Exception& fault) {
    return Err(ErrorCode::kInvalidConfig, "{}: {}", path, fault.what());
  }
  return values;
}

Result<Settings> MakeSettings(const std::map<std::string, std::string>& given) {
  Settings settings;
  settings.values = given;
  for (const auto& [key, value] : given) STROM_TRY(CheckKey(key, settings.notes));
  const Values values(settings.values);
  const auto integer = [](int64_t low, int64_t high) {
    return [low, high](const std::string& text) { return model::ParseInteger(text, low, high); };
  };
  namespace fs = std::filesystem;
  using std::chrono::milliseconds;
  settings.data_dir =
      fs::absolute(values.Text("data.dir", settings.data_dir)).lexically_normal().string();
  STROM_ASSIGN(const std::string remote,
               io::LocalPath(values.Text("remote.data.dir", settings.data_dir + "/remote")));
  settings.remote_dir = fs::absolute(remote).lexically_normal().string();

  settings.shards = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
  STROM_TRY(values.Read("server.shards", integer(1, 256),
                        [&](int64_t n) { settings.shards = static_cast<int>(n); }));
  STROM_TRY(values.Read("server.io-pool.size", integer(1, 1024),
                        [&](int64_t n) { settings.io_threads = static_cast<int>(n); }));
  STROM_TRY(values.Read("server.tiering.enabled", model::ParseBool,
                        [&](bool on) { settings.tiering = on; }));

  replica::Replicas::Options& replicas = settings.replicas;
  replicas.data_dir = settings.data_dir;
  STROM_TRY(values.Read("log.segment.file-size", model::ParseMemorySize,
                        [&](int64_t n) { replicas.segment_bytes = n; }));
  if (replicas.segment_bytes < 1024 || replicas.segment_bytes > INT32_MAX) {
    return Err(ErrorCode::kInvalidConfig, "log.segment.file-size: {} is outside 1024 to {}",
               replicas.segment_bytes, INT32_MAX);
  }
  STROM_TRY(values.Read("log.index.interval-size", model::ParseMemorySize,
                        [&](int64_t n) { replicas.index_interval_bytes = n; }));
  STROM_TRY(values.Read(
      "log.flush.offset.checkpoint-interval", model::ParseDuration,
      [&](Millis n) { replicas.flush_interval = milliseconds(std::max<Millis>(10, n)); }));
  STROM_TRY(values.Read("log.retention.check-interval", model::ParseDuration, [&](Millis n) {
    replicas.retention_interval = milliseconds(std::max<Millis>(10, n));
  }));
  STROM_TRY(values.Read("log.retention.roll-active-segment.enabled", model::ParseBool,
                        [&](bool on) { replicas.roll_active_segment = on; }));
  STROM_TRY(values.Read("server.writer-id.expiration-time", model::ParseDuration,
                        [&](Millis n) { replicas.writer_expiration = milliseconds(n); }));

  replicas.remote_dir = settings.remote_dir;
  STROM_TRY(values.Read("kv.snapshot.interval", model::ParseDuration, [&](Millis n) {
    replicas.kv_snapshot_interval = milliseconds(std::max<Millis>(10, n));
  }));
  STROM_TRY(values.Read("remote.log.task-interval-duration", model::ParseDuration,
                        [&](Millis n) { replicas.remote_log_interval = milliseconds(n); }));
  STROM_TRY(values.Read(
      "remote.log.task-max-upload-segments", integer(1, 1'000'000),
      [&](int64_t n) { replicas.remote_log_segments_per_job = static_cast<size_t>(n); }));
  STROM_TRY(values.Read("kv.snapshot.num-retained", integer(1, 1000), [&](int64_t n) {
    settings.meta.kv_snapshots_kept = static_cast<size_t>(n);
  }));
  STROM_TRY(values.Read("server.kv.memory-size", model::ParseMemorySize,
                        [&](int64_t n) { replicas.kv_memory_bytes = n; }));
  if (replicas.kv_memory_bytes < kLeastKvMemory) {
    return Err(ErrorCode::kInvalidConfig, "server.kv.memory-size: at least {} bytes are needed",
               kLeastKvMemory);
  }
  STROM_TRY(values.Read("auto-partition.check.interval", model::ParseDuration, [&](Millis n) {
    settings.meta.auto_partition_interval = milliseconds(std::max<Millis>(10, n));
  }));

  STROM_TRY(values.Read("coordinator.producer-offsets.ttl", model::ParseDuration,
                        [&](Millis n) { settings.producer_offsets_ttl = n; }));

  const std::string http = values.Text("server.http.listener", "127.0.0.1:8080");
  settings.http_is_asked_for = settings.values.contains("server.http.listener");
  if (http != "off") {
    const auto parsed = ParseEndpoints("HTTP://" + http);
    if (!parsed || parsed->size() != 1) {
      return Err(ErrorCode::kInvalidConfig,
                 "server.http.listener: '{}' is no HOST:PORT; write one, or off", http);
    }
    settings.http = parsed->front();
  }
  STROM_TRY(values.Read("server.http.sql.memory-size", model::ParseMemorySize,
                        [&](int64_t n) { settings.http_memory_bytes = n; }));
  STROM_TRY(values.Read("server.http.sql.max-queries", integer(1, 1024),
                        [&](int64_t n) { settings.http_max_queries = n; }));
  STROM_TRY(values.Read("server.http.sql.max-rows", integer(1, INT64_MAX),
                        [&](int64_t n) { settings.http_max_rows = n; }));
  STROM_TRY(values.Read("server.http.sql.max-time", model::ParseDuration,
                        [&](Millis n) { settings.http_max_time_ms = n; }));
  for (const std::string& part : Split(values.Text("metrics.reporters", ""), ',')) {
    const std::string reporter = ToLower(std::string(Trim(part)));
    if (reporter.empty() || reporter == "jmx") continue;  // that is the JVM's
    if (reporter != "prometheus") {
      return Err(ErrorCode::kInvalidConfig,
                 "metrics.reporters: '{}' is not supported; use prometheus", reporter);
    }
    settings.prometheus_port = 9249;
  }
  STROM_TRY(values.Read("metrics.reporter.prometheus.port", integer(0, 65535), [&](int64_t n) {
    if (settings.prometheus_port) settings.prometheus_port = static_cast<int>(n);
  }));

  server::Server::Options& server = settings.server;
  STROM_TRY(values.Read("tablet-server.id", integer(0, INT32_MAX),
                        [&](int64_t n) { server.server_id = static_cast<int32_t>(n); }));
  STROM_TRY(values.Read("netty.server.max-request-size", model::ParseMemorySize,
                        [&](int64_t n) { server.max_frame_bytes = static_cast<size_t>(n); }));
  STROM_ASSIGN(server.bind, ParseEndpoints(values.Text("bind.listeners", kDefaultListener)));
  if (const std::string advertised = values.Text("advertised.listeners", ""); !advertised.empty()) {
    STROM_ASSIGN(server.advertised, ParseEndpoints(advertised));
  }
  STROM_ASSIGN(server.access, AccessIn(settings.values, values, server.bind));
  // Places of the lake are the same for every process, wherever it runs.
  settings.default_warehouse = settings.data_dir + "/lake";
  for (const auto& [scope, kind] :
       {std::pair("datalake.paimon.", values.Text("datalake.paimon.metastore", "filesystem")),
        std::pair("datalake.iceberg.", values.Text("datalake.iceberg.type", "hadoop"))}) {
    const auto warehouse = settings.values.find(std::string(scope) + "warehouse");
    const bool is_place =
        ToLower(kind) == "filesystem" || ToLower(kind) == "hadoop" || ToLower(kind) == "jdbc";
    if (warehouse == settings.values.end() || !is_place) continue;
    std::string& place = warehouse->second;
    if (place.find("://") == std::string::npos && !place.starts_with("file:"))
      place = fs::absolute(place).lexically_normal().string();
  }
  return settings;
}

}  // namespace strom::node
