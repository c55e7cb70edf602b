#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {

void CreateDatabase(Server& server, Call call) {
  AnswerOnCoordinator<wire::CreateDatabaseRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::CreateDatabaseRequest& request) -> Result<wire::CreateDatabaseResponse> {
        model::DatabaseDescriptor descriptor;
        if (request.database_json) {
          STROM_ASSIGN(descriptor, model::DatabaseFromJson(request.database_json->str()));
        }
        STROM_TRY(meta.coordinator().CreateDatabase(request.database_name, descriptor,
                                                    request.ignore_if_exists));
        return wire::CreateDatabaseResponse();
      });
}

void AlterDatabase(Server& server, Call call) {
  AnswerOnCoordinator<wire::AlterDatabaseRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::AlterDatabaseRequest& request) -> Result<wire::AlterDatabaseResponse> {
        STROM_ASSIGN(const auto changes,
                     PropertyChangesIn(request.config_changes, ErrorCode::kInvalidDatabase));
        STROM_TRY(meta.coordinator().AlterDatabase(request.database_name, changes, request.comment,
                                                   request.ignore_if_not_exists));
        return wire::AlterDatabaseResponse();
      });
}

void DropDatabase(Server& server, Call call) {
  AnswerOnCoordinator<wire::DropDatabaseRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::DropDatabaseRequest& request) -> Result<wire::DropDatabaseResponse> {
        STROM_TRY(meta.DropDatabase(request.database_name, request.ignore_if_not_exists,
                                    request.cascade));
        return wire::DropDatabaseResponse();
      });
}

void ListDatabases(Server& server, Call call) {
  const auto view = server.Here(call).view();
  const Rights rights = server.RightsOf(call);
  AnswerHere<wire::ListDatabasesRequest>(
      server, std::move(call),
      [&](const wire::ListDatabasesRequest& request) -> Result<wire::ListDatabasesResponse> {
        wire::ListDatabasesResponse response;
        for (const auto& [name, entry] : view->databases) {
          if (!rights.Allow(security::Operation::kDescribe, security::Resource::Database(name)))
            continue;
          if (!request.include_summary.value_or(false)) {
            response.database_name.push_back(name);
            continue;
          }
          const auto tables = std::ranges::count_if(
              view->tables, [&](const auto& t) { return t.first.database == name; });
          response.database_summary.push_back(
              {name, entry->created_ms, static_cast<int32_t>(tables)});
        }
        return response;
      });
}

void DatabaseExists(Server& server, Call call) {
  const auto view = server.Here(call).view();
  const Rights rights = server.RightsOf(call);
  AnswerHere<wire::DatabaseExistsRequest>(
      server, std::move(call),
      [&](const wire::DatabaseExistsRequest& request) -> Result<wire::DatabaseExistsResponse> {
        const bool told = request.database_name == "fluss" ||  // the default one is no secret
                          rights.Allow(security::Operation::kDescribe,
                                       security::Resource::Database(request.database_name));
        return wire::DatabaseExistsResponse{told &&
                                            view->databases.contains(request.database_name)};
      });
}

void GetDatabaseInfo(Server& server, Call call) {
  const auto view = server.Here(call).view();
  AnswerHere<wire::GetDatabaseInfoRequest>(
      server, std::move(call),
      [&](const wire::GetDatabaseInfoRequest& request) -> Result<wire::GetDatabaseInfoResponse> {
        const auto it = view->databases.find(request.database_name);
        if (it == view->databases.end()) {
          return Err(ErrorCode::kDatabaseNotExist, "database {} does not exist",
                     request.database_name);
        }
        return wire::GetDatabaseInfoResponse{
            TextBytes(model::DatabaseToJson(it->second->descriptor)), it->second->created_ms,
            it->second->modified_ms};
      });
}

}  // namespace strom::server
