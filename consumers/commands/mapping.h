// `offerstream mapping test|try|rows`: a mapping's own tests, what it makes of a file, and a table as JSON records.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace offerstream {

/// Options of `mapping`.
struct MappingOptions {
  std::string action{};               ///< test, try or rows
  std::string config{};               ///< whose plan and mappings; empty: the default configuration
  std::string mapping{};              ///< a preset or file instead of the configuration's
  std::vector<std::string> inputs{};  ///< try, rows: files ("-": stdin)
  std::map<std::string, std::string> set{};
  bool keyed = false;        ///< rows: the customer and a tab before each record
  std::uint64_t limit = 10;  ///< try: records shown
};

/// test: exit code 4 when a test fails. try: events or reasons of each record on stdout. rows: CSV as JSON lines.
int RunMapping(const MappingOptions& options);

}  // namespace offerstream
