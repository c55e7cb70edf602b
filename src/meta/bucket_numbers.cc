#include "meta/bucket_numbers.h"

#include "base/json.h"

namespace strom::meta {

std::string BucketNumbersToJson(std::string_view what, model::TableId table_id,
                                const BucketNumbers& numbers) {
  const std::string of_buckets = fmt::format("bucket_{}", what);
  std::map<model::PartitionId, Json> lists;
  for (const auto& [bucket, number] : numbers) {
    Json& list = lists.try_emplace(bucket.partition_id, Json::array()).first->second;
    while (list.size() <= static_cast<size_t>(bucket.bucket)) list.push_back(-1);
    list[static_cast<size_t>(bucket.bucket)] = number;
  }
  Json json{{"version", 1}, {"table_id", table_id}};
  for (auto& [partition, list] : lists) {
    if (partition == model::kNoPartition) {
      json[of_buckets] = std::move(list);
    } else {
      json[fmt::format("partition_{}", what)].push_back(
          Json{{"partition_id", partition}, {of_buckets, std::move(list)}});
    }
  }
  return json.dump();
}

Result<BucketNumbers> BucketNumbersFromJson(std::string_view what, ByteView text) {
  STROM_ASSIGN(const Json json, ParseJson(text, fmt::format("the {} of buckets", what)));
  STROM_ASSIGN(const int64_t table_id, JsonInt(json, "table_id"));
  BucketNumbers numbers;
  const auto add = [&](const Json& holder, model::PartitionId partition) -> Status {
    const auto list = holder.find(fmt::format("bucket_{}", what));
    if (list == holder.end() || !list->is_array()) return {};
    for (size_t i = 0; i < list->size(); ++i) {
      const Json& item = (*list)[i];
      if (!HoldsInteger<int64_t>(item))
        return Err(ErrorCode::kCorrupt, "the {} of table {}: bucket {} has no whole number", what,
                   table_id, i);
      if (const auto number = item.get<int64_t>(); number >= 0)
        numbers[{table_id, partition, static_cast<int32_t>(i)}] = number;
    }
    return {};
  };
  STROM_TRY(add(json, model::kNoPartition));
  if (const auto partitions = json.find(fmt::format("partition_{}", what));
      partitions != json.end() && partitions->is_array()) {
    for (const Json& item : *partitions) {
      STROM_ASSIGN(const int64_t partition, JsonInt(item, "partition_id"));
      STROM_TRY(add(item, partition));
    }
  }
  return numbers;
}

}  // namespace strom::meta
