#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "client/connection.h"
#include "lake/lake.h"

namespace strom::tiering {

/// Asks the coordinator for a table that is due, tiers it, reports, and asks again. Stateless:
/// everything it must remember is in the lake and with the coordinator, so it may be killed at any
/// moment and any number of workers may run.
class TieringWorker {
 public:
  struct Options {
    client::Cluster cluster;
    std::string name;                              // for people: "host:pid"
    lake::CatalogOptions catalog;                  // over those the server tells
    std::chrono::milliseconds poll_interval{200};  // while nothing is due
  };

  explicit TieringWorker(Options options);
  ~TieringWorker();  // Stop()
  void Start();
  /// Ends the round in hand without committing it, if it is not at its commit already.
  void Stop();

 private:
  void Loop();
  const Options options_;
  std::mutex mutex_;  // for waiting on changed_; the flag itself is atomic
  std::condition_variable changed_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace strom::tiering
