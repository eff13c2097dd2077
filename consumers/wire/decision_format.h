// The public form of decisions and caps: names, versions and limits shared by the encoder and its readers in tests.
#pragma once

#include <cstddef>
#include <string_view>

namespace offerstream {

/// Version of the decision's JSON: fields are only added inside a major version.
inline constexpr std::string_view kDecisionSchema = "1-0-0";
/// CloudEvents type of a decision.
inline constexpr std::string_view kDecisionType = "offerstream.decision.v1";
/// Binary header with the facts recovery needs; no promise to readers.
inline constexpr std::string_view kFactsHeader = "offerstream-facts";
/// Entries of `candidates` and `excluded` in a compact decision.
inline constexpr std::size_t kCompactEntries = 3;

}  // namespace offerstream
