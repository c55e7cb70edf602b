#include "runtime/loop.h"

#include <future>
#include <thread>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <pthread.h>

namespace strom::runtime {

struct Loop::Inner {
  explicit Inner(std::string n)
      : name(std::move(n)), context(1), guard(asio::make_work_guard(context)) {}
  const std::string name;
  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  std::thread thread;
  std::atomic<std::thread::id> id;
};

Loop::Loop(std::string name) : inner_(std::make_unique<Inner>(std::move(name))) {}
Loop::~Loop() {
  Stop();
}

void Loop::Start() {
  inner_->thread = std::thread([inner = inner_.get()] {
    pthread_setname_np(pthread_self(), inner->name.substr(0, 15).c_str());
    inner->id = std::this_thread::get_id();
    inner->context.run();
  });
}

void Loop::Stop() {
  inner_->context.stop();
  if (inner_->thread.joinable()) inner_->thread.join();
}

void Loop::Post(Work work) {
  asio::post(inner_->context, std::move(work));
}

void Loop::Run(Work work) {
  if (IsCurrent()) {
    work();
  } else {
    Post(std::move(work));
  }
}

void Loop::RunAndWait(const Work& work) {
  std::promise<void> done;
  Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

bool Loop::IsCurrent() const {
  return inner_->id == std::this_thread::get_id();
}

namespace {

class SteadyTimer final : public Loop::Timer {
 public:
  SteadyTimer(asio::io_context& context, std::chrono::milliseconds delay, Loop::Work work)
      : timer_(context, delay) {
    timer_.async_wait([work = std::move(work)](const asio::error_code& fault) {
      if (!fault) work();
    });
  }

 private:
  asio::steady_timer timer_;
};

}  // namespace

std::unique_ptr<Loop::Timer> Loop::After(std::chrono::milliseconds delay, Work work) {
  return std::make_unique<SteadyTimer>(inner_->context, delay, std::move(work));
}

asio::io_context& Loop::context() {
  return inner_->context;
}

struct BlockingPool::Inner {
  explicit Inner(int threads) : pool(static_cast<size_t>(threads)) {}
  asio::thread_pool pool;
};

BlockingPool::BlockingPool(int threads) : inner_(std::make_unique<Inner>(threads)) {}
BlockingPool::~BlockingPool() {
  Join();
}
void BlockingPool::Post(Loop::Work work) {
  asio::post(inner_->pool, std::move(work));
}
void BlockingPool::Join() {
  inner_->pool.join();
}

Shards::Shards(int count) {
  for (int i = 0; i < count; ++i)
    loops_.push_back(std::make_unique<Loop>("shard-" + std::to_string(i)));
}

void Shards::Start() {
  for (auto& loop : loops_) loop->Start();
}

void Shards::Stop() {
  for (auto& loop : loops_) loop->Stop();
}

}  // namespace strom::runtime
