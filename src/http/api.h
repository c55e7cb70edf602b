#pragma once
#include <atomic>
#include <functional>
#include <semaphore>
#include <string>

#include "client/connection.h"
#include "http/http_server.h"

namespace strom::http {

/// What the server offers over HTTP (docs/http.md): SQL, health, metrics. Any thread.
class Api {
 public:
  struct Options {
    client::Cluster cluster;                    // where queries go; as whom, the request says
    int64_t memory_bytes = int64_t{512} << 20;  // of one query
    int64_t max_queries = 4;                    // at a time; others wait within their own time
    std::string spill_dir;
    int64_t max_rows = 1'000'000;
    int64_t max_bytes = int64_t{64} << 20;  // of one answer
    int64_t max_time_ms = 60'000;
    std::function<bool()> is_ready;
    std::function<std::string()> metrics;  // Prometheus' text
  };

  explicit Api(Options options)
      : options_(std::move(options)), free_(static_cast<std::ptrdiff_t>(options_.max_queries)) {}
  Response Handle(const Request& request);

 private:
  Response Sql(const Request& request);

  Result<Response> RunSql(const Request& request);

  const Options options_;
  std::counting_semaphore<> free_;  // places for queries
  std::atomic<int64_t> next_request_ = 0;
};

}  // namespace strom::http
