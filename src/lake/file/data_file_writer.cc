#include "lake/file/data_file_writer.h"

#include <numeric>

#include <arrow/adapters/orc/adapter.h>
#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>
#include <parquet/arrow/writer.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/statistics.h>

#include "base/coding.h"
#include "io/file_system.h"
#include "record/arrow_batch.h"

namespace strom::lake {
namespace {

using model::DataType;
using model::TypeRoot;
using record::FromArrow;
using record::Value;

Result<arrow::Compression::type> CompressionOf(const std::string& name) {
  if (name == "none" || name == "uncompressed") return arrow::Compression::UNCOMPRESSED;
  if (name == "zstd") return arrow::Compression::ZSTD;
  if (name == "snappy") return arrow::Compression::SNAPPY;
  if (name == "lz4") return arrow::Compression::LZ4_HADOOP;
  if (name == "gzip") return arrow::Compression::GZIP;
  return Err(ErrorCode::kInvalidConfig,
             "file.compression '{}' is none of zstd, snappy, lz4, gzip, none", name);
}

/// A minimum or maximum as Parquet encodes it (plain), as a value of the column. Nothing for types
/// whose order differs.
std::optional<Value> FromPlain(const DataType& type, parquet::Type::type physical,
                               const std::string& raw) {
  const auto integer = [&]() -> std::optional<int64_t> {
    if (physical == parquet::Type::INT32 && raw.size() >= 4) return LoadLe<int32_t>(raw.data());
    if (physical == parquet::Type::INT64 && raw.size() >= 8) return LoadLe<int64_t>(raw.data());
    return std::nullopt;
  };
  switch (type.root) {
    case TypeRoot::kBoolean: return raw.empty() ? std::nullopt : std::optional(Value{raw[0] != 0});
    case TypeRoot::kTinyInt:
    case TypeRoot::kSmallInt:
    case TypeRoot::kInt:
    case TypeRoot::kBigInt:
    case TypeRoot::kDate:
    case TypeRoot::kTime: return integer() ? std::optional(Value{*integer()}) : std::nullopt;
    case TypeRoot::kFloat:
      return raw.size() < 4 ? std::nullopt : std::optional(Value{LoadLe<float>(raw.data())});
    case TypeRoot::kDouble:
      return raw.size() < 8 ? std::nullopt : std::optional(Value{LoadLe<double>(raw.data())});
    case TypeRoot::kChar:
    case TypeRoot::kString: return Value{raw};
    case TypeRoot::kDecimal:
      if (physical == parquet::Type::FIXED_LEN_BYTE_ARRAY)
        return Value{record::Decimal{record::FromUnscaledBytes(raw)}};
      return integer() ? std::optional(Value{record::Decimal{*integer()}}) : std::nullopt;
    case TypeRoot::kTimestamp:
    case TypeRoot::kTimestampLtz: {
      const auto number = physical == parquet::Type::INT64 ? integer() : std::nullopt;
      if (!number) return std::nullopt;
      if (type.precision <= 3) return Value{record::Timestamp{*number, 0}};
      return Value{record::FromMicros(*number)};
    }
    default: return std::nullopt;
  }
}

bool Less(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<record::Decimal>(&a.data))
    return x->unscaled < b.As<record::Decimal>().unscaled;
  if (const auto* x = std::get_if<record::Timestamp>(&a.data)) {
    const auto& y = b.As<record::Timestamp>();
    return std::pair(x->millis, x->nanos) < std::pair(y.millis, y.nanos);
  }
  if (const auto* x = std::get_if<int64_t>(&a.data)) return *x < b.As<int64_t>();
  if (const auto* x = std::get_if<std::string>(&a.data)) return *x < b.As<std::string>();
  if (const auto* x = std::get_if<double>(&a.data)) return *x < b.As<double>();
  if (const auto* x = std::get_if<float>(&a.data)) return *x < b.As<float>();
  if (const auto* x = std::get_if<bool>(&a.data)) return !*x && b.As<bool>();
  return false;
}

/// The statistics of one leaf column over all row groups.
std::optional<ColumnStats> CollectStats(const parquet::FileMetaData& metadata, int leaf,
                                        const DataType& type) {
  ColumnStats all;
  bool bounds = true;
  for (int group = 0; group < metadata.num_row_groups(); ++group) {
    const auto chunk = metadata.RowGroup(group)->ColumnChunk(leaf);
    const auto stats = chunk->statistics();
    if (!stats || !stats->HasNullCount()) return std::nullopt;
    all.null_count += stats->null_count();
    if (stats->null_count() == chunk->num_values()) continue;  // nulls only
    if (!stats->HasMinMax()) {
      bounds = false;
      continue;
    }
    const auto low = FromPlain(type, chunk->type(), stats->EncodeMin());
    const auto high = FromPlain(type, chunk->type(), stats->EncodeMax());
    if (!low || !high) bounds = false;
    if (!bounds) continue;
    if (!all.min || Less(*low, *all.min)) all.min = low;
    if (!all.max || Less(*all.max, *high)) all.max = high;
  }
  if (!bounds) {
    all.min.reset();
    all.max.reset();
  }
  return all;
}

int LeafCount(const DataType& type) {
  if (!IsNested(type.root)) return 1;
  return std::accumulate(
      type.fields.begin(), type.fields.end(), 0,
      [](int sum, const model::RowField& field) { return sum + LeafCount(field.type); });
}

/// The file behind a writer: removed unless it was finished.
class PendingFile {
 public:
  static Result<std::unique_ptr<PendingFile>> Open(const std::string& path) {
    STROM_TRY(io::LocalFiles().MakeDirectories(io::ParentOf(path)));
    auto stream = arrow::io::FileOutputStream::Open(path);
    STROM_TRY(FromArrow(stream.status(), ("cannot create " + path).c_str()));
    return std::unique_ptr<PendingFile>(new PendingFile(path, *stream));
  }
  ~PendingFile() {
    if (finished_) return;
    (void)stream_->Close();
    (void)io::LocalFiles().Remove(
        path_);  // what cannot be removed is an orphan that no snapshot names
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  const std::shared_ptr<arrow::io::FileOutputStream>& stream() const { return stream_; }
  int64_t bytes() const { return stream_->Tell().ValueOr(0); }
  /// What Arrow says of the file, as our error.
  Status Check(const arrow::Status& status) const {
    return FromArrow(status, ("cannot write " + path_).c_str());
  }
  Result<int64_t> Finish() {
    STROM_TRY(Check(stream_->Close()));
    STROM_ASSIGN(const auto file, io::LocalFiles().OpenForRead(path_));
    STROM_TRY(file->Sync());
    STROM_TRY(io::LocalFiles().SyncDirectory(io::ParentOf(path_)));
    finished_ = true;
    return file->size();
  }

 private:
  PendingFile(std::string path, std::shared_ptr<arrow::io::FileOutputStream> stream)
      : path_(std::move(path)), stream_(std::move(stream)) {}
  const std::string path_;
  std::shared_ptr<arrow::io::FileOutputStream> stream_;
  bool finished_ = false;
};

class ParquetWriter final : public DataFileWriter {
 public:
  static Result<std::unique_ptr<DataFileWriter>> Open(std::unique_ptr<PendingFile> file,
                                                      const std::shared_ptr<arrow::Schema>& schema,
                                                      std::vector<DataType> types,
                                                      const Options& options) {
    STROM_ASSIGN(const auto compression, CompressionOf(options.compression));
    parquet::WriterProperties::Builder properties;
    properties.compression(compression)
        ->max_row_group_length(options.row_group_rows)
        ->enable_store_decimal_as_integer();
    if (compression == arrow::Compression::ZSTD)
      properties.compression_level(options.compression_level);
    for (const std::string& column : options.distinct_columns)
      properties.disable_dictionary(column);
    parquet::ArrowWriterProperties::Builder arrow_properties;
    if (options.int96_timestamps) arrow_properties.enable_deprecated_int96_timestamps();
    auto writer =
        parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), file->stream(),
                                         properties.build(), arrow_properties.build());
    STROM_TRY(file->Check(writer.status()));
    return std::unique_ptr<DataFileWriter>(
        new ParquetWriter(std::move(file), std::move(*writer), std::move(types)));
  }

