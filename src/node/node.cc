#include "node/node.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log_line.h"
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
    tiering.reset();
    coordinator_loop.Stop();
    if (pool) pool->Join();
    shards.Stop();
    if (lock_fd >= 0) ::close(lock_fd);
  }

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
  bool open = false;
};

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
    const server::Endpoint& bound = p.settings.server.bind.front();
    const std::string host = bound.host == "0.0.0.0" ? "127.0.0.1" : bound.host;
    p.tiering = std::make_unique<tiering::TieringWorker>(tiering::TieringWorker::Options{
        {fmt::format("{}:{}", host, p.server->BoundPort(0)), server::Access::kOwnUser,
         p.server->access().own_password()},
        fmt::format("server {}", p.settings.server.server_id),
        {}});
    p.tiering->Start();
  }
  p.open = true;
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

Status Node::Close() {
  Parts& p = *parts_;
  p.open = false;
  p.tiering.reset();
  p.server->Close();
  p.meta->Stop();
  p.pool->Join();  // its jobs ask the coordinator
  p.coordinator_loop.Stop();
  p.shards.Stop();
  return p.replicas->Close();
}

}  // namespace strom::node
