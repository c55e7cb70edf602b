#include "coordinator/producer_offsets.h"

#include <vector>

namespace strom::coordinator {

Result<bool> ProducerOffsets::Register(const std::string& id, Millis now, Millis expires,
                                       const meta::BucketNumbers& offsets) {
  if (Find(id, now) != nullptr) return false;
  std::vector<std::string> expired;
  for (const auto& [other, entry] : known_) {
    if (other != id && entry.expires <= now) expired.push_back(other);
  }
  for (const std::string& other : expired) STROM_TRY(Drop(other));
  meta::TimedNumbers entry{expires, offsets};
  STROM_TRY(store_.Put(id, entry));
  known_.insert_or_assign(id, std::move(entry));
  return true;
}

const meta::TimedNumbers* ProducerOffsets::Find(const std::string& id, Millis now) const {
  const auto it = known_.find(id);
  return it == known_.end() || it->second.expires <= now ? nullptr : &it->second;
}

Status ProducerOffsets::Drop(const std::string& id) {
  STROM_TRY(store_.Drop(id));
  known_.erase(id);
  return {};
}

}  // namespace strom::coordinator
