#include "consumers/commands/explain.h"

#include <fmt/format.h>

#include <cstdio>

namespace offerstream {

int Explain(const Error& error) {
  fmt::print(stderr, "offerstream: {} {}\n", Sentence(error.code), error.detail);
  return ExitCode(error.code);
}

}  // namespace offerstream
