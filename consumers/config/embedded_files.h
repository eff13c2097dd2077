// Files of deploy/ that are compiled in: the default configuration, the mapping presets and the schemas.
#pragma once

#include <string_view>
#include <vector>

namespace offerstream {

/// The bytes of a compiled-in file by its path in the tree ("deploy/offerstream.yaml"); empty when there is none.
std::string_view EmbeddedFile(std::string_view path);
/// Paths of all compiled-in files, in order.
std::vector<std::string_view> EmbeddedFiles();

}  // namespace offerstream
