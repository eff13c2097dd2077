// What every worker of a process shares: configuration, plan, logs, store, clock, and the shape of the topics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/id_hashing.h"
#include "consumers/seams/clock.h"
#include "consumers/seams/event_source.h"
#include "consumers/wire/event_decoder.h"
#include "models/domain/campaign_plan.h"
#include "models/model_view.h"
#include "state/state_store.h"

namespace offerstream {

/// Built once at start. Each shard has a copy: its `plan` changes when a new epoch is activated; nothing else does while workers run
/// but what the functions return. Those may be called from any thread.
struct ShardEnvironment {
  const Config* config = nullptr;
  std::shared_ptr<const CampaignPlan> plan{};                     ///< the epoch in force; a shard's own copy of it follows
  std::vector<std::shared_ptr<const EventMapping>> mappings{};    ///< by input
  StateStore* store = nullptr;
  LogReader* logs = nullptr;
  const Clock* clock = nullptr;
  std::int32_t partitions = 1, observation_partitions = 1, caps_partitions = 1, erasure_partitions = 1;
  std::vector<std::int32_t> dead_letter_partitions{};             ///< by input
  IdHashing hashing{};                                            ///< of customers in receipts and in the log
  /// A plan of the past, for the tail and for rows written under it.
  std::function<Result<std::shared_ptr<const CampaignPlan>>(std::uint32_t epoch)> plan_of{};
  /// What may be adopted now by a partition of this plan epoch; null: nothing yet, or adoption is off.
  std::function<std::shared_ptr<const AdoptedModels>(std::uint32_t epoch)> newest_models{};
  /// Told of plans met in the logs, in control records and of partitions taken over: another instance may have activated a newer one.
  std::function<void(const std::shared_ptr<const CampaignPlan>&)> plan_met{};
  bool adopt = true;
  bool accept_offset_reset = false;

  /// Topic names by input.
  std::vector<std::string> InputTopics() const {
    std::vector<std::string> topics;
    for (const InputConfig& input : config->events) topics.push_back(input.topic);
    return topics;
  }
};

/// How long recovery waits at a log's end that does not come: transaction timeout, the broker's sweep, and some more.
inline constexpr int kLogPatienceMs = 45'000;

}  // namespace offerstream
