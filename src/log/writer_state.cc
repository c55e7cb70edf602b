#include "log/writer_state.h"

#include <algorithm>
#include <limits>

#include "base/json.h"

namespace strom::log {
namespace {

Result<WriterState::Batch> BatchFromJson(const Json& json) {
  STROM_ASSIGN(const int64_t sequence, JsonInt(json, "last_batch_sequence"));
  STROM_ASSIGN(const int64_t last_offset, JsonInt(json, "last_batch_base_offset"));
  STROM_ASSIGN(const int64_t delta, JsonInt(json, "offset_delta"));
  STROM_ASSIGN(const int64_t timestamp, JsonInt(json, "last_batch_timestamp"));
  return WriterState::Batch{static_cast<int32_t>(sequence), last_offset,
                            static_cast<int32_t>(delta), timestamp};
}

Json BatchToJson(const WriterState::Batch& batch) {
  // The member is called base offset and holds the last offset; that is the published format.
  return Json{{"last_batch_sequence", batch.sequence},
              {"last_batch_base_offset", batch.last_offset},
              {"offset_delta", batch.offset_delta},
              {"last_batch_timestamp", batch.timestamp}};
}

}  // namespace

std::optional<WriterState::Batch> WriterState::FindDuplicate(int64_t writer_id,
                                                             int32_t sequence) const {
  if (writer_id == record::kNoWriter) return std::nullopt;
  const auto it = writers_.find(writer_id);
  if (it == writers_.end()) return std::nullopt;
  const auto known = std::ranges::find(it->second, sequence, &Batch::sequence);
  if (known == it->second.end()) return std::nullopt;
  return *known;
}

Status WriterState::CheckSequence(const record::LogBatchView& batch) const {
  if (batch.writer_id() == record::kNoWriter) return {};
  const auto it = writers_.find(batch.writer_id());
  const int32_t last = it == writers_.end() ? -1 : it->second.back().sequence;
  const int32_t expected = last == std::numeric_limits<int32_t>::max() ? 0 : last + 1;
  if (batch.sequence() == expected) return {};
  return Err(ErrorCode::kOutOfOrderSequence, "writer {} sent sequence {}, {} is expected",
             batch.writer_id(), batch.sequence(), expected);
}

void WriterState::Remember(const record::LogBatchView& batch, int64_t base_offset,
                           Millis timestamp) {
  if (batch.writer_id() == record::kNoWriter) return;
  std::deque<Batch>& known = writers_[batch.writer_id()];
  known.push_back(Batch{batch.sequence(), base_offset + batch.last_offset_delta(),
                        batch.last_offset_delta(), timestamp});
  if (known.size() > kRememberedBatches) known.pop_front();
}

void WriterState::Expire(Millis before) {
  std::erase_if(writers_,
                [&](const auto& writer) { return writer.second.back().timestamp < before; });
}

std::string WriterState::ToJson() const {
  Json entries = Json::array();
  for (const auto& [id, batches] : writers_) {
    Json entry{{"writer_id", id}};
    entry.update(BatchToJson(batches.back()));
    Json recent = Json::array();
    for (const Batch& batch : batches) recent.push_back(BatchToJson(batch));
    entry["recent"] = std::move(recent);
    entries.push_back(std::move(entry));
  }
  return Json{{"version", 1}, {"writer_id_entries", std::move(entries)}}.dump();
}

Status WriterState::LoadJson(ByteView text) {
  writers_.clear();
  STROM_ASSIGN(const Json json, ParseJson(text, "writer snapshot"));
  const auto entries = json.find("writer_id_entries");
  if (entries == json.end() || !entries->is_array())
    return Err(ErrorCode::kCorrupt, "writer snapshot: no entries");
  for (const Json& entry : *entries) {
    STROM_ASSIGN(const int64_t id, JsonInt(entry, "writer_id"));
    std::deque<Batch>& known = writers_[id];
    if (const auto recent = entry.find("recent");
        recent != entry.end() && recent->is_array() && !recent->empty()) {
      for (const Json& item : *recent) {
        STROM_ASSIGN(const Batch batch, BatchFromJson(item));
        known.push_back(batch);
      }
    } else {
      STROM_ASSIGN(const Batch batch, BatchFromJson(entry));
      known.push_back(batch);
    }
  }
  return {};
}

}  // namespace strom::log
