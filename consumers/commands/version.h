// `offerstream version`.
#pragma once

namespace offerstream {

/// Options of `version`.
struct VersionOptions {
  bool json = false;
};

/// Prints the version and those of the libraries that decide formats.
int RunVersion(const VersionOptions& options);

}  // namespace offerstream
