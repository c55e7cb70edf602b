#include "coordinator/producer_offsets.h"

namespace strom::coordinator {

Result<bool> ProducerOffsets::Register(const std::string& id, Millis now, Millis expires,
                                       const meta::BucketNumbers& offsets) {
  if (Find(id, now) != nullptr) return false;
  STROM_TRY(kept_.DropExpired(now, id));
  STROM_TRY(kept_.Put(id, {expires, offsets}));
  return true;
}

const meta::TimedNumbers* ProducerOffsets::Find(const std::string& id, Millis now) const {
  const meta::TimedNumbers* const entry = kept_.Find(id);
  return entry == nullptr || entry->expires <= now ? nullptr : entry;
}

}  // namespace strom::coordinator
