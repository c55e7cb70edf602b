#pragma once
#include <cstdio>
#include <cstdlib>

/// Stops the process when an invariant of our own is broken; never used on input from outside.
#define STROM_CHECK(condition)                                                               \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
