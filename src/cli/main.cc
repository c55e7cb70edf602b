#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <malloc.h>

#include "cli/command.h"

namespace {

struct Verb {
  const char* name;
  int (*run)(const std::vector<std::string>& words);
  const char* help;
};

constexpr Verb kVerbs[] = {
    {"server", strom::cli::RunServer,
     "run a server: coordinator, tablet server and tiering in one process"},
    {"sql", strom::cli::RunSql, "ask stream and lake with SQL: a shell, -c or -f"},
    {"read", strom::cli::RunRead, "the rows of a table, or its changes, also as they come"},
    {"write", strom::cli::RunWrite, "rows of a file or of the standard input into a table"},
    {"lookup", strom::cli::RunLookup, "the row with a key"},
    {"table", strom::cli::RunTable, "list, make, describe, alter, drop, profile tables"},
    {"db", strom::cli::RunDb, "list, make, drop databases"},
    {"acl", strom::cli::RunAcl, "who may do what: rights and roles"},
    {"user", strom::cli::RunUser, "who can log in"},
    {"lake", strom::cli::RunLake, "what the lake has of tables; its switches and its service"},
    {"tier", strom::cli::RunTier, "run a stateless tiering worker beside a server"},
};

void PrintHelp(FILE* out) {
  std::fputs("strom: streaming storage that is one with the data lake\n\n", out);
  for (const Verb& verb : kVerbs) std::fprintf(out, "  strom %-8s %s\n", verb.name, verb.help);
  std::fputs("\n  strom VERB --help tells more.\n", out);
}

/// Keeps freed memory for the next use of it. A compressor's buffers come and go with each batch,
/// and by default the pages for them are asked of the system, and cleared by it, every time.
void KeepFreedMemory() {
  constexpr int kLargeBytes = 8 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  mallopt(M_TRIM_THRESHOLD, 2 * kLargeBytes);
}

}  // namespace

int main(int argc, char** argv) {
  KeepFreedMemory();
  if (argc < 2) {
    PrintHelp(stderr);
    return strom::cli::kUsage;
  }
  const std::string name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    PrintHelp(stdout);
    return strom::cli::kDone;
  }
  if (name == "--version" || name == "version") {
    std::printf("strom %s\n", STROM_VERSION);
    return strom::cli::kDone;
  }
  for (const Verb& verb : kVerbs) {
    if (name == verb.name) return verb.run(std::vector<std::string>(argv + 2, argv + argc));
  }
  std::fprintf(stderr, "error[USAGE]: unknown verb '%s'; see strom --help\n", name.c_str());
  return strom::cli::kUsage;
}
