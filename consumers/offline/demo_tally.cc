#include "consumers/offline/demo_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <tuple>

namespace offerstream {

DemoTally::DemoTally(const CampaignPlan& plan, const SimulatedMarket& market) : market_(market) {
  for (const ChannelSpec& channel : plan.channels) channels_.push_back(BankChannelOf(channel.id));
  for (const OfferSpec& offer : plan.offers) offers_.push_back(BankOfferOf(offer.id));
}

void DemoTally::Decided(std::uint32_t customer, std::uint32_t learned_segment, bool offer) {
  ++decisions_;
  offers_made_ += offer ? 1 : 0;
  if (customer >= segment_of_.size()) segment_of_.resize(customer + 1);
  segment_of_[customer] = learned_segment;
}

std::vector<CapComparison> DemoTally::Compare(const AdoptedModels& models) const {
  std::vector<CapComparison> all;
  if (models.caps == nullptr || models.segments == nullptr) return all;
  std::map<std::uint32_t, std::array<std::size_t, kBankSegments>> members;
  for (std::uint32_t c = 0; c < segment_of_.size(); ++c) {
    if (segment_of_[c] != 0) ++members[segment_of_[c]][market_.customer(c).segment];
  }
  for (const SegmentView::Macro& macro : models.segments->macros) {
    const auto counts = members.find(macro.id);
    if (counts == members.end()) continue;
    const auto planted = static_cast<std::size_t>(std::max_element(counts->second.begin(), counts->second.end()) -
                                                  counts->second.begin());
    for (const CapCell& cell : models.caps->cells) {
      if (cell.segment != macro.id || cell.channel.value >= channels_.size()) continue;
      const int channel = channels_[cell.channel.value];
      if (channel < 0) continue;
      CapComparison row;
      row.learned_segment = macro.id;
      row.planted_segment = planted;
      row.channel = static_cast<std::size_t>(channel);
      row.impressions = cell.impressions;
      row.planted = BankMarket::PlantedCap(planted, row.channel);
      row.learned = cell.limit;
      all.push_back(row);
    }
  }
  std::sort(all.begin(), all.end(), [](const CapComparison& a, const CapComparison& b) {
    return std::tie(a.planted_segment, a.learned_segment, a.channel) <
           std::tie(b.planted_segment, b.learned_segment, b.channel);
  });
  return all;
}

std::pair<std::size_t, std::size_t> DemoTally::Score(const std::vector<CapComparison>& cells) {
  std::size_t counting = 0, within = 0;
  for (const CapComparison& cell : cells) {
    counting += cell.counts() ? 1 : 0;
    within += cell.counts() && cell.within_one() ? 1 : 0;
  }
  return {counting, within};
}

std::string DemoTally::Table(const AdoptedModels& models) const {
  const std::vector<CapComparison> cells = Compare(models);
  std::string out = fmt::format("{:<16} {:>8}  {:<8} {:>12} {:>8} {:>8}\n", "planted segment", "learned", "channel",
                                "impressions", "planted", "learned");
  out += fmt::format("{:<16} {:>8}  {:<8} {:>12} {:>8} {:>8}\n", "", "as", "", "", "cap", "cap");
  for (const CapComparison& cell : cells) {
    fmt::format_to(std::back_inserter(out), "{:<16} {:>8}  {:<8} {:>12} {:>8} {:>8}  {}\n",
                   kBankSegmentTable[cell.planted_segment].id, cell.learned_segment, kBankChannelTable[cell.channel].id,
                   cell.impressions, cell.planted, cell.learned,
                   !cell.counts()      ? "too few to count"
                   : cell.within_one() ? "ok"
                                       : "off");
  }
  const auto [counting, within] = Score(cells);
  fmt::format_to(std::back_inserter(out), "caps within one impression: {} of {} cells with at least {} impressions",
                 within, counting, CapComparison::kEnough);
  if (counting > 0)
    fmt::format_to(std::back_inserter(out), " ({:.0f} %)",
                   100.0 * static_cast<double>(within) / static_cast<double>(counting));
  out += '\n';
  if (models.lift != nullptr) {
    const LiftView& lift = *models.lift;
    fmt::format_to(std::back_inserter(out),
                   "lift over holdout: {:+.1f} points of customers converted, 95 % interval [{:+.1f}, {:+.1f}] (policy "
                   "{} customers, holdout {})\n",
                   100 * lift.lift, 100 * lift.low, 100 * lift.high, lift.arms[0].customers, lift.arms[1].customers);
  }
  return out;
}

}  // namespace offerstream
