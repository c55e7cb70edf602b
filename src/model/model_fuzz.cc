// Descriptors and schemas that clients send as JSON, durations and sizes of configuration files.
#include <cstdint>

#include "base/check.h"
#include "model/duration.h"
#include "model/kv_snapshot.h"
#include "model/remote_log.h"
#include "model/table_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strom::model;  // NOLINT: a fuzzer is one function
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)ParseDuration(text);
  (void)ParseMemorySize(text);
  (void)DatabaseFromJson(text);
  (void)SchemaFromJson(text);
  if (const auto snapshot = KvSnapshotFromJson(text))
    STROM_CHECK(KvSnapshotFromJson(KvSnapshotToJson(*snapshot)) == *snapshot);
  (void)KvSnapshotHandleFromJson(text);
  if (const auto manifest = RemoteLogManifestFromJson(text))
    STROM_CHECK(RemoteLogManifestFromJson(RemoteLogManifestToJson(*manifest)) == *manifest);
  (void)RemoteLogHandleFromJson(text);
  auto descriptor = DescriptorFromJson(text);
  if (!descriptor) return 0;
  const auto again = DescriptorFromJson(DescriptorToJson(*descriptor));
  STROM_CHECK(again.has_value());
  STROM_CHECK(again->schema == descriptor->schema);
  const ClusterRules rules;
  if (ApplyDefaults(rules, *descriptor)) (void)ValidateDescriptor(rules, *descriptor);
  return 0;
}
