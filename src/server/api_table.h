#pragma once
#include <span>

#include "server/call.h"

namespace strom::server {

class Server;

/// What a request is about, as far as rights go.
enum class On {
  kNothing,   // everybody may send it
  kCluster,   // these: the operation must be allowed on the cluster,
  kDatabase,  // on the database that the request names,
  kTable,     // on its table, by path or id
  kHandler    // the handler asks, since it is about several things or about a part of the answer
};

/// One kind of request: who answers it, and what its sender must be allowed to. Adding a request is
/// a row here and a function in handlers/.
struct Api {
  wire::ApiKey key;
  int16_t min_version;
  int16_t max_version;
  void (*handle)(Server& server, Call call);
  On on;
  security::Operation operation = security::Operation::kAny;  // of kCluster, kDatabase, kTable
};

/// Every request this server answers, by ascending key; API_VERSIONS tells clients this list.
std::span<const Api> ApiTable();
/// The row of a key, or nullptr.
const Api* FindApi(int16_t key);

}  // namespace strom::server
