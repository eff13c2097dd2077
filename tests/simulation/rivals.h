// Who else could decide for the simulated bank: what a marketing team runs today, and an oracle that knows the truth. They
// see what the engine sees (records, not the truth), the oracle apart.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "consumers/offline/simulated_market.h"

namespace offerstream {

/// Money for showing, from the first visit on.
struct Purse {
  double amount = 0;                 ///< major units, over `period`
  EventTime starts = 0;
  Duration period = 1;
};

/// What to show.
struct Showing {
  std::size_t offer = 0, channel = 0;
};

/// One policy over one market. One thread.
class Rival {
 public:
  Rival(const SimulatedMarket& market, const Purse& purse) : market_(market), purse_(purse) {}
  virtual ~Rival() = default;
  /// Every record in order, before Decide is asked about it.
  void See(const MarketRecord& record);
  /// At a visit: what to show, if anything; paid from the purse. Without pacing of one's own, what a day may cost is an
  /// even share and what earlier days left.
  std::optional<Showing> Decide(const MarketRecord& visit);
  double spent() const { return spent_; }

 protected:
  virtual std::optional<Showing> Choose(const MarketRecord& visit) = 0;
  virtual bool Affords(double cost, EventTime now) const;
  /// What a customer database holds.
  struct Card {
    std::array<double, 2> moved{};                                ///< sums of payments and deposits, major units
    std::array<std::uint32_t, 2> movements{};
    std::array<std::deque<EventTime>, kBankChannels> shown{};     ///< within the cap window
    std::array<std::uint32_t, kBankChannels> impressions{}, clicks{};
    std::array<bool, kBankChannels> gone{};
  };
  virtual void Exposed(const MarketRecord&) {}
  virtual void Converted(const MarketRecord&) {}
  Card& CardOf(const MarketRecord& record);
  /// Impressions of the last seven days in a channel.
  static unsigned Used(Card& card, std::size_t channel, EventTime now);

  const SimulatedMarket& market_;
  const Purse purse_;
  double spent_ = 0;

 private:
  std::vector<Card> cards_{};
};

/// Rules with static caps: the product the bank's own table names for the customer's job, in the cheapest channel that is
/// consented to and below ten impressions a week (the mean of the planted caps).
std::unique_ptr<Rival> RulesWithStaticCaps(const SimulatedMarket& market, const Purse& purse);
/// Boosted trees on all exposures so far (customer, history, offer, channel, impression number), refitted every night on
/// labels a day old, greedy on V p - c, at most ten impressions a week and channel.
std::unique_ptr<Rival> NightlyBoosting(const SimulatedMarket& market, const Purse& purse);
/// Knows the planted truth: the greatest V p_n - (1 + price) c - U u_n of this moment, nothing when none is above zero; its
/// money lasts until it is gone.
std::unique_ptr<Rival> Oracle(const SimulatedMarket& market, const Purse& purse, double price);

}  // namespace offerstream
