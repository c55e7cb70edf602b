#include <chrono>
#include <csignal>
#include <cstdio>

#include "base/log_line.h"
#include "cli/command.h"
#include "cli/stop_signals.h"
#include "node/node.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp = R"(strom server: one node, ready at once

  strom server [--config server.yaml] [-X key=value]...

Without options: data in ./strom-data, clients at FLUSS://127.0.0.1:9123.
  --config FILE   settings with Apache Fluss's keys, flat "key: value" lines
  -X key=value    one setting, over those of the file
SIGTERM and SIGINT stop it in order. Settings: docs/settings.md
)";

}  // namespace

int RunServer(const std::vector<std::string>& words) {
  const auto started = std::chrono::steady_clock::now();
  const auto arguments = Arguments::Parse(words, {"--help", "-h"}, {"--config", "-X"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  if (!arguments->rest().empty()) {
    return Report(
        Error{ErrorCode::kInvalidArgument,
              "'" + arguments->rest()[0] + "' is not understood; see strom server --help"});
  }
  std::map<std::string, std::string> values;
  if (arguments->Has("--config")) {
    auto read = node::ReadYaml(arguments->Get("--config"));
    if (!read) return Report(read.error());
    values = std::move(*read);
  }
  for (const std::string& pair : arguments->All("-X")) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos)
      return Report(Error{ErrorCode::kInvalidArgument, "-X wants key=value, not '" + pair + "'"});
    values[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  auto settings = node::MakeSettings(values);
  if (!settings) return Report(settings.error());
  for (const std::string& key : settings->notes)
    LogInfo("setting '{}' has no effect in strom and is ignored", key);

  const StopSignals signals;

  const std::string data_dir = settings->data_dir;
  auto node = node::Node::Start(std::move(*settings));
  if (!node) return Report(node.error());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - started);
  const server::Endpoint& endpoint = (*node)->endpoint();
  LogInfo("ready in {} ms: {}://{}:{}, data in {}", took.count(), endpoint.name, endpoint.host,
          endpoint.port, data_dir);

  const int signal = signals.Wait();
  LogInfo("stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  if (const Status closed = (*node)->Close(); !closed) return Report(closed.error());
  LogInfo("stopped; the next start needs no recovery");
  return kDone;
}

}  // namespace strom::cli
