#include "cli/verbs.h"

#include "cli/command.h"

namespace strom::cli {
namespace {

constexpr Verb kVerbs[] = {
    {"server", RunServer, "run a server: coordinator, tablet server and tiering in one process"},
    {"sql", RunSql, "ask stream and lake with SQL: a shell, -c or -f"},
    {"read", RunRead, "the rows of a table, or its changes, also as they come"},
    {"write", RunWrite, "rows of a file or of the standard input into a table"},
    {"lookup", RunLookup, "the row with a key"},
    {"table", RunTable, "list, make, describe, alter, drop, profile tables"},
    {"db", RunDb, "list, make, drop databases"},
    {"acl", RunAcl, "who may do what: rights and roles"},
    {"user", RunUser, "who can log in"},
    {"lake", RunLake, "what the lake has of tables; its switches and its service"},
    {"completion", RunCompletion, "what bash, zsh and fish need to complete words"},
    {"tier", RunTier, "run a stateless tiering worker beside a server"},
};

}  // namespace

std::span<const Verb> Verbs() {
  return kVerbs;
}

std::vector<std::string> VerbNames() {
  std::vector<std::string> names;
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  return names;
}

}  // namespace strom::cli
