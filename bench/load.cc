// Puts load on a running server and prints what it did as one line of JSON. Usage:
//
//   load append HOST:PORT TABLE connections in_flight rows_per_batch batches [spread [rows_per_second]]
//
// sends pre-built batches with acks=all, each connection to one bucket or round `spread` of them;
//
//   load fetch HOST:PORT TABLE [column]
//
// reads every row once, all columns or one;
//
//   load pingpong HOST:PORT TABLE rounds
//
// appends one row and polls it, again and again;
//
//   load upsert HOST:PORT TABLE connections rows_per_batch batches keys seed [rows_per_second]
//
// puts rows of about 100 bytes under random ones of `keys` keys, four requests in flight a connection;
//
//   load lookup HOST:PORT TABLE connections in_flight keys_per_request requests keys
//
// looks random keys up;
//
//   load prefix HOST:PORT TABLE requests groups
//
// looks up all rows of random first key columns;
//
//   load ceiling MiB
//
// measures memcpy, CRC, page-cache append, read and send, and a loopback echo;
//
//   load parquet ROWS FILE...
//
// reads up to ROWS rows of the Parquet files and measures Arrow's bare writer (zstd) on them.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <map>
#include <random>
#include <thread>

#include <arpa/inet.h>
#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "client/connection.h"
#include "client/log_reader.h"
#include "record/arrow_batch.h"
#include "record/key.h"
#include "record/kv_batch.h"

namespace {

using namespace strom;  // NOLINT: one small program

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double CpuSeconds(int whose = RUSAGE_SELF) {
  rusage usage{};
  getrusage(whose, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

template <class T>
T Must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "load: %s\n", result.error().message.c_str());
  std::exit(1);
}
void Must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "load: %s\n", status.error().message.c_str());
  std::exit(1);
}

model::TablePath PathOf(const std::string& table) {
  return {"fluss", table};
}

/// Rows whose values differ a little, for any table of BIGINT and STRING columns.
Bytes MakeBatch(const client::Table& table, int64_t rows) {
  const model::Schema& schema = table.info.descriptor.schema;
  arrow::ArrayVector columns;
  for (const model::Column& column : schema.columns) {
    auto builder = Must([&]() -> Result<std::unique_ptr<arrow::ArrayBuilder>> {
      std::unique_ptr<arrow::ArrayBuilder> made;
      STROM_TRY(record::FromArrow(
          arrow::MakeBuilder(arrow::default_memory_pool(), record::ToArrowType(column.type), &made),
          "make"));
      return made;
    }());
    for (int64_t i = 0; i < rows; ++i) {
      record::Value value{i};
      if (column.type.root == model::TypeRoot::kString) value = {fmt::format("{:084}", i)};
      Must(record::AppendValue(column.type, value, *builder));
    }
    columns.push_back(*builder->Finish());
  }
  const auto batch = arrow::RecordBatch::Make(record::ToArrowSchema(schema), rows, columns);
  const record::ArrowCompression compression{table.info.options.arrow_compression, 3};
  const Bytes payload =
      Must(record::EncodeLogPayload(*batch, table.info.options.log_format, schema, compression));
  record::BatchHeader header;
  header.record_count = static_cast<int32_t>(rows);
  return record::BuildLogBatch(header, payload);
}

/// Requests of one connection, of which at most `most` wait for their answers.
template <class Response>
class Pipeline {
 public:
  Pipeline(const std::string& address, size_t most)
      : connection_(Must(client::Connection::Open({address}))), most_(most) {}

  template <class Request>
  void Send(const Request& request) {
    if (waiting_.size() == most_) Await();
    waiting_.emplace_back(Must(connection_->Submit(request)), Seconds());
  }
  /// The microseconds that each request took, when all are answered.
  std::vector<double> Finish() {
    while (!waiting_.empty()) Await();
    return std::move(micros_);
  }

 private:
  void Await() {
    const auto answer = Must(connection_->template Await<Response>(waiting_.front().first));
    micros_.push_back((Seconds() - waiting_.front().second) * 1e6);
    waiting_.pop_front();
    for (const auto& bucket : answer.buckets_resp) Must(client::ErrorIn(bucket));
  }

  const std::unique_ptr<client::Connection> connection_;
  const size_t most_;
  std::deque<std::pair<int32_t, double>> waiting_;
  std::vector<double> micros_;
};

