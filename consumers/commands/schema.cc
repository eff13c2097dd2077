#include "consumers/commands/schema.h"

#include <fmt/format.h>

#include <cstdio>

#include "consumers/config/config.h"
#include "consumers/config/embedded_files.h"

namespace offerstream {

int RunSchema(const SchemaOptions& options) {
  std::string text;
  if (options.what == "config")
    text = ConfigJsonSchema();
  else if (options.what == "reference")
    text = ConfigReference();
  else if (options.what == "default")
    text = DefaultConfigText();
  else
    text = EmbeddedFile(fmt::format("deploy/schemas/{}.json", options.what));
  if (text.empty()) {
    fmt::print(stderr, "no schema '{}'; there are config, mapping, decision, reference and default\n", options.what);
    return ExitCode(Code::kUsage);
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace offerstream
