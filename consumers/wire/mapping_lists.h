// Lists in records: a list as programs print it, and rules that are written once for all its items.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "consumers/config/yaml_document.h"

namespace offerstream {

/// Most events a mapping may emit of one record, items of lists counted.
inline constexpr std::size_t kEmitsMax = 32;

/// A copy of `node` in which every pointer "LIST/*..." names item `item` of the list: "/moves/*/2" becomes "/moves/0/2".
YamlNode AtItem(const YamlNode& node, const std::string& list, std::size_t item);

/// Appends a printed list as JSON: [[-55, 'Deposit', 20.5], None] becomes [[-55,"Deposit",20.5],null]. False, and nothing
/// appended, when the text is no list; whether it is sound JSON is the decoder's to say.
bool AppendList(std::string_view text, std::string& json);

}  // namespace offerstream
