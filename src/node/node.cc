#include "node/node.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log_line.h"
#include "http/api.h"
#include "meta/embedded_tree.h"
#include "tiering/worker.h"

namespace strom::node {

/// In the order of their making; taken apart the other way round.
struct Node::Parts {
  explicit Parts(Settings s)
      : settings(std::move(s)), coordinator_loop("coordinator"), shards(settings.shards) {}
  /// Also the way out of a start that failed half-way: nothing may run while things are taken
  /// apart.
  ~Parts() {
    http.reset();
    prometheus.reset();
    tiering.reset();
    coordinator_loop.Stop();
    if (pool) pool->Join();
    shards.Stop();
    if (lock_fd >= 0) ::close(lock_fd);
  }

  /// How this process reaches itself, at a listener where a client is nobody in particular when
  /// there is one.
  client::Cluster Itself() const {
    const auto& bound = settings.server.bind;
    size_t chosen = 0;
    for (size_t i = 0; i < bound.size(); ++i) {
      if (bound[i].name != settings.server.access.internal_listener) {
        chosen = i;
        break;
      }
    }
    const std::string& host = bound[chosen].host;
    return {fmt::format("{}:{}", host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host,
                        server->BoundPort(chosen))};
  }
  /// Errors: kIo, kInvalidConfig, for what was asked for by name.
  Status StartHttp();

  Settings settings;
  int lock_fd = -1;
  SystemClock clock;
  runtime::Loop coordinator_loop;
  runtime::Shards shards;
  std::unique_ptr<runtime::BlockingPool> pool;
  std::unique_ptr<meta::MetaTree> tree;
  std::unique_ptr<meta::Catalog> catalog;
  std::unique_ptr<coordinator::Coordinator> coordinator;
  std::unique_ptr<replica::Replicas> replicas;
  std::unique_ptr<server::MetaService> meta;
  std::unique_ptr<server::Server> server;
  std::unique_ptr<tiering::TieringWorker> tiering;
  std::atomic<bool> serving = false;
  std::unique_ptr<server::Metrics> metrics;
  std::unique_ptr<http::Api> api;
  std::unique_ptr<http::HttpServer> http;
  std::unique_ptr<http::HttpServer> prometheus;
  bool open = false;
};

Status Node::Parts::StartHttp() {
  metrics = std::make_unique<server::Metrics>(*server);
  http::Api::Options options;
  options.cluster = Itself();
  options.memory_bytes = settings.http_memory_bytes;
  options.max_queries = settings.http_max_queries;
  options.max_rows = settings.http_max_rows;
  options.max_time_ms = settings.http_max_time_ms;
  options.spill_dir = settings.data_dir + "/sql-spill";
  options.is_ready = [this] { return serving.load(); };
  options.metrics = [this] { return metrics->Text(); };
  api = std::make_unique<http::Api>(std::move(options));
  const auto handle = [this](const http::Request& request) { return api->Handle(request); };
  if (settings.http) {
    auto started = http::HttpServer::Start({settings.http->host, settings.http->port}, handle);
    if (!started && settings.http_is_asked_for) return std::unexpected(started.error());
    if (started) {
      http = std::move(*started);
      LogInfo("HTTP at http://{}:{}", settings.http->host, http->port());
    } else {
      LogWarn("{}; goes on without, set server.http.listener", started.error().message);
    }
  }
  if (settings.prometheus_port) {
    STROM_ASSIGN(prometheus,
                 http::HttpServer::Start(
                     {"0.0.0.0", *settings.prometheus_port}, [this](const http::Request&) {
                       return http::Response{
                           200, "text/plain; version=0.0.4; charset=utf-8", metrics->Text(), {}};
                     }));
    LogInfo("metrics at http://0.0.0.0:{}/metrics", prometheus->port());
  }
  return {};
}

namespace {

/// Thousands of buckets have thousands of files.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// Two servers on one data directory would destroy it.
Result<int> LockDirectory(const std::string& dir) {
  const std::string path = dir + "/.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return Err(ErrorCode::kIo, "cannot open {}: {}", path, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return Err(ErrorCode::kIo,
               "another strom server uses the data directory {}; stop it or set data.dir", dir);
  }
  return fd;
}

}  // namespace

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Node::~Node() {
  if (parts_ && parts_->open) {
    if (const Status closed = Close(); !closed) LogError("close: {}", closed.error().message);
  }
}

const server::Endpoint& Node::endpoint() const {
  return parts_->server->EndpointOf(parts_->settings.server.bind.front().name);
}

Result<std::unique_ptr<Node>> Node::Start(Settings settings) {
  RaiseFileLimit();
  auto parts = std::make_unique<Parts>(std::move(settings));
  Parts& p = *parts;
  io::FileSystem& files = io::LocalFiles();
  STROM_TRY(files.MakeDirectories(p.settings.data_dir));
  STROM_ASSIGN(p.lock_fd, LockDirectory(p.settings.data_dir));
  STROM_ASSIGN(p.tree, meta::EmbeddedTree::Open(files, p.settings.data_dir + "/metadata"));
  STROM_ASSIGN(p.catalog, meta::Catalog::Open(*p.tree, files, p.settings.server.server_id));
  STROM_ASSIGN(p.coordinator,
               coordinator::Coordinator::Open(
                   *p.catalog, p.clock,
                   {p.settings.server.server_id, p.settings.remote_dir, p.settings.values,
                    p.settings.default_warehouse, p.settings.producer_offsets_ttl}));
  p.pool = std::make_unique<runtime::BlockingPool>(p.settings.io_threads);
  p.replicas =
      std::make_unique<replica::Replicas>(p.shards, *p.pool, files, p.clock, p.settings.replicas);
  p.meta = std::make_unique<server::MetaService>(p.coordinator_loop, *p.coordinator, *p.replicas,
                                                 p.settings.meta);
  p.replicas->SetCoordinator(*p.meta);
  p.server =
      std::make_unique<server::Server>(p.shards, *p.replicas, *p.meta, p.clock, p.settings.server);
  const auto view = p.coordinator->view();
  STROM_TRY(p.server->PublishSettings(p.coordinator->EffectiveSettings()));
  p.coordinator_loop.Start();  // replicas ask it while they open
  if (const Status started = p.replicas->Start(view); !started) {
    p.coordinator_loop.Stop();
    return std::unexpected(started.error());
  }
  p.shards.Start();
  p.meta->Start();
  STROM_TRY(p.server->Start());
  if (p.settings.tiering) {
    client::Cluster itself = p.Itself();
    itself.user = server::Access::kOwnUser;
    itself.password = p.server->access().own_password();
    p.tiering = std::make_unique<tiering::TieringWorker>(tiering::TieringWorker::Options{
        std::move(itself), fmt::format("server {}", p.settings.server.server_id), {}});
    p.tiering->Start();
  }
  p.open = true;
  p.serving = true;
  STROM_TRY(p.StartHttp());
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

Status Node::Close() {
  Parts& p = *parts_;
  p.open = false;
  p.serving = false;
  p.http.reset();
  p.prometheus.reset();
  p.tiering.reset();
  p.server->Close();
  p.meta->Stop();
  p.pool->Join();  // its jobs ask the coordinator
  p.coordinator_loop.Stop();
  p.shards.Stop();
  return p.replicas->Close();
}

}  // namespace strom::node
