// What a mapping makes of records, in words: its own tests, and events as text for people.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"

namespace offerstream {

/// Outcome of a mapping's tests.
struct MappingVerdict {
  std::size_t passed = 0;
  std::vector<ConfigError> failures{};  ///< at the test's place
};

/// Runs the tests a mapping file carries against a plan. Each input has offset 0 and no record time.
MappingVerdict TestMapping(const std::shared_ptr<const EventMapping>& mapping,
                           const std::shared_ptr<const CampaignPlan>& plan);

/// One event as a line of JSON: the fields that are set, ids of the plan where they are known.
std::string EventAsText(const Event& event, const CampaignPlan& plan);

}  // namespace offerstream
