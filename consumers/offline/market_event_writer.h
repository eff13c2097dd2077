// The simulator's events as bytes: the native format (Segment's JSON), one line an event.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "consumers/offline/bank_market.h"
#include "models/domain/ids.h"

namespace offerstream {

/// What an answer or an impression refers to. `decision` 0: the bank's own campaign, then `propensity` is its logged
/// probability (0: none).
struct MarketExposure {
  std::uint8_t offer = 0, channel = 0;
  DecisionId decision = 0;
  double propensity = 0;
};

/// Writes one event at a time over the same buffer. Views returned live until the next call. One thread.
class MarketEventWriter {
 public:
  /// `message`: a number unique to the event; the id becomes its 16 hexadecimal digits.
  std::string_view Profile(const BankCustomer& customer, EventTime time, std::uint64_t message);
  std::string_view Transaction(const BankCustomer& customer, EventTime time, std::uint64_t message, bool deposit,
                               Money amount);
  std::string_view Visit(const BankCustomer& customer, EventTime time, std::uint64_t message);
  std::string_view Impression(const BankCustomer& customer, EventTime time, std::uint64_t message,
                              const MarketExposure& exposure);
  std::string_view Click(const BankCustomer& customer, EventTime time, std::uint64_t message,
                         const MarketExposure& exposure);
  std::string_view Unsubscribe(const BankCustomer& customer, EventTime time, std::uint64_t message,
                               const MarketExposure& exposure);
  /// Offer null: a purchase nobody's offer led to.
  std::string_view Conversion(const BankCustomer& customer, EventTime time, std::uint64_t message,
                              std::size_t product_of_offer, const MarketExposure* exposure);
  /// A record that is not an event, of the given flavour (any number): cut short, no customer, no JSON, no time.
  std::string_view Garbage(const BankCustomer& customer, EventTime time, std::uint64_t message, std::uint64_t flavour);

 private:
  void Head(std::string_view type, const BankCustomer& customer, EventTime time, std::uint64_t message);
  void Exposed(const MarketExposure& exposure);
  std::string out_{};
};

/// "2026-01-31T12:00:00.000Z" appended to `out`. Years 1970 to 9999.
void AppendUtc(EventTime time, std::string& out);

}  // namespace offerstream