  Status Write(const arrow::RecordBatch& batch) override {
    // A row group is held in memory until it is whole: wide rows end it before it has its number of
    // rows.
    group_bytes_ += arrow::util::TotalBufferSize(batch);
    if (group_bytes_ > kMaxGroupBytes) {
      STROM_TRY(file_->Check(writer_->NewBufferedRowGroup()));
      group_bytes_ = 0;
    }
    return file_->Check(writer_->WriteRecordBatch(batch));
  }
  int64_t bytes_so_far() const override { return file_->bytes(); }

  Result<FinishedFile> Finish() override {
    STROM_TRY(file_->Check(writer_->Close()));
    FinishedFile finished;
    const auto metadata = writer_->metadata();
    finished.rows = metadata->num_rows();
    int leaf = 0;
    for (const DataType& type : types_) {
      finished.columns.push_back(IsNested(type.root) ? std::nullopt
                                                     : CollectStats(*metadata, leaf, type));
      leaf += LeafCount(type);
    }
    STROM_ASSIGN(finished.bytes, file_->Finish());
    return finished;
  }

 private:
  ParquetWriter(std::unique_ptr<PendingFile> file,
                std::unique_ptr<parquet::arrow::FileWriter> writer, std::vector<DataType> types)
      : file_(std::move(file)), writer_(std::move(writer)), types_(std::move(types)) {}
  std::unique_ptr<PendingFile> file_;
  static constexpr int64_t kMaxGroupBytes = 64 << 20;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  const std::vector<DataType> types_;
  int64_t group_bytes_ = 0;
};

