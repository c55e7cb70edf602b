#include "client/connection.h"

#include "base/text.h"
#include "model/duration.h"
#include "model/partition.h"
#include "security/sasl.h"

namespace strom::client {

std::string Table::PartitionName(const model::TableBucket& bucket) const {
  const auto named = std::ranges::find(partitions, bucket.partition_id,
                                       &std::pair<const std::string, model::PartitionId>::second);
  return named == partitions.end() ? std::string() : named->first;
}

Result<std::unique_ptr<Connection>> Connection::Open(const Cluster& cluster, Options options) {
  std::unique_ptr<Connection> connection(new Connection(cluster, options));
  STROM_TRY(connection->Ready());
  return connection;
}

Result<net::Channel*> Connection::Ready() {
  if (channel_ && !channel_->broken()) return channel_.get();
  Error last{ErrorCode::kInvalidArgument, "no server address is given"};
  for (const std::string& part : Split(cluster_.bootstrap, ',')) {
    const std::string address(Trim(part));
    const size_t colon = address.rfind(':');
    if (colon == std::string::npos)
      return Err(ErrorCode::kInvalidArgument, "'{}' is no server address; write host:port",
                 address);
    STROM_ASSIGN(const int64_t port, model::ParseInteger(address.substr(colon + 1), 1, 65535));
    auto channel =
        net::Connect(address.substr(0, colon), static_cast<int>(port), options_.timeout_ms);
    if (!channel) {
      last = channel.error();
      continue;
    }
    channel_ = std::move(*channel);
    STROM_TRY(Call(wire::ApiVersionsRequest{"strom", "1"}));
    if (!cluster_.user.empty()) {
      wire::AuthenticateRequest proof;
      proof.protocol = "PLAIN";
      proof.token = SharedBytes::Own(security::PlainToken(cluster_.user, cluster_.password));
      const auto proven = Call(proof);
      if (!proven) {
        channel_.reset();
        return std::unexpected(proven.error());
      }
    }
    return channel_.get();
  }
  return std::unexpected(last);
}

Status Connection::CheckFrame(const net::ResponseFrame& frame) {
  if (frame.type == net::ResponseType::kSuccess) return {};
  STROM_ASSIGN(const wire::ErrorResponse error, wire::Decode<wire::ErrorResponse>(frame.body));
  return Err(static_cast<ErrorCode>(error.error_code), "{}",
             error.error_message.value_or("no reason given"));
}

Result<std::shared_ptr<const Table>> Connection::GetTable(const model::TablePath& path) {
  STROM_ASSIGN(const wire::GetTableInfoResponse response,
               Call(wire::GetTableInfoRequest{ToWire(path)}));
  auto table = std::make_shared<Table>();
  STROM_ASSIGN(table->info.descriptor, model::DescriptorFromJson(response.table_json.str()));
  table->info.path = path;
  table->info.table_id = response.table_id;
  table->info.schema_id = response.schema_id;
  table->info.created_ms = response.created_time;
  table->info.modified_ms = response.modified_time;
  table->properties = table->info.descriptor.properties;
  // The server adds its lake catalog's options, which are none of the table's own.
  std::erase_if(table->info.descriptor.properties, [](const auto& property) {
    for (const char* format : {"paimon", "iceberg", "lance", "hudi"}) {
      if (property.first.starts_with(std::string("table.datalake.") + format + ".")) return true;
    }
    return false;
  });
  STROM_ASSIGN(table->info.options, model::ParseTableOptions(table->info.descriptor.properties));
  if (table->info.descriptor.partitioned()) {
    STROM_ASSIGN(const auto listed,
                 Call(wire::ListPartitionInfosRequest{ToWire(path), std::nullopt}));
    for (const wire::PbPartitionInfo& info : listed.partitions_info) {
      std::vector<std::string> values;
      for (const wire::PbKeyValue& pair : info.partition_spec.partition_key_values)
        values.push_back(pair.value);
      table->partitions[model::PartitionName(values)] = info.partition_id;
    }
  }
  return table;
}

Result<std::shared_ptr<const model::Schema>> Connection::GetSchema(const Table& table,
                                                                   int32_t schema_id) {
  std::shared_ptr<const model::Schema>& known = schemas_[{table.info.table_id, schema_id}];
  if (known) return known;
  if (schema_id == table.info.schema_id) {
    known = std::make_shared<const model::Schema>(table.info.descriptor.schema);
  } else {
    STROM_ASSIGN(const auto response,
                 Call(wire::GetTableSchemaRequest{ToWire(table.info.path), schema_id}));
    STROM_ASSIGN(model::Schema schema, model::SchemaFromJson(response.schema_json.str()));
    known = std::make_shared<const model::Schema>(std::move(schema));
  }
  return known;
}

}  // namespace strom::client
