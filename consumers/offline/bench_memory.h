// What a customer costs in memory, after a life of events and not after loading.
#pragma once

#include <cstdint>
#include <memory>

#include "models/domain/campaign_plan.h"
#include "models/domain/status.h"

namespace offerstream {

/// Slopes from N to 2N customers whose exposures are all closed.
struct BenchMemory {
  std::uint64_t customers = 0;  ///< N
  double resident_bytes = 0;    ///< of a customer: growth of this process's resident memory
  double accounted_bytes = 0;   ///< … of what the partition itself counts
  double row_bytes = 0;         ///< mean size of its stored row
};

/// Brings up 2N customers: traits, impressions of other people's campaigns, answers, money, and a month later a few
/// more. About 4 us an event, sixteen events a customer. Reads /proc/self/statm; kIo without it.
Result<BenchMemory> MeasureBenchMemory(const std::shared_ptr<const CampaignPlan>& plan, std::size_t customers);

}  // namespace offerstream
