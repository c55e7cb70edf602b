// Files of lake tables that others may have written: Avro manifests and lists, schemas, snapshots.
#include <cstdint>

#include "lake/file/avro_file.h"
#include "lake/paimon/paimon_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const strom::ByteView bytes(reinterpret_cast<const char*>(data), size);
  (void)strom::lake::ReadAvroFile(bytes);
  (void)strom::lake::paimon::DecodeManifest(bytes);
  (void)strom::lake::paimon::DecodeManifestList(bytes);
  (void)strom::lake::paimon::SchemaFromJson(bytes);
  (void)strom::lake::paimon::SnapshotFromJson(bytes);
  return 0;
}
