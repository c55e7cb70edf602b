#include "meta/tree.h"

#include "base/coding.h"

namespace strom::meta {

Status MetaTree::Put(const std::string& path, Bytes data) {
  return Commit(
      {Get(path) ? Change::Set(path, std::move(data)) : Change::Create(path, std::move(data))});
}

Result<int64_t> MetaTree::NextId(const std::string& path, int64_t step) {
  const std::optional<Node> node = Get(path);
  const int64_t value = node && node->data.size() == 8 ? LoadBe<int64_t>(node->data.data()) : 0;
  Bytes next;
  AppendBe(next, value + step);
  STROM_TRY(Commit({node ? Change::Set(path, next, node->version) : Change::Create(path, next)}));
  return value;
}

}  // namespace strom::meta
