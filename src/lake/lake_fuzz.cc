// Files of lake tables that others may have written: Avro manifests and lists, schemas, snapshots.
#include <cstdint>

#include "lake/file/avro_file.h"
#include "lake/iceberg/iceberg_manifest.h"
#include "lake/iceberg/iceberg_metadata.h"
#include "lake/paimon/paimon_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const strom::ByteView bytes(reinterpret_cast<const char*>(data), size);
  (void)strom::lake::ReadAvroFile(bytes);
  (void)strom::lake::paimon::DecodeManifest(bytes);
  (void)strom::lake::paimon::DecodeManifestList(bytes);
  (void)strom::lake::paimon::SchemaFromJson(bytes);
  (void)strom::lake::paimon::SnapshotFromJson(bytes);
  namespace iceberg = strom::lake::iceberg;
  (void)iceberg::DecodeManifestList(bytes);
  (void)iceberg::DecodeManifest(bytes, {}, {0, {{1, 1000, "dt", "identity"}}});
  if (const auto table = iceberg::TableMetadata::Parse(strom::Bytes(bytes))) {
    iceberg::AddSnapshot snapshot;
    snapshot.snapshot.id = 1;
    const iceberg::MetadataChange changes[] = {snapshot, iceberg::SetSchema{table->schema()},
                                               iceberg::RemoveSnapshots{{1}}};
    for (const auto& change : changes) (void)table->With(change, "v1.metadata.json", 1);
  }
  return 0;
}
