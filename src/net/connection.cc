#include "net/connection.h"

#include <deque>
#include <mutex>
#include <unordered_set>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include "base/log_line.h"

namespace strom::net {

void Connection::Send(std::vector<SharedBytes> frame) {
  if (loop_.IsCurrent()) return SendHere(std::move(frame));
  loop_.Post([self = shared_from_this(), frame = std::move(frame)]() mutable {
    self->SendHere(std::move(frame));
  });
}

namespace {

using asio::ip::tcp;

constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kWriteParts = 128;  // slices in one gathered write
constexpr auto kMaxIdle = std::chrono::minutes(10);

class TcpListener;

class TcpConnection final : public Connection {
 public:
  TcpConnection(runtime::Loop& loop, tcp::socket socket, Options options, std::string peer,
                OnFrame on_frame)
      : Connection(loop, std::move(options), std::move(peer)),
        socket_(std::move(socket)),
        on_frame_(std::move(on_frame)) {
    buffer_ = std::make_shared_for_overwrite<char[]>(kReadBytes);
    capacity_ = kReadBytes;
  }

  void Start() {
    asio::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    Read();
    WatchIdle();
  }

  void Close() override {
    if (closed_) return;
    closed_ = true;
    asio::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    idle_.reset();
    out_.clear();
  }

  void CloseAfterSend() override {
    close_after_send_ = true;
    if (!writing_ && out_.empty()) Close();
  }

 private:
  std::shared_ptr<TcpConnection> Self() {
    return std::static_pointer_cast<TcpConnection>(shared_from_this());
  }

  void Read() {
    if (reading_ || closed_ || close_after_send_) return;
    if (out_bytes_ > kMaxPendingBytes || pending_ > kMaxPendingRequests)
      return;  // goes on when answers have left
    MakeRoom();
    reading_ = true;
    socket_.async_read_some(
        asio::buffer(buffer_.get() + end_, capacity_ - end_),
        [self = Self()](const asio::error_code& fault, size_t got) { self->OnRead(fault, got); });
  }

  /// Leaves space for at least the rest of the frame at hand, in a new buffer when answers still
  /// share the old one.
  void MakeRoom() {
    const size_t kept = end_ - begin_;
    size_t want = kReadBytes;
    if (kept >= kLengthBytes) {
      const auto size =
          FrameSize(ByteView(buffer_.get() + begin_, kept), 0, options().max_frame_bytes);
      if (size && *size) want = std::max(want, **size);
    }
    const bool shared = buffer_.use_count() > 1;
    if (capacity_ >= begin_ + want && end_ < capacity_) return;
    if (!shared && capacity_ >= want && capacity_ <= 4 * kReadBytes) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, kept);
    } else {
      auto fresh = std::make_shared_for_overwrite<char[]>(want);
      std::memcpy(fresh.get(), buffer_.get() + begin_, kept);
      buffer_ = std::move(fresh);
      capacity_ = want;
    }
    begin_ = 0;
    end_ = kept;
  }

  void OnRead(const asio::error_code& fault, size_t got) {
    reading_ = false;
    if (closed_) return;
    if (fault) return Close();
    active_ = true;
    end_ += got;
    corked_ = true;
    while (!closed_ && !close_after_send_) {
      const ByteView bytes(buffer_.get() + begin_, end_ - begin_);
      const auto size = FrameSize(bytes, kRequestHeaderBytes, options().max_frame_bytes);
      if (!size) {
        LogWarn("{}: {}; the connection is closed", peer(), size.error().message);
        FailConnection(size.error());
        break;
      }
      if (!*size || **size > bytes.size()) break;
      const SharedBytes frame(bytes.substr(0, **size), buffer_);
      begin_ += **size;
      ++pending_;
      on_frame_(shared_from_this(), ParseRequest(frame));
    }
    corked_ = false;
    Write();
    Read();
  }

  /// The protocol's answer to a frame that cannot be told apart from garbage: code and text, then
  /// the end.
  void FailConnection(const Error& error) {
    // ErrorResponse: field 1 (varint) the code, field 2 the text.
    Bytes body("\x08\x03\x12", 3);
    body.push_back(static_cast<char>(std::min<size_t>(error.message.size(), 127)));
    body += error.message.substr(0, 127);
    close_after_send_ = true;
    ++pending_;
    SendHere(BuildResponse(ResponseType::kServerFailure, 0, {SharedBytes::Own(std::move(body))}));
  }

  void SendHere(std::vector<SharedBytes> frame) override {
    if (closed_) return;
    if (pending_ > 0) --pending_;
    for (SharedBytes& part : frame) {
      out_bytes_ += part.size();
      out_.push_back(std::move(part));
    }
    if (!corked_) Write();
  }

  void Write() {
    if (writing_ || closed_ || out_.empty()) return;
    writing_ = true;
    in_flight_.clear();
    std::vector<asio::const_buffer> buffers;
    while (!out_.empty() && buffers.size() < kWriteParts) {
      buffers.emplace_back(out_.front().view().data(), out_.front().size());
      in_flight_.push_back(std::move(out_.front()));
      out_.pop_front();
    }
    asio::async_write(socket_, buffers,
                      [self = Self()](const asio::error_code& fault, size_t sent) {
                        self->OnWritten(fault, sent);
                      });
  }

