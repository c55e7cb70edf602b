#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asio {
class io_context;
}

namespace strom::runtime {

/// One thread that runs what is posted to it, in order. A shard is a Loop, and so is the
/// coordinator's thread.
class Loop {
 public:
  explicit Loop(std::string name);
  ~Loop();  // Stop()
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  using Work = std::function<void()>;

  void Start();
  /// Ends the thread after the work in hand; what is still queued is dropped. Called from outside
  /// the loop.
  void Stop();
  /// Any thread.
  void Post(Work work);
  /// Runs `work` at once when called on this loop, else posts it. Any thread.
  void Run(Work work);
  /// Runs `work` on this loop and waits for it. Not from this loop.
  void RunAndWait(const Work& work);
  bool IsCurrent() const;

  /// A pending timer; destroying it cancels it. To be used and destroyed on the loop, or after
  /// Stop().
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  /// Calls `work` once after `delay`, on the loop. Called on the loop.
  std::unique_ptr<Timer> After(std::chrono::milliseconds delay, Work work);

  /// For net/.
  asio::io_context& context();

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

/// A bounded number of threads for what waits: fsync, lake files, object stores.
class BlockingPool {
 public:
  explicit BlockingPool(int threads);
  ~BlockingPool();  // waits for the jobs in hand
  void Post(Loop::Work work);
  void Join();

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

/// The shards of a server: loops that each own a part of the buckets and of the connections.
class Shards {
 public:
  explicit Shards(int count);
  void Start();
  void Stop();
  size_t count() const { return loops_.size(); }
  Loop& at(size_t index) { return *loops_[index]; }
  /// The shard that owns a thing with this hash, for as long as the process lives.
  size_t OwnerOf(size_t hash) const { return hash % loops_.size(); }

 private:
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace strom::runtime
