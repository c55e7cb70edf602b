#include "cli/lake_service.h"

#include <cstdio>

#include <unistd.h>

#include "client/lake_admin.h"
#include "client/log_reader.h"
#include "model/duration.h"
#include "sql/lexer.h"
#include "tiering/maintenance.h"

namespace strom::cli {
namespace {

using client::LakeTableStatus;
using sql::Cell;

Cell Number(int64_t number) {
  return {false, std::to_string(number), std::to_string(number)};
}
Cell Truth(bool value) {
  return {false, value ? "true" : "false", value ? "true" : "false"};
}
template <class T, class Make>
Cell Maybe(const std::optional<T>& value, Make make) {
  return value ? make(*value) : Cell{true, "", "null"};
}

std::string Seconds(Millis time) {
  return fmt::format("{:.1f} s", static_cast<double>(time) / 1000);
}

std::string StateOf(const LakeTableStatus& table) {
  return table.paused && table.state != "tiering" ? "paused" : table.state;
}

tiering::MaintenanceOptions MaintenanceFor(const LakeVerb& verb) {
  tiering::MaintenanceOptions options;
  options.worker = ProcessName();
  const std::string scope = "--datalake.";
  for (const auto& [key, value] : verb.arguments.values()) {
    // --datalake.<format>.<option>, as strom tier takes them
    const size_t dot = key.starts_with(scope) ? key.find('.', scope.size()) : std::string::npos;
    if (dot != std::string::npos) options.catalog[key.substr(dot + 1)] = value;
  }
  return options;
}

/// The settings of a lake that the words of the command give.
client::Settings SettingsIn(const Arguments& arguments) {
  client::Settings settings;
  for (const auto& [key, value] : arguments.values()) {
    if (key.starts_with("--datalake.")) settings.emplace_back(key.substr(2), value);
  }
  return settings;
}

/// Keeps the number that a query has as its result.
class KeptSum final : public sql::RowSink {
 public:
  void Begin(const std::vector<sql::ResultColumn>&) override {}
  void Row(const std::vector<Cell>& cells) override {
    value_ = model::ParseInteger(cells.at(0).text, 0, INT64_MAX).value_or(0);
  }
  void End() override {}
  int64_t value() const { return value_; }

