#include "sql/stream_plan.h"

#include <duckdb.hpp>
#include <duckdb/parser/expression/columnref_expression.hpp>
#include <duckdb/parser/expression/constant_expression.hpp>
#include <duckdb/parser/expression/star_expression.hpp>
#include <duckdb/parser/expression/subquery_expression.hpp>
#include <duckdb/parser/parsed_expression_iterator.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/query_node/select_node.hpp>
#include <duckdb/parser/statement/select_statement.hpp>
#include <duckdb/parser/tableref/basetableref.hpp>
#include <duckdb/parser/tableref/joinref.hpp>
#include <duckdb/parser/tableref/subqueryref.hpp>

namespace strom::sql {
namespace {

using IsSource = std::function<bool(const std::string& table)>;

/// Thrown within this file alone.
struct Refused {
  Error error;
};

[[noreturn]] void Refuse(const std::string& what) {
  throw Refused{Error{ErrorCode::kUnsupported,
                      what + " in streaming mode works over more than the row at hand: that is for "
                             "Flink, or for batch mode (SET 'execution.runtime-mode' = 'batch')"}};
}

/// Adds the operation to what a SELECT gives, all the way up from its source.
class Planner {
 public:
  explicit Planner(const IsSource& is_source) : is_source_(is_source) {}

  void Plan(duckdb::QueryNode& node, bool outermost, StreamPlan& plan) {
    if (node.type != duckdb::QueryNodeType::SELECT_NODE) Refuse("UNION, EXCEPT or INTERSECT");
    if (!node.cte_map.map.empty()) Refuse("WITH");
    auto& select = node.Cast<duckdb::SelectNode>();
    if (!select.groups.group_expressions.empty()) Refuse("GROUP BY");
    if (select.having) Refuse("HAVING");
    if (select.qualify) Refuse("QUALIFY");
    if (select.sample) Refuse("a sample");
    if (outermost) RefuseStreamsInExpressions(select);
    TakeModifiers(select, outermost, plan);
    const std::string alias = select.from_table ? AddTo(*select.from_table) : std::string();
    if (!found_) {
      throw Refused{Error{ErrorCode::kUnsupported,
                          "no table in this query is a stream; a SELECT over no table is for batch "
                          "mode (SET 'execution.runtime-mode' = 'batch')"}};
    }
    for (auto& expression : select.select_list) {
      if (expression->GetExpressionClass() != duckdb::ExpressionClass::STAR) continue;
      auto& star = expression->Cast<duckdb::StarExpression>();
      if (star.relation_name.empty() || star.relation_name == alias)
        star.exclude_list.insert(duckdb::QualifiedColumnName(kOpColumn));
    }
    auto op = duckdb::make_uniq<duckdb::ColumnRefExpression>(kOpColumn);
    op->SetAlias(outermost ? "op" : kOpColumn);
    select.select_list.insert(select.select_list.begin(), std::move(op));
  }

  /// Whether a query has a stream in it.
  bool HasSource(const duckdb::QueryNode& node) const {
    if (node.type != duckdb::QueryNodeType::SELECT_NODE) return false;
    const auto& from = node.Cast<duckdb::SelectNode>().from_table;
    return from && HasSource(*from);
  }

 private:
  static void TakeModifiers(duckdb::SelectNode& select, bool outermost, StreamPlan& plan) {
    for (const auto& modifier : select.modifiers) {
      switch (modifier->type) {
        case duckdb::ResultModifierType::ORDER_MODIFIER: Refuse("ORDER BY");
        case duckdb::ResultModifierType::DISTINCT_MODIFIER: Refuse("DISTINCT");
        case duckdb::ResultModifierType::LIMIT_MODIFIER: break;
        default: Refuse("LIMIT n %");
      }
      auto& limit = modifier->Cast<duckdb::LimitModifier>();
      const bool plain = limit.limit && !limit.offset &&
                         limit.limit->GetExpressionClass() == duckdb::ExpressionClass::CONSTANT;
      if (!outermost || !plain) Refuse("LIMIT with OFFSET, or inside a query");
      plan.limit = limit.limit->Cast<duckdb::ConstantExpression>().value.GetValue<int64_t>();
      if (*plan.limit < 0) throw duckdb::InvalidInputException("LIMIT cannot be below 0");
    }
    select.modifiers.clear();
  }

