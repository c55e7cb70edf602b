#include "base/text.h"
#include "server/handlers/answer_internal.h"
#include "server/handlers/handlers_internal.h"

namespace strom::server {
namespace {

Result<model::Column> ColumnOf(const wire::PbAddColumn& add) {
  if (add.column_position_type != 0) {
    return Err(ErrorCode::kInvalidAlterTable, "column '{}' can only be added as the last one",
               add.column_name);
  }
  model::Column column;
  column.name = add.column_name;
  STROM_ASSIGN(column.type, model::DataTypeFromJson(add.data_type_json.str()));
  column.comment = add.comment;
  return column;
}

Result<wire::AlterTableResponse> Alter(MetaService& meta, const wire::AlterTableRequest& request) {
  if (!request.drop_columns.empty() || !request.rename_columns.empty() ||
      !request.modify_columns.empty()) {
    return Err(ErrorCode::kInvalidAlterTable,
               "columns can be added, not dropped, renamed or changed");
  }
  STROM_ASSIGN(const auto changes,
               PropertyChangesIn(request.config_changes, ErrorCode::kInvalidAlterTable));
  std::vector<model::Column> columns;
  for (const wire::PbAddColumn& add : request.add_columns) {
    STROM_ASSIGN(model::Column column, ColumnOf(add));
    columns.push_back(std::move(column));
  }
  STROM_TRY(meta.AlterTable(PathOf(request.table_path), changes, std::move(columns),
                            request.ignore_if_not_exists));
  return wire::AlterTableResponse();
}

}  // namespace

std::string PublicDescriptor(const model::TableInfo& info,
                             const coordinator::Coordinator::Settings& settings) {
  if (!info.options.lake_enabled) return model::DescriptorToJson(info.descriptor);
  model::TableDescriptor descriptor = info.descriptor;
  const std::string prefix = std::string("datalake.") + NameOf(info.options.lake_format) + ".";
  for (const auto& [key, value] : settings) {
    const std::string lower = ToLower(key);
    const bool secret = lower.find("password") != std::string::npos ||
                        lower.find("secret") != std::string::npos ||
                        lower.find("key") != std::string::npos;
    if (key.starts_with(prefix) && !secret) descriptor.properties["table." + key] = value;
  }
  return model::DescriptorToJson(descriptor);
}

void CreateTable(Server& server, Call call) {
  AnswerOnCoordinator<wire::CreateTableRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::CreateTableRequest& request) -> Result<wire::CreateTableResponse> {
        STROM_ASSIGN(model::TableDescriptor descriptor,
                     model::DescriptorFromJson(request.table_json.str()));
        STROM_TRY(meta.CreateTable(PathOf(request.table_path), std::move(descriptor),
                                   request.ignore_if_exists));
        return wire::CreateTableResponse();
      });
}

void DropTable(Server& server, Call call) {
  AnswerOnCoordinator<wire::DropTableRequest>(
      server, std::move(call),
      [](MetaService& meta,
         const wire::DropTableRequest& request) -> Result<wire::DropTableResponse> {
        STROM_TRY(meta.DropTable(PathOf(request.table_path), request.ignore_if_not_exists));
        return wire::DropTableResponse();
      });
}

void AlterTable(Server& server, Call call) {
  AnswerOnCoordinator<wire::AlterTableRequest>(server, std::move(call), Alter);
}

void GetTableInfo(Server& server, Call call) {
  const auto view = server.Here(call).view();
  AnswerHere<wire::GetTableInfoRequest>(
      server, std::move(call),
      [&](const wire::GetTableInfoRequest& request) -> Result<wire::GetTableInfoResponse> {
        STROM_ASSIGN(const meta::TableEntry* table, FindTable(*view, PathOf(request.table_path)));
        wire::GetTableInfoResponse response;
        response.table_id = table->info.table_id;
        response.schema_id = table->info.schema_id;
        response.table_json = TextBytes(PublicDescriptor(table->info, server.LakeSettings()));
        response.created_time = table->info.created_ms;
        response.modified_time = table->info.modified_ms;
        return response;
      });
}

void ListTables(Server& server, Call call) {
  const auto view = server.Here(call).view();
  const Rights rights = server.RightsOf(call);
  AnswerHere<wire::ListTablesRequest>(
      server, std::move(call),
      [&](const wire::ListTablesRequest& request) -> Result<wire::ListTablesResponse> {
        if (!view->databases.contains(request.database_name)) {
          return Err(ErrorCode::kDatabaseNotExist, "database {} does not exist",
                     request.database_name);
        }
        wire::ListTablesResponse response;
        for (const auto& [path, table] : view->tables) {
          if (path.database == request.database_name &&
              rights.Allow(security::Operation::kDescribe, security::Resource::Table(path)))
            response.table_name.push_back(path.table);
        }
        return response;
      });
}

void TableExists(Server& server, Call call) {
  const auto view = server.Here(call).view();
  const Rights rights = server.RightsOf(call);
  AnswerHere<wire::TableExistsRequest>(
      server, std::move(call),
      [&](const wire::TableExistsRequest& request) -> Result<wire::TableExistsResponse> {
        const model::TablePath path = PathOf(request.table_path);
        return wire::TableExistsResponse{
            view->Find(path) != nullptr &&
            rights.Allow(security::Operation::kDescribe, security::Resource::Table(path))};
      });
}

void GetTableSchema(Server& server, Call call) {
  const auto view = server.Here(call).view();
  AnswerHere<wire::GetTableSchemaRequest>(
      server, std::move(call),
      [&](const wire::GetTableSchemaRequest& request) -> Result<wire::GetTableSchemaResponse> {
        STROM_ASSIGN(const meta::TableEntry* table, FindTable(*view, PathOf(request.table_path)));
        const int32_t id = request.schema_id.value_or(table->info.schema_id);
        const model::Schema* schema = table->SchemaOf(id);
        if (schema == nullptr) {
          return Err(ErrorCode::kSchemaNotExist, "table {} has no schema {}",
                     table->info.path.ToString(), id);
        }
        return wire::GetTableSchemaResponse{id, TextBytes(model::SchemaToJson(*schema))};
      });
}

}  // namespace strom::server