 private:
  int64_t value_ = 0;
};

/// Of the newest moment: rows that the lake lacks.
Result<int64_t> RowsBehind(const LakeVerb& verb, const model::TablePath& path) {
  KeptSum sum;
  STROM_ASSIGN(const auto session, sql::Session::Open(verb.connection.cluster()));
  STROM_TRY(session->Run("SELECT coalesce(sum(rows_behind), 0)::BIGINT FROM " +
                             sql::QuoteName(path.database) + "." +
                             sql::QuoteName(path.table + "$lake$lag"),
                         sum));
  return sum.value();
}

}  // namespace

int LakeJobs(const LakeVerb& verb) {
  const auto status = client::GetLakeStatus(verb.connection, std::nullopt);
  if (!status) return Report(status.error());
  verb.printer.Begin({{"table", "VARCHAR", false},
                      {"state", "VARCHAR", false},
                      {"freshness_ms", "BIGINT", true},
                      {"since_ms", "BIGINT", true},
                      {"due_in_ms", "BIGINT", true},
                      {"worker", "VARCHAR", false},
                      {"failures", "BIGINT", true},
                      {"failure", "VARCHAR", false},
                      {"last_finished_ms", "BIGINT", true},
                      {"last_rows", "BIGINT", true},
                      {"last_bytes", "BIGINT", true},
                      {"last_took_ms", "BIGINT", true}});
  const Millis now = SystemClock().Now();
  for (const LakeTableStatus& table : status->tables) {
    if (!table.enabled) continue;
    const auto due =
        table.due_ms ? std::optional(std::max<Millis>(*table.due_ms - now, 0)) : std::nullopt;
    const auto last = [&](auto member) {
      return Maybe(table.last,
                   [&](const LakeTableStatus::Round& round) { return Number(round.*member); });
    };
    verb.printer.Row({sql::TextCell(table.path.ToString()), sql::TextCell(StateOf(table)),
                      Number(table.freshness_ms), Maybe(table.since_ms, Number), Maybe(due, Number),
                      Maybe(table.worker, sql::TextCell), Number(table.failures),
                      Maybe(table.failure, sql::TextCell),
                      last(&LakeTableStatus::Round::finished_ms),
                      last(&LakeTableStatus::Round::rows), last(&LakeTableStatus::Round::bytes),
                      last(&LakeTableStatus::Round::took_ms)});
  }
  verb.printer.End();
  return kDone;
}

int LakeWhy(const LakeVerb& verb, const std::string& table) {
  const model::TablePath path = verb.PathOf(table);
  const auto status = client::GetLakeStatus(verb.connection, path);
  if (!status) return Report(status.error());
  const LakeTableStatus& one = status->tables.front();
  const std::string name = one.path.ToString();
  std::string why;
  std::string advice;
  const Millis now = SystemClock().Now();
  const std::string due = Seconds(std::max<Millis>(one.due_ms.value_or(now) - now, 0));
  int64_t behind = -1;
  if (!status->enabled) {
    why = "the lake of the cluster is off";
    advice = "strom lake enable";
  } else if (!one.enabled) {
    why = "the lake of the table is off";
    advice = "strom lake enable " + name;
  } else {
    const auto rows = RowsBehind(verb, path);
    if (!rows) return Report(rows.error());
    behind = *rows;
    const std::string ago =
        one.since_ms ? Seconds(std::max<Millis>(now - *one.since_ms, 0)) + " ago" : "";
    if (behind == 0) {
      why = "the lake has all rows";
    } else if (one.state == "tiering") {
      why = fmt::format("the worker {} has it and began {}", one.worker.value_or("?"), ago);
    } else if (one.paused) {
      why = "it is paused";
      advice = "strom lake resume " + name;
    } else if (one.failures > 0) {
      why = fmt::format("{} round{} failed, the last one with: {}", one.failures,
                        one.failures == 1 ? "" : "s", one.failure.value_or("no reason given"));
      advice = one.state == "failed" ? "nothing: it is tried again in " + due
                                     : std::string("nothing: it waits for a worker");
    } else if (one.state == "pending") {
      why = "it waits for a worker since " + ago;
      advice = "look whether a worker runs: server.tiering.enabled, or strom tier";
    } else if (one.state == "scheduled") {
      why = fmt::format("the next round is due in {}, the freshness is {}", due,
                        Seconds(one.freshness_ms));
      advice = "nothing, or strom lake tier " + name;
    }
  }
  verb.printer.Begin({{"table", "VARCHAR", false},
                      {"state", "VARCHAR", false},
                      {"rows_behind", "BIGINT", true},
                      {"why", "VARCHAR", false},
                      {"do", "VARCHAR", false}});
  verb.printer.Row({sql::TextCell(name), sql::TextCell(StateOf(one)),
                    behind < 0 ? Cell{true, "", "null"} : Number(behind), sql::TextCell(why),
                    advice.empty() ? Cell{true, "", "null"} : sql::TextCell(advice)});
  verb.printer.End();
  return kDone;
}

int LakePreflight(const LakeVerb& verb) {
  const auto checks = client::PreflightLake(verb.connection, SettingsIn(verb.arguments));
  if (!checks) return Report(checks.error());
  verb.printer.Begin(
      {{"check", "VARCHAR", false}, {"ok", "BOOLEAN", false}, {"detail", "VARCHAR", false}});
  bool ok = true;
  for (const client::LakeCheck& check : *checks) {
    verb.printer.Row({sql::TextCell(check.what), Truth(check.ok), sql::TextCell(check.detail)});
    ok = ok && check.ok;
  }
  verb.printer.End();
  return ok ? kDone : kFailed;
}

namespace {

/// Sets settings of the lake; what a rule forbids has an exit code of its own.
int SetLake(const LakeVerb& verb, const client::Settings& settings, const char* done) {
  const Status set = client::SetClusterConfigs(verb.connection, settings);
  if (set) {
    std::fprintf(stderr, "%s\n", done);
    return kDone;
  }
  const int code = Report(set.error());
  return set.error().code == ErrorCode::kInvalidConfig ? int{kRefused} : code;
}

}  // namespace

int LakeEnable(const LakeVerb& verb) {
  client::Settings settings = SettingsIn(verb.arguments);
  settings.emplace_back("datalake.enabled", "true");
  return SetLake(verb, settings,
                 "the lake is on: tables with 'table.datalake.enabled' = 'true' are tiered "
                 "continuously until it is switched off");
}

int LakeDisable(const LakeVerb& verb) {
  if (verb.arguments.Has("--tables")) {
    const auto status = client::GetLakeStatus(verb.connection, std::nullopt);
    if (!status) return Report(status.error());
    for (const LakeTableStatus& table : status->tables) {
      if (!table.enabled) continue;
      wire::AlterTableRequest request;
      request.table_path = client::ToWire(table.path);
      request.config_changes.push_back({"table.datalake.enabled", "false", 0});
      const auto altered = verb.connection.Call(request);
      if (!altered) return Report(altered.error());
      std::fprintf(stderr, "the lake of %s is off\n", table.path.ToString().c_str());
    }
  }
  return SetLake(verb, {{"datalake.enabled", "false"}}, "the lake is off; its tables are kept");
}

int LakeControl(const LakeVerb& verb, const std::string& action, const std::string& table) {
  const client::LakeAction what = action == "pause"    ? client::LakeAction::kPause
                                  : action == "resume" ? client::LakeAction::kResume
                                                       : client::LakeAction::kTierNow;
  const Status done = client::ControlLakeTable(verb.connection, verb.PathOf(table), what);
  return done ? int{kDone} : Report(done.error());
}

int LakeCompact(const LakeVerb& verb, const std::string& table) {
  const auto compacted =
      tiering::CompactLakeTable(verb.connection, verb.PathOf(table), MaintenanceFor(verb));
  if (!compacted) return Report(compacted.error());
  verb.printer.Begin({{"snapshot_id", "BIGINT", true}});
  if (*compacted) verb.printer.Row({Number(**compacted)});
  verb.printer.End();
  if (!*compacted)
    std::fprintf(stderr, "nothing to gain: the files of %s are large and few\n", table.c_str());
  return kDone;
}

int LakeExpire(const LakeVerb& verb, const std::string& table) {
  const auto age = model::ParseDuration(verb.arguments.Get("--orphans-older-than", "1d"));
  if (!age) {
    return Report(
        Error{ErrorCode::kInvalidArgument, "--orphans-older-than: " + age.error().message});
  }
  const auto expired = tiering::ExpireLakeTable(
      verb.connection, verb.PathOf(table), MaintenanceFor(verb), std::chrono::milliseconds(*age));
  if (!expired) return Report(expired.error());
  verb.printer.Begin({{"snapshots_removed", "BIGINT", true}, {"orphans_removed", "BIGINT", true}});
  verb.printer.Row({Number(expired->snapshots), Number(expired->orphans)});
  verb.printer.End();
  return kDone;
}

std::string ProcessName() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("{}:{}", host.data(), ::getpid());
}

}  // namespace strom::cli
