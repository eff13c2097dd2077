// `offerstream dlq list|show|replay`: the records that were no events, and sending them again once the mapping is mended.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace offerstream {

/// Options of `dlq`.
struct DlqOptions {
  std::string what = "list";                  ///< list, show, replay
  std::string config = "offerstream.yaml";
  std::map<std::string, std::string> set{};   ///< overrides: dotted key -> value
  std::string topic{};                        ///< only of this input topic; empty: of all
  std::string reason{};                       ///< only with this reason; empty: any
  std::int32_t partition = -1;                ///< only of this partition of the dead-letter topic; -1: of all
  std::int64_t from = 0;                      ///< only from this offset of the dead-letter topic on
  std::uint64_t limit = 0;                    ///< at most so many; 0: all (show: 20)
  bool dry_run = false;                       ///< replay: says what it would send
};

/// list counts by topic and reason; show prints one JSON object a letter; replay sends key, value, timestamp and own headers of
/// each letter back to the topic and partition it came from, with a header offerstream.replayed. A letter that holds a part of
/// its record only is left out and named. An event that was taken before is a repeat; one that is still bad is a new letter.
int RunDlq(const DlqOptions& options);

}  // namespace offerstream
