#include "consumers/commands/version.h"

#include <fmt/format.h>

#include <cstdio>

namespace offerstream {

namespace {
constexpr const char* kVersion = OFFERSTREAM_VERSION;
}  // namespace

int RunVersion(const VersionOptions& options) {
  if (options.json)
    fmt::print("{{\"version\":\"{}\",\"compiler\":\"{}\"}}\n", kVersion, __VERSION__);
  else
    fmt::print("offerstream {} (g++ {})\n", kVersion, __VERSION__);
  return 0;
}

}  // namespace offerstream
