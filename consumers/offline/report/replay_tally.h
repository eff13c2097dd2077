// What a report counts while a replay runs: engagement, moves between segments, money by customer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/event.h"
#include "models/domain/observation.h"
#include "models/model_view.h"

namespace offerstream {

/// Impressions whose answer is final (the outcome's window is over), and what came of them.
struct Answers {
  std::int64_t shown = 0, answered = 0, unsubscribed = 0;
};

/// One segment x channel: by outcome, by ordinal of the impression in its cap window. [0] is ordinal 1; the last entry
/// holds everything beyond.
struct EngagementCell {
  static constexpr std::size_t kOrdinals = 26;
  std::array<std::array<Answers, kOrdinals>, kOutcomesMax> by_ordinal{};
  /// Over all ordinals.
  Answers Total(std::size_t outcome) const;
};

/// How often, and how much (minor units).
struct MoneyCount {
  std::int64_t count = 0;
  Money amount = 0;
};

/// What one customer was shown on one channel. An impression with a quantity is so many.
struct Reach {
  std::int64_t shown = 0, clicked = 0;
};

/// What one campaign's impressions on one channel cost and brought.
struct CampaignSpending {
  std::int64_t impressions = 0, clicks = 0;     ///< shown; answers with a click, of those whose answer is final
  std::int64_t answered = 0, conversions = 0;   ///< impressions whose conversion is final
  double spend = 0, revenue = 0, revenue_squares = 0;   ///< major units; revenue: the event's value, else the offer's
};

/// What one customer did over the replay.
struct CustomerTally {
  std::uint32_t segment = 0;            ///< where its last move put it; 0: nowhere yet
  MoneyCount deposits{}, withdrawals{}, purchases{}, returns{};   ///< returns: purchases taken back, below zero
  std::int64_t impressions = 0, conversions = 0;
  std::uint8_t answers = 0;             ///< bit per outcome that ever was yes
  std::vector<Reach> reach{};           ///< by channel, as far as one was seen
  EventTime last_conversion = kNever;
};

/// Shares of the segments on one day.
struct SegmentDay {
  EventTime time = 0;
  std::vector<std::pair<std::uint32_t, double>> shares{};   ///< by id
};

/// Fed by a Lockstep's sink; not part of what is decided or learned. One thread. Memory: about 300 bytes a customer.
class ReplayTally {
 public:
  explicit ReplayTally(const CampaignPlan& plan);

  /// An event that was folded and is no repeat.
  void Saw(const Event& event);
  /// An observation on its way to its model; `segments`: as adopted now, may be null.
  void Learned(const Observation& row, const SegmentView* segments);

  EventTime from() const { return from_; }
  EventTime to() const { return to_; }
  /// By (segment, channel index).
  const std::map<std::pair<std::uint32_t, std::uint16_t>, EngagementCell>& engagement() const { return engagement_; }
  /// By (campaign of the offer, "" without; channel index).
  const std::map<std::pair<std::string, std::uint16_t>, CampaignSpending>& spending() const { return spending_; }
  /// (from, to) -> customers that moved; both are segments.
  const std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t>& moves() const { return moves_; }
  /// At most kDays, evenly spaced.
  const std::vector<SegmentDay>& days() const { return days_; }
  /// Null for one that was never seen.
  const CustomerTally* Find(IdHash customer) const;
  std::size_t customers() const { return customers_.size(); }

 private:
  static constexpr std::size_t kDays = 120;
  void Moved(const Observation& row, const SegmentView& segments);
  void Answered(const Observation& row);
  void Spent(const Event& event);
  void Earned(const Observation& row);
  static void Reached(const Event& event, CustomerTally& customer);
  void NoteShares(EventTime time, const SegmentView& segments);

  const CampaignPlan& plan_;
  EventTime from_ = kNever, to_ = kNever;
  std::map<std::pair<std::uint32_t, std::uint16_t>, EngagementCell> engagement_{};
  std::map<std::pair<std::string, std::uint16_t>, CampaignSpending> spending_{};
  std::map<IdHash, ModelIndex> models_{};
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> moves_{};
  std::vector<SegmentDay> days_{};
  Duration stride_ = 86'400'000;
  std::unordered_map<IdHash, CustomerTally> customers_{};   // only looked up, never walked
};

}  // namespace offerstream
