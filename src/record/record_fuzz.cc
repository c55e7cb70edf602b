// Bytes that clients send: log batches of every format and magic, their Arrow metadata, rows,
// projections.
#include <cstdint>

#include "base/check.h"
#include "base/hash.h"
#include "record/arrow_batch.h"
#include "record/key.h"
#include "record/kv_batch.h"
#include "record/log_batch.h"
#include "record/projection.h"
#include "record/row.h"

namespace {

using namespace strom;          // NOLINT: a fuzzer is one function
using namespace strom::record;  // NOLINT

model::Schema MakeSchema() {
  model::Schema schema;
  const auto add = [&](model::DataType type) {
    const auto id = static_cast<int32_t>(schema.columns.size());
    schema.columns.push_back({"c" + std::to_string(id), std::move(type), {}, {}, id});
  };
  add(model::MakeType(model::TypeRoot::kInt));
  add(model::MakeType(model::TypeRoot::kString));
  add(*model::DataTypeFromJson(R"({"type":"DECIMAL","precision":20,"scale":3})"));
  add(*model::DataTypeFromJson(
      R"({"type":"ARRAY","element_type":{"type":"ROW","fields":[{"name":"a","field_type":{"type":"STRING"}}]}})"));
  add(*model::DataTypeFromJson(
      R"({"type":"MAP","key_type":{"type":"STRING"},"value_type":{"type":"BIGINT"}})"));
  add(*model::DataTypeFromJson(R"({"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":9})"));
  return schema;
}

void DecodeEverything(const LogBatchView& batch, const model::Schema& schema) {
  for (const auto format :
       {model::LogFormat::kArrow, model::LogFormat::kIndexed, model::LogFormat::kCompacted}) {
    (void)DecodeLogBatch(batch, format, schema);
  }
  const ByteView bytes = batch.bytes();
  const auto read = [&](int64_t at, char* into, size_t size) -> Status {
    STROM_CHECK(at >= 0 && static_cast<size_t>(at) + size <= bytes.size());
    bytes.copy(into, size, static_cast<size_t>(at));
    return {};
  };
  Bytes out;
  const auto projection = Projection::Make({1, 3}, schema.columns.size());
  if (projection->Project(schema, static_cast<int64_t>(bytes.size()), read, out)) {
    STROM_CHECK(out.size() <= bytes.size() + 4096);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const model::Schema kSchema = MakeSchema();
  const ByteView bytes(reinterpret_cast<const char*>(data), size);
  std::vector<model::DataType> types;
  for (const model::Column& column : kSchema.columns) types.push_back(column.type);
  (void)DecodeCompactedRow(types, bytes);
  (void)DecodeIndexedRow(types, bytes);
  (void)DecodeAlignedRow(types, bytes);
  (void)DecodeCompactedKey(types, bytes);
  const std::vector<model::DataType> key_type{model::MakeType(model::TypeRoot::kTimestamp)};
  for (const auto encoding : {KeyEncoding::kCompacted, KeyEncoding::kPaimon, KeyEncoding::kIceberg})
    (void)DecodeKey(encoding, key_type, bytes);
  (void)ReadValueBatch(bytes);
  // The checksum is made right, so that what lies behind it is reached.
  if (Bytes batch(bytes); batch.size() >= KvBatchView::kHeaderBytes) {
    StoreLe(batch.data(), static_cast<int32_t>(batch.size() - 4));
    StoreLe(batch.data() + KvBatchView::kCrcAt,
            Crc32c(ByteView(batch).substr(KvBatchView::kCrcFrom)));
    if (const auto view = KvBatchView::Read(batch)) {
      KvRecords records(*view);
      for (auto next = records.Next(); next && *next; next = records.Next()) {
        if ((*next)->row) (void)DecodeCompactedRow(types, *(*next)->row);
      }
    }
  }
  (void)DecodeArrowMessage(bytes, ToArrowSchema(kSchema));
  const auto plain = ToMagic0(SharedBytes::Own(Bytes(bytes)));
  if (!plain) return 0;
  LogBatches batches(plain->view());
  while (true) {
    const auto batch = batches.Next();
    if (!batch || !*batch) return 0;
    if ((*batch)->record_count() > 10'000) continue;  // a count alone must not cost time here
    DecodeEverything(**batch, kSchema);
  }
}
