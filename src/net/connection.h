#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "net/frame.h"
#include "runtime/loop.h"

namespace strom::net {

/// One accepted connection, owned by the loop that reads and writes it.
///
/// Frames are handed over in the order they arrive; answers leave in the order they are given,
/// several in one system call. Reading stops while more than kMaxPendingBytes wait to be sent or
/// kMaxPendingRequests to be answered.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static constexpr size_t kMaxPendingBytes = size_t{64} << 20;
  static constexpr size_t kMaxPendingRequests = 4096;

  struct Options {
    size_t max_frame_bytes = size_t{100} << 20;
    std::string listener;  // the name of the listener it came in on
  };
  using OnFrame = std::function<void(const std::shared_ptr<Connection>&, RequestFrame)>;

  virtual ~Connection() = default;

  /// Sends a whole frame. Any thread; after the connection closed it does nothing. Each frame
  /// handed over wants one answer.
  void Send(std::vector<SharedBytes> frame);
  virtual void Close() = 0;
  /// Reads no more, and closes when what was given until then has left. On its loop.
  virtual void CloseAfterSend() = 0;
  /// What the owner of the frames keeps with the connection. On its loop.
  struct Companion {
    virtual ~Companion() = default;
  };
  void set_companion(std::unique_ptr<Companion> companion) { companion_ = std::move(companion); }
  Companion* companion() const { return companion_.get(); }
  runtime::Loop& loop() { return loop_; }
  const Options& options() const { return options_; }
  const std::string& peer() const { return peer_; }

 protected:
  Connection(runtime::Loop& loop, Options options, std::string peer)
      : loop_(loop), options_(std::move(options)), peer_(std::move(peer)) {}
  virtual void SendHere(std::vector<SharedBytes> frame) = 0;

 private:
  runtime::Loop& loop_;
  const Options options_;
  const std::string peer_;
  std::unique_ptr<Companion> companion_;
};

/// Accepts connections at one address and deals them out to the shards in turn.
class Listener {
 public:
  virtual ~Listener() = default;
  /// Begins to accept. Not on a shard.
  virtual void Start() = 0;
  /// The port that was bound, also when 0 was asked for.
  virtual int port() const = 0;
  /// Stops accepting and closes every connection. Waits until that is done. Not on a shard.
  virtual void Close() = 0;
};

/// Binds; connections wait until Start(). Errors: kInvalidConfig for an address that does not
/// resolve, kIo when it is taken (naming address and cause).
Result<std::unique_ptr<Listener>> Listen(runtime::Shards& shards, const std::string& host, int port,
                                         const Connection::Options& options,
                                         Connection::OnFrame on_frame);

}  // namespace strom::net
