#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "server/api_table.h"

namespace strom::server {

class Server;

/// What was asked of this server so far, by kind of request. Any thread.
class RequestCounters {
 public:
  struct Totals {
    uint64_t requests = 0;
    uint64_t errors = 0;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    uint64_t micros = 0;  // from the arrival to the answer; long polls wait in here
  };

  void Count(const Api& api, size_t bytes_in, size_t bytes_out, bool failed,
             std::chrono::steady_clock::duration took);
  Totals Of(const Api& api) const;

 private:
  struct Cell {
    std::atomic<uint64_t> requests = 0, errors = 0, bytes_in = 0, bytes_out = 0, micros = 0;
  };
  static constexpr size_t kMost = 128;  // kinds of request
  std::array<Cell, kMost> cells_;
};

/// Writes what is known of this server as Prometheus reads it (docs/http.md): Apache Fluss's names
/// where they mean the same, `strom_…` where it has none. Nothing is counted for it but requests:
/// the rest is asked of its owners when somebody wants to see it, and rates are taken over the time
/// since an earlier look.
class Metrics {
 public:
  explicit Metrics(Server& server) : server_(server) {}
  /// Waits for the coordinator and the shards. Any thread but theirs.
  std::string Text();

 private:
  /// What grows, by name and labels.
  using Growing = std::map<std::string, double>;
  struct Sample {
    std::chrono::steady_clock::time_point at;
    Growing values;
  };
  /// How fast each grew since about a minute ago, or since the first look.
  Growing RatesOf(const Growing& now);

  Server& server_;
  std::mutex mutex_;            // guards samples_
  std::deque<Sample> samples_;  // oldest first
};

}  // namespace strom::server
