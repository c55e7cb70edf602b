#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/table.h"

namespace strom::model {

/// Values joined with '$', in partition key order.
std::string PartitionName(const std::vector<std::string>& values);
/// The values of a partition name, one per key. Errors: kPartitionSpecInvalid.
Result<std::vector<std::string>> PartitionValues(const std::string& name, size_t keys);

/// Orders `spec` (key, value pairs) by the table's partition keys and checks it.
/// Errors: kTableNotPartitioned, kPartitionSpecInvalid.
Result<std::vector<std::string>> ResolvePartition(
    const TableDescriptor& descriptor,
    const std::vector<std::pair<std::string, std::string>>& spec);

/// The time value of an auto-created partition `steps` units after the one that `now` falls into,
/// in `time_zone` (IANA name; empty = the machine's zone). Errors: kInvalidConfig for an unknown
/// zone.
Result<std::string> AutoPartitionValue(Millis now, TimeUnit unit, const std::string& time_zone,
                                       int32_t steps);

/// Checks that a value given by hand is one that auto partitioning could have made and is not past
/// its retention. Errors: kPartitionSpecInvalid, naming the format.
Status CheckAutoPartitionValue(const std::string& value, const AutoPartition& automatic,
                               Millis now);

/// Offset of `time_zone` from UTC at `now`, in seconds. Errors: kInvalidConfig.
Result<int64_t> ZoneOffsetSeconds(const std::string& time_zone, Millis now);

}  // namespace strom::model
