#include <cstdio>
#include <map>

#include "base/text.h"
#include "cli/command.h"
#include "cli/verbs.h"

namespace strom::cli {
namespace {

constexpr const char* kHelp = R"(strom completion: what a shell needs to complete words of strom

  source <(strom completion bash)        in ~/.bashrc
  source <(strom completion zsh)         in ~/.zshrc
  strom completion fish | source         in ~/.config/fish/config.fish

Names of tables come from the server at --bootstrap, or else at 127.0.0.1:9123.
)";

// Each shell asks `strom completion words WORD...` for what may stand next.
constexpr const char* kBash = R"sh(_strom() {
  COMPREPLY=($(compgen -W "$(strom completion words "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2> /dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _strom strom
)sh";
constexpr const char* kZsh = R"sh(_strom() {
  compadd -- $(strom completion words "${(@)words[2,CURRENT-1]}" 2> /dev/null)
}
compdef _strom strom
)sh";
constexpr const char* kFish =
    R"sh(complete -c strom -f -a '(strom completion words (commandline -opc)[2..-1] 2> /dev/null)'
)sh";

const std::map<std::string, std::vector<std::string>>& Subverbs() {
  static const std::map<std::string, std::vector<std::string>> subverbs{
      {"table",
       {"list", "create", "describe", "ddl", "alter", "offsets", "partitions", "stats", "profile",
        "drop"}},
      {"db", {"list", "create", "describe", "drop"}},
      {"lake", LakeVerbNames()},
      {"acl", {"list", "grant", "revoke", "roles"}},
      {"user", {"add", "passwd", "remove"}},
      {"completion", {"bash", "zsh", "fish"}}};
  return subverbs;
}

void Print(const std::vector<std::string>& words) {
  for (const std::string& word : words) std::printf("%s\n", word.c_str());
}

/// "table" of the database that is meant without a name, "db.table" of others.
void PrintTables(const client::Cluster& cluster) {
  const auto connection = client::Connection::Open(cluster, {.timeout_ms = 1000});
  if (!connection) return;  // a shell that completes says nothing of servers
  const auto databases = (*connection)->Call(wire::ListDatabasesRequest{});
  if (!databases) return;
  for (const std::string& database : databases->database_name) {
    const auto tables = (*connection)->Call(wire::ListTablesRequest{database});
    if (!tables) continue;
    for (const std::string& table : tables->table_name)
      Print({database == "fluss" ? table : database + "." + table});
  }
}

void PrintNext(const std::vector<std::string>& words) {
  if (words.empty()) return Print(VerbNames());
  const std::string& verb = words[0];
  const auto subverbs = Subverbs().find(verb);
  if (subverbs != Subverbs().end() && words.size() == 1) return Print(subverbs->second);
  if (words.back().starts_with("--") && words.back() != "--help") return;  // its value
  const bool of_table = verb == "read" || verb == "write" || verb == "lookup";
  const bool of_subverb = (verb == "table" || verb == "lake") && words.size() >= 2;
  if (!of_table && !of_subverb) return;
  const auto arguments = Arguments::Parse(words, {"-f"}, {"--bootstrap", "--user", "-o"},
                                          /*any_option=*/true);
  if (arguments) PrintTables(ClusterIn(*arguments));
}

}  // namespace

int RunCompletion(const std::vector<std::string>& words) {
  const std::string shell = words.empty() ? "" : words[0];
  if (shell == "words") {
    PrintNext({words.begin() + 1, words.end()});
  } else if (shell == "bash") {
    std::fputs(kBash, stdout);
  } else if (shell == "zsh") {
    std::fputs(kZsh, stdout);
  } else if (shell == "fish") {
    std::fputs(kFish, stdout);
  } else if (shell == "--help" || shell == "-h") {
    std::fputs(kHelp, stdout);
  } else {
    return Report(Error{ErrorCode::kInvalidArgument,
                        "'" + shell + "' is no shell that is known: bash, zsh, fish"});
  }
  return kDone;
}

}  // namespace strom::cli
