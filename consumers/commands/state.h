// `offerstream state inspect|checkpoint|export`: what lies in the state directory of a service that does not run.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace offerstream {

/// Options of `state`.
struct StateOptions {
  std::string what{};                         ///< inspect, checkpoint, export
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};   ///< overrides: dotted key -> value
  std::string target{};                       ///< checkpoint: the new directory
  std::string customer{};                     ///< inspect: only this one
  std::string out{};                          ///< export: file instead of stdout
  std::int32_t partition = -1;                ///< export: only this one
  bool hash_ids = false;                      ///< export: keyed hashes instead of ids
  bool online = false;                        ///< inspect: asks Kafka for the committed positions, too
  bool json = false;
};

/// The exit code. 1 when a service runs on the directory or nothing is there.
int RunState(const StateOptions& options);

}  // namespace offerstream