  void OnWritten(const asio::error_code& fault, size_t sent) {
    writing_ = false;
    in_flight_.clear();
    if (closed_) return;
    if (fault) return Close();
    active_ = true;
    out_bytes_ -= sent;
    if (!out_.empty()) return Write();
    if (close_after_send_) return Close();
    Read();
  }

  void WatchIdle() {
    idle_ = loop().After(kMaxIdle, [weak = weak_from_this()] {
      const auto self = std::static_pointer_cast<TcpConnection>(weak.lock());
      if (!self || self->closed_) return;
      if (!self->active_ && self->pending_ == 0) return self->Close();
      self->active_ = false;
      self->WatchIdle();
    });
  }

  tcp::socket socket_;
  const OnFrame on_frame_;
  // Reading: [begin_, end_) of the buffer has arrived and is not handed over yet.
  std::shared_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool reading_ = false;
  size_t pending_ = 0;
  // Writing.
  std::deque<SharedBytes> out_;
  std::vector<SharedBytes> in_flight_;
  size_t out_bytes_ = 0;
  bool writing_ = false;
  bool corked_ = false;
  bool close_after_send_ = false;
  bool closed_ = false;
  bool active_ = true;
  std::unique_ptr<runtime::Loop::Timer> idle_;
};

class TcpListener final : public Listener {
 public:
  TcpListener(runtime::Shards& shards, tcp::acceptor acceptor, Connection::Options options,
              Connection::OnFrame on_frame)
      : shards_(shards),
        acceptor_(std::move(acceptor)),
        options_(std::move(options)),
        on_frame_(std::move(on_frame)) {}

  void Start() override {
    shards_.at(0).RunAndWait([this] { Accept(); });
  }

  int port() const override { return acceptor_.local_endpoint().port(); }

  void Close() override {
    shards_.at(0).RunAndWait([this] {
      asio::error_code ignored;
      acceptor_.close(ignored);
      closed_ = true;
    });
    std::vector<std::weak_ptr<TcpConnection>> open;
    {
      const std::lock_guard lock(mutex_);
      open = std::move(connections_);
    }
    for (size_t i = 0; i < shards_.count(); ++i) {
      shards_.at(i).RunAndWait([&] {
        for (const auto& weak : open) {
          const auto connection = weak.lock();
          if (connection && connection->loop().IsCurrent()) connection->Close();
        }
      });
    }
  }

 private:
  void Accept() {
    runtime::Loop& loop = shards_.at(next_++ % shards_.count());
    acceptor_.async_accept(
        loop.context(), [this, &loop](const asio::error_code& fault, tcp::socket socket) {
          if (closed_) return;
          if (fault) {  // out of file handles, say: try again a little later rather than spin
            LogWarn("cannot accept a connection: {}", fault.message());
            retry_ = shards_.at(0).After(std::chrono::milliseconds(100), [this] { Accept(); });
            return;
          }
          Adopt(loop, std::move(socket));
          Accept();
        });
  }

  void Adopt(runtime::Loop& loop, tcp::socket socket) {
    asio::error_code fault;
    const auto remote = socket.remote_endpoint(fault);
    const std::string peer =
        fault ? "?" : remote.address().to_string() + ":" + std::to_string(remote.port());
    auto connection =
        std::make_shared<TcpConnection>(loop, std::move(socket), options_, peer, on_frame_);
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
      connections_.push_back(connection);
    }
    loop.Run([connection] { connection->Start(); });
  }

  runtime::Shards& shards_;
  tcp::acceptor acceptor_;
  const Connection::Options options_;
  const Connection::OnFrame on_frame_;
  size_t next_ = 0;
  bool closed_ = false;
  std::unique_ptr<runtime::Loop::Timer> retry_;
  std::mutex mutex_;  // guards connections_
  std::vector<std::weak_ptr<TcpConnection>> connections_;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listen(runtime::Shards& shards, const std::string& host, int port,
                                         const Connection::Options& options,
                                         Connection::OnFrame on_frame) {
  asio::io_context& context = shards.at(0).context();
  asio::error_code fault;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, fault);
  if (fault || found.empty())
    return Err(ErrorCode::kInvalidConfig, "cannot resolve listener host '{}': {}", host,
               fault.message());
  const tcp::endpoint endpoint = *found.begin();
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), fault);
  if (!fault) acceptor.set_option(tcp::acceptor::reuse_address(true), fault);
  if (!fault) acceptor.bind(endpoint, fault);
  if (!fault) acceptor.listen(asio::socket_base::max_listen_connections, fault);
  if (fault) return Err(ErrorCode::kIo, "cannot listen on {}:{}: {}", host, port, fault.message());
  return std::unique_ptr<Listener>(
      std::make_unique<TcpListener>(shards, std::move(acceptor), options, std::move(on_frame)));
}

}  // namespace strom::net
