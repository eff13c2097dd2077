// The bank's customers over time: events in event-time order, open loop by the bank's own campaigns, closed loop by
// the decisions that are handed in.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "consumers/offline/bank_market.h"
#include "consumers/offline/market_event_writer.h"
#include "models/domain/ids.h"

namespace offerstream {

/// A simulation. Everything that happens is a function of these numbers (and of the decisions handed in).
struct MarketOptions {
  std::uint64_t seed = 1;
  std::size_t customers = 1'000;
  EventTime start = 1'767'225'600'000;  ///< 2026-01-01T00:00:00Z
  double days = 30;
  std::uint64_t events = 0;       ///< stop after so many records; 0: when the days are over
  double quiet_days = 0;          ///< at first only profiles and transactions
  double campaign_days = 1e9;     ///< how long the bank's own campaigns run after the quiet days
  double campaigns_per_week = 5;  ///< its mean impressions per customer and channel
  double visits_per_day = 0.5;    ///< mean requests per customer
  double visits_from_day = 0;     ///< requests begin here
  double show_probability = 0.9;  ///< a decision that is handed in is really shown
  bool drift = false;             ///< tastes turn and the level falls half-way
  double dirt = 0;                ///< share of events that come repeated, late or with garbage beside them
};

/// What a record tells, for readers who do not take it apart.
enum class MarketKind : std::uint8_t { kProfile, kDeposit, kPayment, kVisit, kImpression, kClick, kConversion, kUnsubscribe, kOther };

/// One record as it would be sent. Views live until the next call of Next.
struct MarketRecord {
  EventTime time = 0;  ///< when it is sent: never falls (the event inside may be older when late)
  std::string_view customer_id{}, value{};
  std::uint32_t customer = 0;
  bool request = false;  ///< a visit: the engine will decide
  MarketKind kind = MarketKind::kOther;
  MarketExposure exposure{};  ///< of impressions and what they led to; a purchase nobody's offer led to is kOther
  Money amount = 0;           ///< of deposits and payments, minor units
};

/// What the decisions that were shown were worth by the planted truth, before chance: major units.
struct MarketEarnings {
  std::uint64_t shown = 0;
  double value = 0;         ///< sum of V p_n
  double cost = 0;          ///< of the impressions
  double lost_reach = 0;    ///< sum of U u_n
  double net() const { return value - cost - lost_reach; }
};

/// What really happened in a planted cell; `favourites`: impressions of the segment's favourite offer.
struct MarketCell {
  std::uint64_t impressions = 0, favourites = 0, clicks = 0, conversions = 0, unsubscribes = 0;
};

/// One thread. Memory: about 500 bytes a customer.
class SimulatedMarket {
 public:
  explicit SimulatedMarket(const MarketOptions& options);
  ~SimulatedMarket();

  /// The next record in time order; false when the simulation is over (events handed in later may wake it up no more).
  bool Next(MarketRecord& out);
  /// Event time of the record that Next would give; INT64_MAX when over.
  EventTime NextTime() const;

  /// Closed loop: a decision with an offer reached the customer's channel. It is shown with `show_probability` some
  /// seconds after `decided`, but not before the simulation's own time, and answered by the planted truth. Unknown
  /// customers and decisions past `valid_until` are passed over. REQUIRES: offer and channel are of the bank's tables.
  void Show(std::string_view customer_id, DecisionId decision, std::size_t offer, std::size_t channel,
            EventTime decided, EventTime valid_until);

  const BankMarket& market() const;
  /// Index and segment of a customer id; -1 for others' ids.
  std::int64_t CustomerOf(std::string_view customer_id) const;
  const BankCustomer& customer(std::size_t index) const;
  const std::array<std::array<MarketCell, kBankChannels>, kBankSegments>& cells() const;
  std::uint64_t sent() const;
  /// Of the impressions that decisions led to; the bank's own campaigns are not in it.
  const MarketEarnings& earnings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Index of a channel or offer of the bank by its id; -1 when it has none.
int BankChannelOf(std::string_view id);
int BankOfferOf(std::string_view id);

}  // namespace offerstream
