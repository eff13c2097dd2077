// `offerstream schema`: formats described for machines and people.
#pragma once

#include <string>

namespace offerstream {

/// Options of `schema`.
struct SchemaOptions {
  std::string what = "config";  ///< config, mapping, decision, reference (Markdown) or default (the commented file)
};

/// Prints it on stdout; exit code 2 for an unknown name.
int RunSchema(const SchemaOptions& options);

}  // namespace offerstream
