#pragma once
#include <memory>

#include <arrow/util/compression.h>
#include <zstd.h>

namespace strom::record {

/// Zstandard for Arrow's writer with one context a thread. Arrow's own makes a context for every
/// buffer, which for batches of some hundred rows costs more than the compression.
class ZstdOfThread final : public arrow::util::Codec {
 public:
  explicit ZstdOfThread(int level) : level_(level) {}

  arrow::Result<int64_t> Compress(int64_t input_len, const uint8_t* input, int64_t room,
                                  uint8_t* output) override {
    thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(
        ZSTD_createCCtx(), &ZSTD_freeCCtx);
    const size_t size = ZSTD_compressCCtx(context.get(), output, static_cast<size_t>(room), input,
                                          static_cast<size_t>(input_len), level_);
    if (ZSTD_isError(size)) return arrow::Status::IOError(ZSTD_getErrorName(size));
    return static_cast<int64_t>(size);
  }
  int64_t MaxCompressedLen(int64_t input_len, const uint8_t*) override {
    return static_cast<int64_t>(ZSTD_compressBound(static_cast<size_t>(input_len)));
  }
  arrow::Compression::type compression_type() const override { return arrow::Compression::ZSTD; }
  int compression_level() const override { return level_; }
  int minimum_compression_level() const override { return ZSTD_minCLevel(); }
  int maximum_compression_level() const override { return ZSTD_maxCLevel(); }
  int default_compression_level() const override { return ZSTD_CLEVEL_DEFAULT; }

  // What a writer of whole buffers never asks for.
  arrow::Result<int64_t> Decompress(int64_t, const uint8_t*, int64_t, uint8_t*) override {
    return arrow::Status::NotImplemented("this codec only compresses");
  }
  arrow::Result<std::shared_ptr<arrow::util::Compressor>> MakeCompressor() override {
    return arrow::Status::NotImplemented("this codec compresses whole buffers");
  }
  arrow::Result<std::shared_ptr<arrow::util::Decompressor>> MakeDecompressor() override {
    return arrow::Status::NotImplemented("this codec only compresses");
  }

 private:
  const int level_;
};

}  // namespace strom::record
