#include <cstdio>

#include "base/log_line.h"
#include "cli/command.h"
#include "cli/lake_service.h"
#include "cli/stop_signals.h"
#include "tiering/worker.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp = R"(strom tier: a stateless tiering worker

  strom tier --fluss.bootstrap.servers HOST:PORT [--datalake.format paimon|iceberg]
             [--datalake.paimon.metastore filesystem] [--datalake.paimon.warehouse PATH]
             [--fluss.client.security.sasl.username U --fluss.client.security.sasl.password P]

Moves rows of lake tables into the lake until it is stopped. Options of the lake
catalog are taken from the server; those given here go before them.
)";

}  // namespace

int RunTier(const std::vector<std::string>& words) {
  const auto arguments = Arguments::Parse(words, {"--help", "-h"},
                                          {"--fluss.bootstrap.servers", "--datalake.format"}, true);
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  tiering::TieringWorker::Options options;
  options.name = ProcessName();
  const std::string sasl = "--fluss.client.security.sasl.";  // as Fluss clients are told
  options.cluster = {arguments->Get("--fluss.bootstrap.servers"), arguments->Get(sasl + "username"),
                     arguments->Get(sasl + "password")};
  if (options.cluster.bootstrap.empty()) {
    return Report(Error{ErrorCode::kInvalidArgument,
                        "--fluss.bootstrap.servers HOST:PORT is missing; see strom tier --help"});
  }
  const std::string format = arguments->Get("--datalake.format", "paimon");
  if (format != "paimon" && format != "iceberg") {
    return Report(Error{ErrorCode::kInvalidArgument, "--datalake.format '" + format +
                                                         "' is not supported; use paimon or "
                                                         "iceberg"});
  }
  const std::string prefix = "--datalake." + format + ".";
  for (const auto& [key, value] : arguments->values()) {
    if (key.starts_with(prefix)) {
      options.catalog[key.substr(prefix.size())] = value;
    } else if (!key.starts_with("--fluss.") && key != "--datalake.format" &&
               !key.starts_with("--lake.tiering.")) {
      return Report(
          Error{ErrorCode::kInvalidArgument, "unknown option " + key + "; see strom tier --help"});
    }
  }
  if (options.cluster.user.empty()) {
    const client::Cluster environment = ClusterIn(*arguments);
    options.cluster.user = environment.user;
    options.cluster.password = environment.password;
  }
  const StopSignals signals;
  tiering::TieringWorker worker(std::move(options));
  worker.Start();
  LogInfo("tiering worker runs against {}", arguments->Get("--fluss.bootstrap.servers"));
  signals.Wait();
  worker.Stop();
  return kDone;
}

}  // namespace strom::cli
