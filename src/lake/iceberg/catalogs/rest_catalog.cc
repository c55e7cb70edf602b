#include "base/uuid.h"
#include "lake/iceberg/catalogs/rest_session_internal.h"
#include "lake/iceberg/iceberg_json_internal.h"
#include "lake/iceberg/iceberg_versions.h"

// Follows Iceberg's REST catalog specification (rest-catalog-open-api.yaml, 1.10).

namespace strom::lake::iceberg {
namespace {

std::string TablesOf(const std::string& database) {
  return "namespaces/" + io::UrlEncode(database) + "/tables";
}

/// What must still be so for a change to be made, and the change, as the service takes them.
struct Update {
  Json requirements = Json::array();
  Json updates = Json::array();
};

void Say(const AddSnapshot& change, const TableMetadata&, Update& update) {
  const Snapshot& snapshot = change.snapshot;
  update.requirements.push_back(
      Json{{"type", "assert-ref-snapshot-id"},
           {"ref", "main"},
           {"snapshot-id", snapshot.parent ? Json(*snapshot.parent) : Json()}});
  update.updates.push_back(Json{{"action", "add-snapshot"}, {"snapshot", ToJson(snapshot)}});
  update.updates.push_back(Json{{"action", "set-snapshot-ref"},
                                {"ref-name", "main"},
                                {"type", "branch"},
                                {"snapshot-id", snapshot.id}});
}

void Say(const SetSchema& change, const TableMetadata& base, Update& update) {
  constexpr int32_t kLastAdded = -1;
  update.requirements.push_back(
      Json{{"type", "assert-current-schema-id"}, {"current-schema-id", base.schema().id}});
  update.requirements.push_back(Json{{"type", "assert-last-assigned-field-id"},
                                     {"last-assigned-field-id", base.last_column_id()}});
  update.updates.push_back(Json{{"action", "add-schema"}, {"schema", ToJson(change.schema)}});
  update.updates.push_back(Json{{"action", "set-current-schema"}, {"schema-id", kLastAdded}});
}

void Say(const RemoveSnapshots& change, const TableMetadata& base, Update& update) {
  update.requirements.push_back(
      Json{{"type", "assert-ref-snapshot-id"},
           {"ref", "main"},
           {"snapshot-id", base.current() == nullptr ? Json() : Json(base.current()->id)}});
  update.updates.push_back(Json{{"action", "remove-snapshots"}, {"snapshot-ids", change.ids}});
}

/// Whether a change that may have been made has been. What is not there yet may still come.
bool IsIn(const MetadataChange& change, const TableMetadata& metadata) {
  const auto* const added = std::get_if<AddSnapshot>(&change);
  return added != nullptr && metadata.Find(added->snapshot.id) != nullptr;
}

class RestVersions final : public TableVersions {
 public:
  RestVersions(std::shared_ptr<RestSession> session, model::TablePath path)
      : session_(std::move(session)), path_(std::move(path)) {}

  Result<std::optional<Version>> Load() override {
    const auto answer = session_->Call("GET", Path());
    if (!answer && answer.error().code == ErrorCode::kNotFound) return std::nullopt;
    if (!answer) return std::unexpected(answer.error());
    const auto metadata = answer->is_object() ? answer->find("metadata") : answer->end();
    if (!answer->is_object() || metadata == answer->end()) {
      return Err(ErrorCode::kCorrupt, "GET {} of {}: no metadata came", Path(), session_->uri());
    }
    STROM_ASSIGN(TableMetadata parsed, TableMetadata::Parse(metadata->dump()));
    return Version{JsonOr<std::string>(*answer, "metadata-location", ""), std::move(parsed)};
  }

  Status Create(const TableMetadata& first) override {
    Json properties = first.properties();
    const Json request{
        {"name", path_.table},
        {"schema", ToJson(first.schema())},
        {"partition-spec", Json{{"spec-id", first.spec().id}, {"fields", FieldsOf(first.spec())}}},
        {"write-order", SortOrderOf(first.schema())},
        {"stage-create", false},
        {"properties", std::move(properties)}};
    STROM_TRY(session_->Call("POST", TablesOf(path_.database), request));
    return {};
  }

  Status Commit(const Version& base, const MetadataChange& change) override {
    Update update;
    update.requirements.push_back(
        Json{{"type", "assert-table-uuid"}, {"uuid", base.metadata.uuid()}});
    std::visit([&](const auto& one) { Say(one, base.metadata, update); }, change);
    const Json request{
        {"identifier", Json{{"namespace", Json::array({path_.database})}, {"name", path_.table}}},
        {"requirements", std::move(update.requirements)},
        {"updates", std::move(update.updates)}};
    const auto answer = session_->Call("POST", Path(), request);
    if (answer) return {};
    if (answer.error().code != ErrorCode::kOutcomeUnknown) return std::unexpected(answer.error());
    const auto now = Load();
    if (now && *now && IsIn(change, (*now)->metadata)) return {};
    return std::unexpected(answer.error());
  }

 private:
  std::string Path() const { return TablesOf(path_.database) + "/" + io::UrlEncode(path_.table); }

  const std::shared_ptr<RestSession> session_;
  const model::TablePath path_;
};

class RestCatalog final : public VersionCatalog {
 public:
  explicit RestCatalog(std::shared_ptr<RestSession> session) : session_(std::move(session)) {}

  std::shared_ptr<TableVersions> VersionsOf(const model::TablePath& path) override {
    return std::make_shared<RestVersions>(session_, path);
  }

  Status MakeNamespace(const std::string& database) override {
    const auto answer = session_->Call(
        "POST", "namespaces",
        Json{{"namespace", Json::array({database})}, {"properties", Json::object()}});
    if (answer || answer.error().code == ErrorCode::kAlreadyExists) return {};
    return std::unexpected(answer.error());
  }

  std::string LocationOf(const model::TablePath& path) const override {
    return path.ToString() + " of the catalog " + session_->uri();
  }

  std::vector<Check> Preflight() override {
    std::vector<Check> checks;
    const auto add = [&](const char* what, const Result<Json>& answer) {
      checks.push_back(
          {what, answer.has_value(), answer ? session_->uri() : answer.error().message});
      return answer.has_value();
    };
    if (!add("catalog reachable", session_->Call("GET", "namespaces"))) return checks;
    std::string probe = "strom_preflight_" + NewUuid();
    std::ranges::replace(probe, '-', '_');
    const Json request{{"namespace", Json::array({probe})}, {"properties", Json::object()}};
    if (add("create database", session_->Call("POST", "namespaces", request)))
      add("drop it again", session_->Call("DELETE", "namespaces/" + probe));
    return checks;
  }

 private:
  const std::shared_ptr<RestSession> session_;
};

}  // namespace

Result<std::unique_ptr<VersionCatalog>> OpenRestCatalog(const CatalogOptions& options) {
  STROM_ASSIGN(auto session, RestSession::Open(options));
  return std::make_unique<RestCatalog>(std::move(session));
}

}  // namespace strom::lake::iceberg
