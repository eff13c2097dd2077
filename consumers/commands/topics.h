// `offerstream topics plan|apply`: what the configuration needs in Kafka, and making it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace offerstream {

/// Options of `topics`.
struct TopicsOptions {
  std::string what = "plan";                  ///< plan, apply
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};   ///< overrides: dotted key -> value
  std::int32_t partitions = 4;
  int replication = 0;                        ///< 0: 1 with --dev, else 3
  bool dev = false;
};

/// plan prints each topic with what it is and what it should be; apply creates those that are missing. Nothing that
/// exists is changed.
int RunTopics(const TopicsOptions& options);

}  // namespace offerstream
