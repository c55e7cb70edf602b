#pragma once
#include <span>

#include "server/call.h"

namespace strom::server {

class Server;

/// One kind of request: who answers it. Adding a request is a row here and a function in handlers/.
struct Api {
  wire::ApiKey key;
  int16_t min_version;
  int16_t max_version;
  void (*handle)(Server& server, Call call);
};

/// Every request this server answers, by ascending key; API_VERSIONS tells clients this list.
std::span<const Api> ApiTable();
/// The row of a key, or nullptr.
const Api* FindApi(int16_t key);

}  // namespace strom::server
