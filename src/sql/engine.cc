#include "sql/engine.h"

#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <duckdb.hpp>
#include <duckdb/common/arrow/arrow_converter.hpp>
#include <duckdb/common/arrow/arrow_wrapper.hpp>
#include <duckdb/function/table/arrow.hpp>
#include <duckdb/main/extension/extension_loader.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/statement/select_statement.hpp>
#include <duckdb/parser/tableref/subqueryref.hpp>
#include <duckdb/planner/expression/bound_columnref_expression.hpp>
#include <duckdb/planner/expression/bound_comparison_expression.hpp>
#include <duckdb/planner/expression/bound_constant_expression.hpp>
#include <duckdb/planner/logical_operator.hpp>
#include <duckdb/planner/operator/logical_get.hpp>

#include "base/json.h"
#include "record/arrow_batch.h"
#include "sql/confined_files.h"

namespace strom::sql {
namespace {

using record::FromArrow;

/// Hooks have no way to return an error through DuckDB but to throw; Engine catches everything at
/// its wall.
[[noreturn]] void Throw(const Error& error) {
  throw duckdb::InvalidInputException(std::string(NameOf(error.code)) + ": " + error.message);
}

struct ScanInfo : duckdb::TableFunctionInfo {
  explicit ScanInfo(const Engine::Hooks& h) : hooks(h) {}
  const Engine::Hooks& hooks;
};

struct ScanData : duckdb::ArrowScanFunctionData {
  using ArrowScanFunctionData::ArrowScanFunctionData;
  const Engine::Hooks* hooks = nullptr;
  Engine::ScanRequest request;
};

/// Notes comparisons of a column with a whole number or a text; DuckDB keeps the filters.
void NoteEqualities(duckdb::ClientContext&, duckdb::LogicalGet& get, duckdb::FunctionData* data,
                    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters) {
  auto& equal = data->Cast<ScanData>().request.equal;
  for (const auto& filter : filters) {
    if (filter->GetExpressionType() != duckdb::ExpressionType::COMPARE_EQUAL) continue;
    const auto& comparison = filter->Cast<duckdb::BoundComparisonExpression>();
    const duckdb::Expression* column = comparison.left.get();
    const duckdb::Expression* constant = comparison.right.get();
    if (column->GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF)
      std::swap(column, constant);
    if (column->GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF ||
        constant->GetExpressionClass() != duckdb::ExpressionClass::BOUND_CONSTANT)
      continue;
    const auto index = column->Cast<duckdb::BoundColumnRefExpression>().binding.column_index;
    const auto position = get.GetColumnIds()[index].GetPrimaryIndex();
    if (position >= get.names.size()) continue;
    const duckdb::Value& value = constant->Cast<duckdb::BoundConstantExpression>().value;
    if (value.IsNull()) continue;
    if (value.type().IsIntegral() && value.type().id() != duckdb::LogicalTypeId::HUGEINT &&
        value.type().id() != duckdb::LogicalTypeId::UHUGEINT &&
        value.type().id() != duckdb::LogicalTypeId::UBIGINT) {
      equal[get.names[position]] = value.GetValue<int64_t>();
    } else if (value.type().id() == duckdb::LogicalTypeId::VARCHAR) {
      equal[get.names[position]] = value.GetValue<std::string>();
    }
  }
}

duckdb::unique_ptr<duckdb::ArrowArrayStreamWrapper> ProduceScan(
    uintptr_t factory, duckdb::ArrowStreamParameters& parameters) {
  const auto& data = *reinterpret_cast<const ScanData*>(factory);
  Engine::ScanRequest request = data.request;
  request.columns.assign(parameters.projected_columns.columns.begin(),
                         parameters.projected_columns.columns.end());
  auto reader = data.hooks->open_scan(request);
  if (!reader) Throw(reader.error());
  auto stream = duckdb::make_uniq<duckdb::ArrowArrayStreamWrapper>();
  if (const Status exported =
          FromArrow(arrow::ExportRecordBatchReader(*reader, &stream->arrow_array_stream), "scan");
      !exported) {
    Throw(exported.error());
  }
  return stream;
}

duckdb::unique_ptr<duckdb::FunctionData> BindScan(duckdb::ClientContext& context,
                                                  duckdb::TableFunctionBindInput& input,
                                                  duckdb::vector<duckdb::LogicalType>& types,
                                                  duckdb::vector<duckdb::string>& names) {
  const Engine::Hooks& hooks = input.info->Cast<ScanInfo>().hooks;
  auto data = duckdb::make_uniq<ScanData>(&ProduceScan, uintptr_t{0});
  data->stream_factory_ptr = reinterpret_cast<uintptr_t>(data.get());
  data->hooks = &hooks;
  data->request.id = input.inputs[0].GetValue<std::string>();
  auto schema = hooks.scan_schema(data->request.id);
  if (!schema) Throw(schema.error());
  if (const Status exported =
          FromArrow(arrow::ExportSchema(**schema, &data->schema_root.arrow_schema), "scan");
      !exported) {
    Throw(exported.error());
  }
  duckdb::ArrowTableFunction::PopulateArrowTableSchema(context, data->arrow_table,
                                                       data->schema_root.arrow_schema);
  names = data->arrow_table.GetNames();
  types = data->all_types = data->arrow_table.GetTypes();
  return data;
}

struct ReplacementData : duckdb::ReplacementScanData {
  explicit ReplacementData(const Engine::Hooks& h) : hooks(h) {}
  const Engine::Hooks& hooks;
};

duckdb::unique_ptr<duckdb::TableRef> ReplaceTable(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData> data) {
  const auto resolved =
      static_cast<ReplacementData&>(*data).hooks.resolve(input.schema_name, input.table_name);
  if (!resolved) Throw(resolved.error());
  if (!*resolved) return nullptr;
  duckdb::Parser parser(context.GetParserOptions());
  parser.ParseQuery((*resolved)->query);
  auto select = duckdb::unique_ptr_cast<duckdb::SQLStatement, duckdb::SelectStatement>(
      std::move(parser.statements[0]));
  return duckdb::make_uniq<duckdb::SubqueryRef>(std::move(select), (*resolved)->alias);
}

Json ToJson(const duckdb::Value& value) {
  if (value.IsNull()) return nullptr;
  switch (value.type().id()) {
    case duckdb::LogicalTypeId::BOOLEAN: return value.GetValue<bool>();
    case duckdb::LogicalTypeId::TINYINT:
    case duckdb::LogicalTypeId::SMALLINT:
    case duckdb::LogicalTypeId::INTEGER:
    case duckdb::LogicalTypeId::BIGINT:
    case duckdb::LogicalTypeId::UTINYINT:
    case duckdb::LogicalTypeId::USMALLINT:
    case duckdb::LogicalTypeId::UINTEGER: return value.GetValue<int64_t>();
    case duckdb::LogicalTypeId::UBIGINT: return value.GetValue<uint64_t>();
    case duckdb::LogicalTypeId::LIST:
    case duckdb::LogicalTypeId::ARRAY: {
      Json list = Json::array();
      const auto& children = value.type().id() == duckdb::LogicalTypeId::LIST
                                 ? duckdb::ListValue::GetChildren(value)
                                 : duckdb::ArrayValue::GetChildren(value);
      for (const auto& child : children) list.push_back(ToJson(child));
      return list;
    }
    case duckdb::LogicalTypeId::STRUCT: {
      Json object = Json::object();
      const auto& children = duckdb::StructValue::GetChildren(value);
      for (size_t i = 0; i < children.size(); ++i) {
        object[duckdb::StructType::GetChildName(value.type(), i)] = ToJson(children[i]);
      }
      return object;
    }
    case duckdb::LogicalTypeId::MAP: {
      Json object = Json::object();
      for (const auto& entry : duckdb::MapValue::GetChildren(value)) {
        const auto& pair = duckdb::StructValue::GetChildren(entry);
        object[pair[0].ToString()] = ToJson(pair[1]);
      }
      return object;
    }
    default: return value.ToString();
  }
}

/// Numbers that JSON can hold but a parser would round are printed as DuckDB prints them.
std::string JsonText(const duckdb::Value& value) {
  switch (value.type().id()) {
    case duckdb::LogicalTypeId::HUGEINT:
    case duckdb::LogicalTypeId::UHUGEINT:
    case duckdb::LogicalTypeId::DECIMAL: return value.ToString();
    case duckdb::LogicalTypeId::FLOAT:
    case duckdb::LogicalTypeId::DOUBLE: {
      const double number = value.GetValue<double>();
      return std::isfinite(number) ? value.ToString() : "\"" + value.ToString() + "\"";
    }
    default: return ToJson(value).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

class DuckDbEngine final : public Engine {
 public:
  DuckDbEngine(Hooks hooks, const std::optional<Confinement>& confinement)
      : hooks_(std::move(hooks)), confined_(confinement.has_value()) {
    duckdb::DBConfig config;
    if (confinement) {
      auto files = duckdb::make_uniq<ConfinedFiles>(confinement->spill_dir);
      files_ = files.get();
      config.file_system = duckdb::make_uniq<duckdb::VirtualFileSystem>(std::move(files));
      config.options.maximum_memory = static_cast<duckdb::idx_t>(confinement->memory_bytes);
      config.options.temporary_directory = confinement->spill_dir;
    }
    config.SetOptionByName("autoinstall_known_extensions", duckdb::Value(false));
    config.SetOptionByName("autoload_known_extensions", duckdb::Value(false));
    config.replacement_scans.insert(
        config.replacement_scans.begin(),
        duckdb::ReplacementScan(ReplaceTable, duckdb::make_uniq<ReplacementData>(hooks_)));
    row_groups_.Watch(config);
    database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    using Arrow = duckdb::ArrowTableFunction;
    duckdb::TableFunction scan("strom_scan", {duckdb::LogicalType::VARCHAR},
                               Arrow::ArrowScanFunction, BindScan, Arrow::ArrowScanInitGlobal,
                               Arrow::ArrowScanInitLocal);
    scan.projection_pushdown = true;
    scan.pushdown_complex_filter = NoteEqualities;
    scan.function_info = duckdb::make_shared_ptr<ScanInfo>(hooks_);
    duckdb::ExtensionLoader(*database_->instance, "strom").RegisterFunction(scan);
    connection_ = std::make_unique<duckdb::Connection>(*database_);
    for (const char* statement :
         {"SET TimeZone = 'UTC'",
          // Flink's: a quotient of whole numbers is one, and rows know when they are processed.
          "SET integer_division = true", "CREATE MACRO proctime() AS now()"}) {
      connection_->Query(statement);
    }
  }

  void AllowFile(const std::string& path) override {
    if (files_ != nullptr) files_->Allow(path);
  }

  Result<int64_t> Run(const std::string& statement, RowSink& sink,
                      RowGroupCount* row_groups) override {
    STROM_TRY(CheckConfined(statement));
    row_groups_.Begin(/*wanted=*/row_groups != nullptr);
    try {
      auto result = connection_->SendQuery(statement);
      if (result->HasError()) return Failed(result->GetErrorObject());
      std::vector<ResultColumn> columns;
      for (size_t i = 0; i < result->names.size(); ++i) {
        columns.push_back(
            {result->names[i], result->types[i].ToString(), result->types[i].IsNumeric()});
      }
      const bool rows_wanted =
          result->properties.return_type == duckdb::StatementReturnType::QUERY_RESULT;
      // The first rows are there before the sink hears of anything: a query that fails at its start
      // can be run again.
      auto chunk = result->Fetch();
      if (result->HasError()) return Failed(result->GetErrorObject());
      if (rows_wanted) sink.Begin(columns);
      int64_t rows = 0;
      std::vector<Cell> cells(columns.size());
      for (; chunk && chunk->size() > 0; chunk = result->Fetch()) {
        for (size_t r = 0; r < chunk->size() && rows_wanted; ++r, ++rows) {
          for (size_t c = 0; c < cells.size(); ++c) {
            const duckdb::Value value = chunk->GetValue(c, r);
            cells[c] = value.IsNull() ? Cell{true, "", "null"}
                                      : Cell{false, value.ToString(), JsonText(value)};
          }
          sink.Row(cells);
        }
      }
      if (result->HasError()) return Failed(result->GetErrorObject());
      if (rows_wanted) sink.End();
      if (row_groups != nullptr) *row_groups = CountRowGroups();
      return rows_wanted ? rows : -1;
    } catch (const std::exception& fault) {
      return Failed(duckdb::ErrorData(fault));
    }
  }

  Status RunToArrow(const std::string& query, const OnBatch& on_batch) override {
    STROM_TRY(CheckConfined(query));
    try {
      auto result = connection_->SendQuery(query);
      if (result->HasError()) return Failed(result->GetErrorObject());
      duckdb::ClientProperties properties = connection_->context->GetClientProperties();
      properties.produce_arrow_string_view = false;
      ArrowSchema c_schema;
      duckdb::ArrowConverter::ToArrowSchema(&c_schema, result->types, result->names, properties);
      const auto schema = arrow::ImportSchema(&c_schema);
      STROM_TRY(FromArrow(schema.status(), "result"));
      bool any = false;
      while (auto chunk = result->Fetch()) {
        if (chunk->size() == 0) break;
        ArrowArray c_array;
        duckdb::ArrowConverter::ToArrowArray(*chunk, &c_array, properties, {});
        const auto batch = arrow::ImportRecordBatch(&c_array, *schema);
        STROM_TRY(FromArrow(batch.status(), "result"));
        STROM_TRY(on_batch(*batch));
        any = true;
      }
      if (result->HasError()) return Failed(result->GetErrorObject());
      if (any) return {};
      const auto empty = arrow::RecordBatch::MakeEmpty(*schema);
      STROM_TRY(FromArrow(empty.status(), "result"));
      return on_batch(*empty);
    } catch (const std::exception& fault) {
      return Failed(duckdb::ErrorData(fault));
    }
  }

  Status CheckStateless(const std::string& query) override {
    try {
      return CheckStateless(*connection_->ExtractPlan(query));
    } catch (const std::exception& fault) {
      // What a stream is given to tell its changes by stands beside an aggregate.
      const duckdb::ErrorData error(fault);
      if (error.RawMessage().find("GROUP BY clause") != std::string::npos)
        return NotStateless("an aggregate");
      return Failed(error);
    }
  }

  void Interrupt() override { connection_->Interrupt(); }

 private:
  /// A confined engine answers questions and does nothing else: no files, settings, extensions.
  Status CheckConfined(const std::string& statement) {
    if (!confined_) return {};
    try {
      const auto parsed = connection_->ExtractStatements(statement);
      if (parsed.size() == 1 && (parsed[0]->type == duckdb::StatementType::SELECT_STATEMENT ||
                                 parsed[0]->type == duckdb::StatementType::EXPLAIN_STATEMENT))
        return {};
    } catch (const std::exception& fault) {
      return Failed(duckdb::ErrorData(fault));
    }
    return Err(ErrorCode::kUnsupported,
               "here there are queries and statements about tables, one at a time");
  }

  static std::unexpected<Error> NotStateless(const std::string& what) {
    return Err(
        ErrorCode::kUnsupported,
        "{} in streaming mode works over more than the row at hand: that is for Flink, or for "
        "batch mode (SET 'execution.runtime-mode' = 'batch')",
        what);
  }

  static Status CheckStateless(const duckdb::LogicalOperator& plan) {
    switch (plan.type) {
      case duckdb::LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY:
      case duckdb::LogicalOperatorType::LOGICAL_WINDOW:
      case duckdb::LogicalOperatorType::LOGICAL_DISTINCT:
      case duckdb::LogicalOperatorType::LOGICAL_ORDER_BY:
      case duckdb::LogicalOperatorType::LOGICAL_TOP_N:
        return NotStateless(duckdb::LogicalOperatorToString(plan.type));
      default: break;
    }
    for (const auto& child : plan.children) STROM_TRY(CheckStateless(*child));
    return {};
  }

  RowGroupCount CountRowGroups() {
    try {
      return row_groups_.Count(*connection_);
    } catch (const std::exception&) {
      return {};  // a count is no reason to fail
    }
  }

  static ErrorCode CodeOf(duckdb::ExceptionType type, const std::string& message) {
    switch (type) {
      case duckdb::ExceptionType::PARSER:
      case duckdb::ExceptionType::BINDER:
      case duckdb::ExceptionType::CATALOG:
      case duckdb::ExceptionType::SYNTAX:
      case duckdb::ExceptionType::CONVERSION:
      case duckdb::ExceptionType::INVALID_INPUT:
      case duckdb::ExceptionType::OUT_OF_RANGE:
      case duckdb::ExceptionType::MISMATCH_TYPE: return ErrorCode::kInvalidArgument;
      case duckdb::ExceptionType::OUT_OF_MEMORY: return ErrorCode::kLimitExceeded;
      case duckdb::ExceptionType::PERMISSION: return ErrorCode::kUnsupported;
      case duckdb::ExceptionType::NOT_IMPLEMENTED: return ErrorCode::kUnsupported;
      case duckdb::ExceptionType::IO:
        return message.starts_with("No files found") ? ErrorCode::kNotFound : ErrorCode::kIo;
      default: return ErrorCode::kUnknownServerError;
    }
  }

  /// What DuckDB says, under the code that a hook put in front of it.
  static std::unexpected<Error> Failed(const duckdb::ErrorData& fault) {
    std::string message = fault.RawMessage();
    if (const size_t cut = message.find("\n\nLINE"); cut != std::string::npos) message.resize(cut);
    if (fault.Type() == duckdb::ExceptionType::OUT_OF_MEMORY)  // its advice is not for here
      message.resize(std::min(message.size(), message.find('\n')));
    for (const ErrorCode code :
         {ErrorCode::kAuthorization, ErrorCode::kAuthenticate, ErrorCode::kNetwork,
          ErrorCode::kTableNotExist, ErrorCode::kDatabaseNotExist, ErrorCode::kRequestTimeOut,
          ErrorCode::kIo, ErrorCode::kCorrupt, ErrorCode::kNotFound,
          ErrorCode::kLogOffsetOutOfRange, ErrorCode::kUnsupported, ErrorCode::kInvalidArgument}) {
      const std::string prefix = std::string(NameOf(code)) + ": ";
      const size_t at = message.find(prefix);
      if (at != std::string::npos) return Err(code, "{}", message.substr(at + prefix.size()));
    }
    return Err(CodeOf(fault.Type(), message), "{}", message);
  }

  const Hooks hooks_;
  const bool confined_;
  ConfinedFiles* files_ = nullptr;  // of the database
  RowGroups row_groups_;
  std::unique_ptr<duckdb::DuckDB> database_;
  std::unique_ptr<duckdb::Connection> connection_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Open(Hooks hooks,
                                             const std::optional<Confinement>& confinement) {
  try {
    return std::unique_ptr<Engine>(std::make_unique<DuckDbEngine>(std::move(hooks), confinement));
  } catch (const std::exception& fault) {
    return Err(ErrorCode::kUnknownServerError, "cannot start the SQL engine: {}", fault.what());
  }
}

}  // namespace strom::sql