  /// They would see the piece at hand where the query means the table.
  void RefuseStreamsInExpressions(duckdb::QueryNode& node) const {
    duckdb::ParsedExpressionIterator::EnumerateQueryNodeChildren(node, [&](auto& expression) {
      if (AsksStream(*expression))
        Refuse(
            "a subquery over a stream (a table that is only looked up says FOR SYSTEM_TIME AS OF)");
    });
  }

  /// Whether a subquery in an expression reads a stream.
  bool AsksStream(duckdb::ParsedExpression& expression) const {
    bool found = false;
    const auto look = [&](duckdb::unique_ptr<duckdb::ParsedExpression>& child) {
      found = found || AsksStream(*child);
    };
    if (expression.GetExpressionClass() == duckdb::ExpressionClass::SUBQUERY) {
      auto& query = *expression.Cast<duckdb::SubqueryExpression>().subquery->node;
      duckdb::ParsedExpressionIterator::EnumerateQueryNodeChildren(
          query, look, [&](duckdb::TableRef& ref) { found = found || HasSource(ref); });
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(expression, look);
    return found;
  }

  /// Whether a part of FROM has a stream in it.
  bool HasSource(const duckdb::TableRef& ref) const {
    switch (ref.type) {
      case duckdb::TableReferenceType::BASE_TABLE:
        return is_source_(ref.Cast<duckdb::BaseTableRef>().table_name);
      case duckdb::TableReferenceType::JOIN: {
        const auto& join = ref.Cast<duckdb::JoinRef>();
        return HasSource(*join.left) || HasSource(*join.right);
      }
      case duckdb::TableReferenceType::SUBQUERY: {
        return HasSource(*ref.Cast<duckdb::SubqueryRef>().subquery->node);
      }
      default: return false;
    }
  }

  /// Lets the part of FROM that is the stream give the operation; what it is called there.
  std::string AddTo(duckdb::TableRef& ref) {
    if (!HasSource(ref)) return {};
    if (ref.type == duckdb::TableReferenceType::JOIN) {
      auto& join = ref.Cast<duckdb::JoinRef>();
      if (HasSource(*join.left) && HasSource(*join.right))
        Refuse("a join of two streams (a table that is only looked up says FOR SYSTEM_TIME AS OF)");
      const bool left = HasSource(*join.left);
      // Rows that only the other side has would come again with each piece.
      if (join.type == duckdb::JoinType::OUTER ||
          join.type == (left ? duckdb::JoinType::RIGHT : duckdb::JoinType::LEFT))
        Refuse("an outer join that keeps the rows of the table looked up");
      return AddTo(left ? *join.left : *join.right);
    }
    found_ = true;
    if (ref.type == duckdb::TableReferenceType::SUBQUERY) {
      StreamPlan inner;
      Plan(*ref.Cast<duckdb::SubqueryRef>().subquery->node, /*outermost=*/false, inner);
    }
    return ref.alias.empty() && ref.type == duckdb::TableReferenceType::BASE_TABLE
               ? ref.Cast<duckdb::BaseTableRef>().table_name
               : ref.alias;
  }

  const IsSource& is_source_;
  bool found_ = false;
};

}  // namespace

bool ReadsStream(const std::string& query, const IsSource& is_source) {
  try {
    duckdb::Parser parser;
    parser.ParseQuery(query);
    return parser.statements.size() == 1 &&
           parser.statements[0]->type == duckdb::StatementType::SELECT_STATEMENT &&
           Planner(is_source).HasSource(
               *parser.statements[0]->Cast<duckdb::SelectStatement>().node);
  } catch (const std::exception&) {
    return false;  // whoever runs it tells why
  }
}

Result<StreamPlan> PlanStream(const std::string& query, const IsSource& is_source) {
  try {
    duckdb::Parser parser;
    parser.ParseQuery(query);
    if (parser.statements.size() != 1 ||
        parser.statements[0]->type != duckdb::StatementType::SELECT_STATEMENT)
      return Err(ErrorCode::kUnsupported, "streaming mode follows a SELECT, nothing else");
    auto& statement = parser.statements[0]->Cast<duckdb::SelectStatement>();
    StreamPlan plan;
    Planner(is_source).Plan(*statement.node, /*outermost=*/true, plan);
    plan.query = statement.ToString();
    return plan;
  } catch (const Refused& refused) {
    return std::unexpected(refused.error);
  } catch (const std::exception& fault) {
    std::string message = duckdb::ErrorData(fault).RawMessage();
    if (const size_t cut = message.find("\n\nLINE"); cut != std::string::npos) message.resize(cut);
    return Err(ErrorCode::kInvalidArgument, "{}", message);
  }
}

}  // namespace strom::sql
