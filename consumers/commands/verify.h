// `offerstream replay --verify` and `offerstream inspect`: what the logs of a live run say.
#pragma once

#include <map>
#include <string>

namespace offerstream {

/// Options of `replay --verify` and of `inspect`.
struct VerifyOptions {
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};   ///< overrides: dotted key -> value
  std::string what{}, id{};                   ///< inspect: customer or decision, and its id
};

/// Re-derives snapshots, decisions and journal from the logs; exit code 4 and the first event that differs, if one does.
int RunVerify(const VerifyOptions& options);
/// `inspect customer ID`: the customer's newest row in the changelog, decoded. `inspect decision ID`: the decision as
/// published, then in full detail as the logs give it again.
int RunInspect(const VerifyOptions& options);

}  // namespace offerstream
