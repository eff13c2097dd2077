// What a demonstration shows: counts while it runs, and at the end what was learned against what was planted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/offline/simulated_market.h"
#include "models/domain/campaign_plan.h"
#include "models/model_view.h"

namespace offerstream {

/// One learned segment x channel beside the planted cell of the segment most of its customers belong to.
struct CapComparison {
  std::uint32_t learned_segment = 0;
  std::size_t planted_segment = 0, channel = 0;  ///< of the bank's tables
  std::int64_t impressions = 0;                  ///< whose click window has closed
  unsigned planted = 0, learned = 0;             ///< 0: not one impression pays
  bool counts() const { return impressions >= kEnough; }
  bool within_one() const { return planted > learned ? planted - learned <= 1 : learned - planted <= 1; }
  static constexpr std::int64_t kEnough = 1'000;
};

/// One thread.
class DemoTally {
 public:
  /// The plan's channels and offers by index, as positions in the bank's tables. REQUIRES: market outlives this.
  DemoTally(const CampaignPlan& plan, const SimulatedMarket& market);

  /// A decision for the customer: the segment it was decided in, and whether it carries an offer.
  void Decided(std::uint32_t customer, std::uint32_t learned_segment, bool offer);
  /// Position in the bank's tables of a plan's channel or offer; -1 for names the bank does not have.
  int channel(std::size_t plan_index) const { return channels_[plan_index]; }
  int offer(std::size_t plan_index) const { return offers_[plan_index]; }

  std::uint64_t decisions() const { return decisions_; }
  std::uint64_t offers_made() const { return offers_made_; }

  /// All learned cells of the segments that exist now, ordered by planted segment, learned segment, channel.
  std::vector<CapComparison> Compare(const AdoptedModels& models) const;
  /// Cells that count, and of them those within one impression.
  static std::pair<std::size_t, std::size_t> Score(const std::vector<CapComparison>& cells);
  /// The table for people, with the share within one impression and the lift over holdout below it.
  std::string Table(const AdoptedModels& models) const;

 private:
  const SimulatedMarket& market_;
  std::vector<int> channels_{}, offers_{};
  std::vector<std::uint32_t> segment_of_{};  // by customer: the latest learned segment; 0 none
  std::uint64_t decisions_ = 0, offers_made_ = 0;
};

}  // namespace offerstream