/// Runs `work(i, pipeline)` for each of some connections at once; returns what all requests took,
/// sorted.
template <class Response, class Work>
std::vector<double> InParallel(const std::string& address, int64_t connections, size_t in_flight,
                               Work work) {
  std::vector<std::vector<double>> micros(static_cast<size_t>(connections));
  std::vector<std::thread> threads;
  for (int64_t c = 0; c < connections; ++c) {
    threads.emplace_back([&, c] {
      Pipeline<Response> pipeline(address, in_flight);
      work(c, pipeline);
      micros[static_cast<size_t>(c)] = pipeline.Finish();
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& some : micros) all.insert(all.end(), some.begin(), some.end());
  std::ranges::sort(all);
  return all;
}

/// Waits until `rows` since `begun` are no more than `rate` a second; 0 is as fast as it goes.
void KeepRate(double rate, double begun, int64_t rows) {
  if (rate <= 0) return;
  const double early = begun + static_cast<double>(rows) / rate - Seconds();
  if (early > 0) std::this_thread::sleep_for(std::chrono::duration<double>(early));
}

void Append(const std::vector<std::string>& args) {
  const auto number = [&](size_t i) { return std::stoll(args.at(i)); };
  const int64_t connections = number(2);
  const auto in_flight = static_cast<size_t>(number(3));
  const int64_t rows = number(4);
  const int64_t batches = number(5);
  const int64_t spread = args.size() > 6 ? number(6) : 1;
  const double rate = args.size() > 7 ? static_cast<double>(number(7)) : 0;
  const auto first = Must(client::Connection::Open({args[0]}));
  const auto table = Must(first->GetTable(PathOf(args[1])));
  const SharedBytes batch = SharedBytes::Own(MakeBatch(*table, rows));
  const double begun = Seconds();
  InParallel<wire::ProduceLogResponse>(
      args[0], connections, in_flight, [&](int64_t c, auto& pipeline) {
        wire::ProduceLogRequest request;
        request.acks = -1;
        request.table_id = table->info.table_id;
        request.timeout_ms = 30'000;
        request.buckets_req.push_back({std::nullopt, 0, batch});
        for (int64_t i = 0; i < batches / connections; ++i) {
          request.buckets_req[0].bucket_id =
              static_cast<int32_t>((c + i % spread) % table->info.bucket_count());
          pipeline.Send(request);
          KeepRate(rate, begun, (i + 1) * connections * rows);
        }
      });
  std::printf("{\"requests\": %lld, \"bytes\": %lld, \"seconds\": %.4f}\n",
              static_cast<long long>(batches / connections * connections),
              static_cast<long long>(batches / connections * connections) *
                  static_cast<long long>(batch.size()),
              Seconds() - begun);
}

void Fetch(const std::vector<std::string>& args) {
  const auto connection = Must(client::Connection::Open({args[0]}));
  const auto table = Must(connection->GetTable(PathOf(args[1])));
  int64_t bytes = 0;
  const double begun = Seconds();
  for (const auto& [bucket, end] :
       Must(client::ListOffsets(*connection, *table, client::OffsetKind::kLatest))) {
    for (int64_t offset = 0; offset < end;) {
      wire::FetchLogRequest request;
      request.follower_server_id = -1;
      request.max_bytes = 16 << 20;
      wire::PbFetchLogReqForTable& part = request.tables_req.emplace_back();
      part.table_id = table->info.table_id;
      if (args.size() > 2) {
        part.projection_pushdown_enabled = true;
        part.projected_fields = {std::stoi(args[2])};
      }
      part.buckets_req.push_back({std::nullopt, bucket.bucket, offset, 4 << 20});
      const auto answer = Must(connection->Call(request));
      const auto& records = answer.tables_resp.at(0).buckets_resp.at(0).records;
      bytes += static_cast<int64_t>(records->size());
      record::LogBatches all(records->view());
      while (const auto batch = Must(all.Next())) offset = batch->next_offset();
    }
  }
  std::printf("{\"bytes\": %lld, \"seconds\": %.4f}\n", static_cast<long long>(bytes),
              Seconds() - begun);
}

/// The key columns of row `i`: the first alone for tables with one, else i / 100 and i.
record::Row KeyOf(const std::vector<model::DataType>& types, int64_t i) {
  record::Row key;
  if (types.size() == 2) key.push_back({i / 100});
  key.push_back({i});
  return key;
}

struct KeyTable {
  std::shared_ptr<const client::Table> table;
  record::KeyEncoding encoding;
  std::vector<model::DataType> key_types;
  std::vector<model::DataType> types;
};

KeyTable OpenKeys(const std::vector<std::string>& args) {
  const auto connection = Must(client::Connection::Open({args[0]}));
  KeyTable keys{Must(connection->GetTable(PathOf(args[1]))), {}, {}, {}};
  const model::TableInfo& info = keys.table->info;
  keys.encoding = record::KvKeyEncoding(info.descriptor, info.options);
  const model::Schema& schema = info.descriptor.schema;
  for (const int c : schema.Positions(schema.primary_key))
    keys.key_types.push_back(schema.columns[static_cast<size_t>(c)].type);
  for (const model::Column& column : schema.columns) keys.types.push_back(column.type);
  return keys;
}

int32_t BucketOfKey(const KeyTable& keys, const record::Row& key) {
  const model::TableInfo& info = keys.table->info;
  const size_t columns = info.descriptor.bucket_keys.size();
  const record::Types types(keys.key_types.data(), columns);
  const record::Row bucket_key(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(columns));
  const Bytes encoded =
      Must(record::EncodeBucketKey(info.options.lake_format, types, bucket_key));
  return Must(record::BucketOf(info.options.lake_format, encoded, info.bucket_count()));
}

void Upsert(const std::vector<std::string>& args) {
  const auto number = [&](size_t i) { return std::stoll(args.at(i)); };
  const int64_t connections = number(2);
  const int64_t rows = number(3);
  const int64_t batches = number(4);
  const int64_t key_count = number(5);
  const KeyTable keys = OpenKeys(args);
  const std::string pad(80, 'x');
  const double rate = args.size() > 7 ? static_cast<double>(number(7)) : 0;
  const double begun = Seconds();
  InParallel<wire::PutKvResponse>(
      args[0], connections, 4, [&](int64_t c, auto& pipeline) {
        std::mt19937_64 random(static_cast<uint64_t>(number(6) * 1000 + c));
        for (int64_t b = 0; b < batches / connections; ++b) {
          std::map<int32_t, record::KvBatchBuilder> by_bucket;
          for (int64_t r = 0; r < rows; ++r) {
            const auto i = static_cast<int64_t>(random() % static_cast<uint64_t>(key_count));
            record::Row row = KeyOf(keys.key_types, i);
            const Bytes key = Must(record::EncodeKey(keys.encoding, keys.key_types, row));
            const int32_t bucket = BucketOfKey(keys, row);
            row.push_back({pad});
            const Bytes encoded = Must(record::EncodeCompactedRow(keys.types, row));
            by_bucket[bucket].Append({key, ByteView(encoded)});
          }
          wire::PutKvRequest request;
          request.acks = -1;
          request.table_id = keys.table->info.table_id;
          request.timeout_ms = 30'000;
          for (auto& [bucket, batch] : by_bucket)
            request.buckets_req.push_back(
                {std::nullopt, bucket, SharedBytes::Own(batch.Build({}))});
          pipeline.Send(request);
          KeepRate(rate, begun, (b + 1) * connections * rows);
        }
      });
  std::printf("{\"rows\": %lld, \"seconds\": %.4f}\n",
              static_cast<long long>(batches / connections * connections * rows),
              Seconds() - begun);
}

void Lookup(const std::vector<std::string>& args) {
  const auto number = [&](size_t i) { return std::stoll(args.at(i)); };
  const int64_t connections = number(2);
  const auto in_flight = static_cast<size_t>(number(3));
  const int64_t per_request = number(4);
  const int64_t requests = number(5);
  const int64_t key_count = number(6);
  const KeyTable keys = OpenKeys(args);
  const std::vector<double> all = InParallel<wire::LookupResponse>(
      args[0], connections, in_flight, [&](int64_t c, auto& pipeline) {
        std::mt19937_64 random(static_cast<uint64_t>(c));
        for (int64_t n = 0; n < requests / connections; ++n) {
          std::map<int32_t, std::vector<SharedBytes>> by_bucket;
          for (int64_t k = 0; k < per_request; ++k) {
            const auto i = static_cast<int64_t>(random() % static_cast<uint64_t>(key_count));
            const record::Row key = KeyOf(keys.key_types, i);
            by_bucket[BucketOfKey(keys, key)].push_back(
                SharedBytes::Own(Must(record::EncodeKey(keys.encoding, keys.key_types, key))));
          }
          wire::LookupRequest request;
          request.table_id = keys.table->info.table_id;
          for (auto& [bucket, some] : by_bucket)
            request.buckets_req.push_back({std::nullopt, bucket, std::move(some), std::nullopt});
          pipeline.Send(request);
        }
      });
  std::printf("{\"requests\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", all.size(),
              all[all.size() / 2], all[all.size() * 99 / 100]);
}

void Prefix(const std::vector<std::string>& args) {
  const KeyTable keys = OpenKeys(args);
  const auto connection = Must(client::Connection::Open({args[0]}));
  std::mt19937_64 random(1);
  const auto groups = static_cast<uint64_t>(std::stoll(args[3]));
  int64_t rows = 0;
  for (int64_t n = 0; n < std::stoll(args[2]); ++n) {
    const record::Row key{{static_cast<int64_t>(random() % groups)}};
    const record::Types types(keys.key_types.data(), 1);
    wire::PrefixLookupRequest request;
    request.table_id = keys.table->info.table_id;
    request.buckets_req.push_back(
        {std::nullopt, BucketOfKey(keys, key),
         {SharedBytes::Own(Must(record::EncodeKey(keys.encoding, types, key)))}});
    const auto answer = Must(connection->Call(request));
    for (const auto& bucket : answer.buckets_resp) {
      Must(client::ErrorIn(bucket));
      for (const auto& list : bucket.value_lists) rows += static_cast<int64_t>(list.values.size());
    }
  }
  std::printf("{\"rows\": %lld}\n", static_cast<long long>(rows));
}

void PingPong(const std::vector<std::string>& args) {
  const auto writer = Must(client::Connection::Open({args[0]}));
  const auto reader = Must(client::Connection::Open({args[0]}));
  const auto table = Must(writer->GetTable(PathOf(args[1])));
  int64_t offset =
      Must(client::ListOffsets(*writer, *table, client::OffsetKind::kLatest)).begin()->second;
  wire::ProduceLogRequest produce;
  produce.acks = -1;
  produce.table_id = table->info.table_id;
  produce.timeout_ms = 30'000;
  produce.buckets_req.push_back({std::nullopt, 0, SharedBytes::Own(MakeBatch(*table, 1))});
  std::vector<double> micros;
  for (int64_t i = 0; i < std::stoll(args[2]); ++i) {
    wire::FetchLogRequest fetch;
    fetch.follower_server_id = -1;
    fetch.max_bytes = 1 << 20;
    fetch.min_bytes = 1;
    fetch.max_wait_ms = 10'000;
    fetch.tables_req.push_back(
        {table->info.table_id, false, {}, {{std::nullopt, 0, offset++, 1 << 20}}, {}, {}});
    const int32_t waiting = Must(reader->Submit(fetch));
    const double begun = Seconds();
    const int32_t sent = Must(writer->Submit(produce));
    Must(reader->Await<wire::FetchLogResponse>(waiting));
    micros.push_back((Seconds() - begun) * 1e6);
    Must(writer->Await<wire::ProduceLogResponse>(sent));
  }
  std::ranges::sort(micros);
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", micros[micros.size() / 2],
              micros[micros.size() * 99 / 100]);
}

/// A loopback connection, whose other end `serve` has on a thread of its own.
template <class Serve>
class Loopback {
 public:
  explicit Loopback(Serve serve) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      std::exit(1);
    ::listen(listener, 1);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    client_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(client_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      std::exit(1);
    const int peer = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    for (const int end : {client_, peer}) {
      const int one = 1;
      ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    thread_ = std::thread([serve, peer] {
      serve(peer);
      ::close(peer);
    });
  }
  ~Loopback() {
    ::close(client_);
    thread_.join();
  }
  int client() const { return client_; }

 private:
  int client_ = -1;
  std::thread thread_;
};

double EchoMicros() {
  const Loopback echo([](int peer) {
    char buffer[256];
    ssize_t got = 0;
    while ((got = ::recv(peer, buffer, sizeof buffer, 0)) > 0) {
      if (::send(peer, buffer, static_cast<size_t>(got), 0) < 0) break;
    }
  });
  std::vector<double> micros;
  char buffer[256] = {};
  for (int i = 0; i < 5000; ++i) {
    const double begun = Seconds();
    if (::send(echo.client(), buffer, 100, 0) < 0) std::exit(1);
    for (ssize_t got = 0; got < 100;) {
      const ssize_t part = ::recv(echo.client(), buffer, static_cast<size_t>(100 - got), 0);
      if (part <= 0) std::exit(1);
      got += part;
    }
    micros.push_back((Seconds() - begun) * 1e6);
  }
  std::ranges::sort(micros);
  return micros[micros.size() / 2];
}

/// CPU-seconds of a thread that reads a file from the page cache and sends it, per GiB.
double ReadAndSend(int file, int64_t mib) {
  Bytes buffer(1 << 20, '\0');
  const Loopback drain([](int peer) {
    Bytes sink(1 << 20, '\0');
    while (::recv(peer, sink.data(), sink.size(), 0) > 0) {
    }
  });
  const double before = CpuSeconds(RUSAGE_THREAD);
  for (int64_t i = 0; i < mib; ++i) {
    if (::pread(file, buffer.data(), buffer.size(), i << 20) < 0) std::exit(1);
    for (size_t sent = 0; sent < buffer.size();) {
      const ssize_t part = ::send(drain.client(), buffer.data() + sent, buffer.size() - sent, 0);
      if (part <= 0) std::exit(1);
      sent += static_cast<size_t>(part);
    }
  }
  return (CpuSeconds(RUSAGE_THREAD) - before) * 1024 / static_cast<double>(mib);
}

/// What the machine itself can do, in CPU-seconds per GiB and microseconds per round trip.
void Ceiling(const std::vector<std::string>& args) {
  const int64_t mib = std::stoll(args[0]);
  const Bytes block(1 << 20, 'x');
  Bytes copy(1 << 20, '\0');
  const auto measure = [&](auto work) {
    const double before = CpuSeconds();
    for (int64_t i = 0; i < mib; ++i) work();
    return (CpuSeconds() - before) * 1024 / static_cast<double>(mib);
  };
  const double memcpy_s = measure([&] {
    std::memcpy(copy.data(), block.data(), block.size());
    asm volatile("" : : "r"(copy.data()) : "memory");
  });
  uint32_t crc = 0;
  const double crc_s = measure([&] { crc ^= Crc32c(block); });
  const int file = ::open("ceiling.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
  const double write_s = measure([&] {
    if (::write(file, block.data(), block.size()) < 0) std::exit(1);
  });
  const double send_s = ReadAndSend(file, mib);
  ::unlink("ceiling.tmp");
  ::close(file);
  std::printf(
      "{\"memcpy_s_per_gib\": %.4f, \"crc_s_per_gib\": %.4f, \"write_s_per_gib\": %.4f, "
      "\"send_s_per_gib\": %.4f, \"echo_p50_us\": %.1f, \"ignored\": %u}\n",
      memcpy_s, crc_s, write_s, send_s, EchoMicros(), crc & 1);
}

template <class T>
T Must(arrow::Result<T> result) {
  if (result.ok()) return std::move(*result);
  std::fprintf(stderr, "load: %s\n", result.status().ToString().c_str());
  std::exit(1);
}

/// The rows are in memory before the clock starts, in batches as large as log batches are.
void BareParquet(const std::vector<std::string>& args) {
  constexpr int64_t kBatchRows = 16'384;
  int64_t left = std::stoll(args[0]);
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (size_t i = 1; i < args.size() && left > 0; ++i) {
    const auto reader = Must(parquet::arrow::OpenFile(Must(arrow::io::ReadableFile::Open(args[i])),
                                                      arrow::default_memory_pool()));
    const auto table = Must(reader->ReadTable());
    arrow::TableBatchReader cut(*table);
    cut.set_chunksize(kBatchRows);
    while (left > 0) {
      auto batch = Must(cut.Next());
      if (batch == nullptr) break;
      left -= batch->num_rows();
      batches.push_back(std::move(batch));
    }
  }
  const double before = CpuSeconds();
  const auto sink = Must(arrow::io::FileOutputStream::Open("bare.parquet"));
  const auto properties =
      parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build();
  const auto writer = Must(parquet::arrow::FileWriter::Open(
      *batches.at(0)->schema(), arrow::default_memory_pool(), sink, properties));
  int64_t rows = 0;
  for (const auto& batch : batches) {
    if (!writer->WriteRecordBatch(*batch).ok()) std::exit(1);
    rows += batch->num_rows();
  }
  if (!writer->Close().ok() || !sink->Close().ok()) std::exit(1);
  ::unlink("bare.parquet");
  std::printf("{\"rows\": %lld, \"cpu\": %.4f}\n", static_cast<long long>(rows),
              CpuSeconds() - before);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + std::min(argc, 2), argv + argc);
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "append" && (args.size() == 6 || args.size() == 7))
    Append(args);
  else if (what == "fetch" && args.size() >= 2)
    Fetch(args);
  else if (what == "pingpong" && args.size() == 3)
    PingPong(args);
  else if (what == "upsert" && args.size() >= 7)
    Upsert(args);
  else if (what == "lookup" && args.size() == 7)
    Lookup(args);
  else if (what == "prefix" && args.size() == 4)
    Prefix(args);
  else if (what == "ceiling" && args.size() == 1)
    Ceiling(args);
  else if (what == "parquet" && args.size() >= 2)
    BareParquet(args);
  else
    return std::fprintf(stderr, "load: see the head of bench/load.cc\n"), 2;
  return 0;
}
