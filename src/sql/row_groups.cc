#include "sql/row_groups.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <duckdb.hpp>
#include <duckdb/common/multi_file/multi_file_states.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
#include <duckdb/parser/keyword_helper.hpp>
#include <duckdb/planner/operator/logical_get.hpp>
#include <duckdb/planner/table_filter.hpp>
#include <duckdb/storage/statistics/numeric_stats.hpp>
#include <duckdb/storage/statistics/string_stats.hpp>

namespace strom::sql {
namespace {

struct Filter {
  duckdb::LogicalType type;
  duckdb::unique_ptr<duckdb::TableFilter> test;
};
struct FileScan {
  std::vector<std::string> files;
  std::multimap<std::string, Filter> filters;  // by column
  std::set<std::string> columns;               // that are read
};

/// What is known of a column of a row group; nothing when that is not enough to compare with.
std::optional<duckdb::BaseStatistics> StatsOf(const duckdb::LogicalType& type,
                                              const duckdb::Value& min, const duckdb::Value& max) {
  if (min.IsNull() || max.IsNull()) return std::nullopt;
  auto stats = duckdb::BaseStatistics::CreateUnknown(type);
  switch (stats.GetStatsType()) {
    case duckdb::StatisticsType::NUMERIC_STATS:
      duckdb::NumericStats::SetMin(stats, min.DefaultCastAs(type));
      duckdb::NumericStats::SetMax(stats, max.DefaultCastAs(type));
      return stats;
    case duckdb::StatisticsType::STRING_STATS:
      duckdb::StringStats::SetMin(stats, duckdb::string_t(min.GetValue<std::string>()));
      duckdb::StringStats::SetMax(stats, duckdb::string_t(max.GetValue<std::string>()));
      return stats;
    default: return std::nullopt;
  }
}

bool LeavesOut(const Filter& filter, const duckdb::Value& min, const duckdb::Value& max) {
  auto stats = StatsOf(filter.type, min, max);
  if (!stats) return false;
  const auto result = filter.test->CheckStatistics(*stats);
  return result == duckdb::FilterPropagateResult::FILTER_ALWAYS_FALSE ||
         result == duckdb::FilterPropagateResult::FILTER_FALSE_OR_NULL;
}

struct Plans : duckdb::OptimizerExtensionInfo {
  std::mutex mutex;                            // guards scans
  std::optional<std::vector<FileScan>> scans;  // while they are noted

  void Note(duckdb::LogicalOperator& plan) {
    const std::lock_guard lock(mutex);
    if (scans) NoteScans(plan);
  }

 private:
  void NoteScans(duckdb::LogicalOperator& plan) {
    for (auto& child : plan.children) NoteScans(*child);
    if (plan.type != duckdb::LogicalOperatorType::LOGICAL_GET) return;
    auto& get = plan.Cast<duckdb::LogicalGet>();
    if (get.function.name != "read_parquet" && get.function.name != "parquet_scan") return;
    FileScan scan;
    const auto& data = get.bind_data->Cast<duckdb::MultiFileBindData>();
    for (const auto& file : data.file_list->GetAllFiles()) scan.files.push_back(file.path);
    for (const duckdb::ColumnIndex& column : get.GetColumnIds()) {
      if (!column.IsVirtualColumn()) scan.columns.insert(get.GetColumnName(column));
    }
    for (const auto& [column, filter] : get.table_filters.filters) {
      if (column < get.names.size())
        scan.filters.emplace(get.names[column], Filter{get.returned_types[column], filter->Copy()});
    }
    scans->push_back(std::move(scan));
  }
};

}  // namespace

struct RowGroups::Inner {
  duckdb::shared_ptr<Plans> plans = duckdb::make_shared_ptr<Plans>();
};

RowGroups::RowGroups() : inner_(std::make_unique<Inner>()) {}
RowGroups::~RowGroups() = default;

void RowGroups::Watch(duckdb::DBConfig& config) {
  duckdb::OptimizerExtension extension;
  extension.optimize_function = [](duckdb::OptimizerExtensionInput& input,
                                   duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
    static_cast<Plans&>(*input.info).Note(*plan);
  };
  extension.optimizer_info = inner_->plans;
  duckdb::OptimizerExtension::Register(config, std::move(extension));
}

void RowGroups::Begin(bool wanted) {
  const std::lock_guard lock(inner_->plans->mutex);
  inner_->plans->scans.reset();
  if (wanted) inner_->plans->scans.emplace();
}

RowGroupCount RowGroups::Count(duckdb::Connection& connection) {
  std::optional<std::vector<FileScan>> scans;
  {
    const std::lock_guard lock(inner_->plans->mutex);
    scans = std::exchange(inner_->plans->scans, std::nullopt);
  }
  RowGroupCount count;
  if (!scans) return count;
  for (const FileScan& scan : *scans) {
    std::string files;
    for (const std::string& file : scan.files)
      files += (files.empty() ? "" : ", ") + duckdb::KeywordHelper::WriteQuoted(file, '\'');
    const auto footers = connection.Query(
        "SELECT file_name, row_group_id, path_in_schema, stats_min_value, stats_max_value, "
        "total_compressed_size FROM parquet_metadata([" +
        files + "])");
    if (footers->HasError()) continue;  // the query itself says what is wrong with the files
    struct Group {
      bool out = false;
      int64_t bytes = 0;
    };
    std::map<std::string, std::map<int64_t, Group>> groups;  // by file
    for (size_t row = 0; row < footers->RowCount(); ++row) {
      const auto cell = [&](size_t column) { return footers->GetValue(column, row); };
      Group& group = groups[cell(0).GetValue<std::string>()][cell(1).GetValue<int64_t>()];
      const auto path = cell(2).GetValue<std::string>();
      const auto [begin, end] = scan.filters.equal_range(path);
      for (auto it = begin; it != end && !group.out; ++it)
        group.out = LeavesOut(it->second, cell(3), cell(4));
      // A column with something inside is stored as its parts, "column, part".
      const bool wanted = scan.columns.contains(path) ||
                          scan.columns.contains(path.substr(0, path.find_first_of(",.")));
      if (wanted) group.bytes += cell(5).GetValue<int64_t>();
    }
    for (const auto& [file, of_file] : groups) {
      bool all_out = true;
      for (const auto& [number, group] : of_file) {
        ++count.all;
        count.bytes += group.bytes;
        if (group.out) {
          ++count.skipped;
          count.bytes_skipped += group.bytes;
        }
        all_out = all_out && group.out;
      }
      ++count.files;
      count.files_skipped += all_out ? 1 : 0;
    }
  }
  return count;
}

}  // namespace strom::sql