/// ORC has no time of day; it is kept as its milliseconds.
std::shared_ptr<arrow::DataType> OrcType(const std::shared_ptr<arrow::DataType>& type) {
  const auto inner = [&](int i) {
    return type->field(i)->WithType(OrcType(type->field(i)->type()));
  };
  switch (type->id()) {
    case arrow::Type::TIME32: return arrow::int32();
    case arrow::Type::LIST: return arrow::list(inner(0));
    case arrow::Type::MAP: return std::make_shared<arrow::MapType>(inner(0));
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (int i = 0; i < type->num_fields(); ++i) fields.push_back(inner(i));
      return arrow::struct_(std::move(fields));
    }
    default: return type;
  }
}
std::shared_ptr<arrow::ArrayData> OrcColumn(const std::shared_ptr<arrow::ArrayData>& data) {
  const auto type = OrcType(data->type);
  if (type->Equals(*data->type)) return data;
  auto copy = data->Copy();
  copy->type = type;
  for (auto& child : copy->child_data) child = OrcColumn(child);
  return copy;
}

class OrcWriter final : public DataFileWriter {
 public:
  static Result<std::unique_ptr<DataFileWriter>> Open(std::unique_ptr<PendingFile> file,
                                                      std::vector<DataType> types,
                                                      const Options& options) {
    STROM_ASSIGN(auto compression, CompressionOf(options.compression));
    if (compression == arrow::Compression::LZ4_HADOOP) compression = arrow::Compression::LZ4;
    arrow::adapters::orc::WriteOptions orc_options;
    orc_options.compression = compression;
    auto writer = arrow::adapters::orc::ORCFileWriter::Open(file->stream().get(), orc_options);
    STROM_TRY(file->Check(writer.status()));
    return std::unique_ptr<DataFileWriter>(
        new OrcWriter(std::move(file), std::move(*writer), std::move(types)));
  }
  Status Write(const arrow::RecordBatch& batch) override {
    rows_ += batch.num_rows();
    arrow::FieldVector fields;
    arrow::ArrayVector columns;
    for (int i = 0; i < batch.num_columns(); ++i) {
      columns.push_back(arrow::MakeArray(OrcColumn(batch.column(i)->data())));
      fields.push_back(batch.schema()->field(i)->WithType(columns.back()->type()));
    }
    const auto rows =
        arrow::RecordBatch::Make(arrow::schema(std::move(fields)), batch.num_rows(), columns);
    return file_->Check(writer_->Write(*rows));
  }
  int64_t bytes_so_far() const override { return file_->bytes(); }
  Result<FinishedFile> Finish() override {
    STROM_TRY(file_->Check(writer_->Close()));
    FinishedFile finished;
    finished.rows = rows_;
    finished.columns.resize(types_.size());
    STROM_ASSIGN(finished.bytes, file_->Finish());
    return finished;
  }

 private:
  OrcWriter(std::unique_ptr<PendingFile> file,
            std::unique_ptr<arrow::adapters::orc::ORCFileWriter> writer,
            std::vector<DataType> types)
      : file_(std::move(file)), writer_(std::move(writer)), types_(std::move(types)) {}
  std::unique_ptr<PendingFile> file_;
  std::unique_ptr<arrow::adapters::orc::ORCFileWriter> writer_;
  const std::vector<DataType> types_;
  int64_t rows_ = 0;
};

}  // namespace

Result<std::unique_ptr<DataFileWriter>> OpenDataFile(const std::string& path,
                                                     const std::shared_ptr<arrow::Schema>& schema,
                                                     std::vector<DataType> types,
                                                     const DataFileWriter::Options& options) {
  if (options.format != "parquet" && options.format != "orc") {
    return Err(ErrorCode::kInvalidConfig, "file.format '{}' is not supported; use parquet or orc",
               options.format);
  }
  STROM_ASSIGN(std::unique_ptr<PendingFile> file, PendingFile::Open(path));
  if (options.format == "orc") return OrcWriter::Open(std::move(file), std::move(types), options);
  return ParquetWriter::Open(std::move(file), schema, std::move(types), options);
}

}  // namespace strom::lake
