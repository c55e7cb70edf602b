// A bucket's files after a crash may hold anything: opening cuts what is torn and never fails on
// it, and the log goes on.
#include <cstdint>

#include "base/check.h"
#include "base/log_line.h"
#include "log/log_tablet.h"
#include "testing/faulty_file_system.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strom;  // NOLINT: a fuzzer is one function
  SetLogLevel(Level::kError);
  testing::FaultyFileSystem files;
  const std::string dir = "/data/log-0";
  const ByteView bytes(reinterpret_cast<const char*>(data), size);
  const size_t third = size / 3;
  const auto put = [&](const char* suffix, ByteView content) {
    auto file = files.OpenForAppend(dir + "/" + log::FileNameOf(0, suffix));
    STROM_CHECK((*file)->Append(content).has_value());
  };
  put(log::kLogSuffix, bytes.substr(third));
  put(log::kIndexSuffix, bytes.substr(0, third));
  put(log::kTimeIndexSuffix, bytes.substr(0, third / 2));
  put(log::kWriterSnapshotSuffix, bytes.substr(0, third));
  log::LogTablet::Options options;
  options.bucket = {1, model::kNoPartition, 0};
  options.dir = dir;
  auto tablet = log::LogTablet::Open(files, options);
  STROM_CHECK(tablet.has_value());
  record::BatchHeader header;
  header.record_count = 1;
  const auto appended = (*tablet)->Append(record::BuildLogBatch(header, "x"), 1);
  STROM_CHECK(appended.has_value());
  const int64_t end = (*tablet)->end_offset();
  STROM_CHECK((*tablet)->Read(end - 1, {100, end, true}).has_value());
  return 0;
}
