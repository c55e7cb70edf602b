#pragma once
#include "base/json.h"
#include "lake/iceberg/iceberg_metadata.h"

namespace strom::lake::iceberg {

// Parts of metadata as JSON, as documents and the requests of catalogs have them.

Json ToJson(const Schema& schema);
Json ToJson(const Snapshot& snapshot);
/// The fields of a partition spec.
Json FieldsOf(const PartitionSpec& spec);
/// Files of lake tables are in the order of the stream's offsets.
Json SortOrderOf(const Schema& schema);

}  // namespace strom::lake::iceberg
