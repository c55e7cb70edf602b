#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <malloc.h>

#include "cli/command.h"
#include "cli/verbs.h"

namespace {

void PrintHelp(FILE* out) {
  std::fputs("strom: streaming storage that is one with the data lake\n\n", out);
  for (const strom::cli::Verb& verb : strom::cli::Verbs())
    std::fprintf(out, "  strom %-8s %s\n", verb.name, verb.help);
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
  for (const strom::cli::Verb& verb : strom::cli::Verbs()) {
    if (name == verb.name) return verb.run(std::vector<std::string>(argv + 2, argv + argc));
  }
  std::fprintf(stderr, "error[USAGE]: unknown verb '%s'; see strom --help\n", name.c_str());
  return strom::cli::kUsage;
}
