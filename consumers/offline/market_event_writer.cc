#include "consumers/offline/market_event_writer.h"

#include <iterator>

#include <fmt/format.h>

namespace offerstream {

void AppendUtc(EventTime time, std::string& out) {
  const std::int64_t day = time >= 0 ? time / 86'400'000 : (time - 86'399'999) / 86'400'000;
  const std::int64_t ms = time - day * 86'400'000;
  // Days to civil date, Gregorian, by eras of 400 years beginning on 1 March.
  const std::int64_t z = day + 719'468, era = z / 146'097, doe = z - era * 146'097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year, month,
                 doy - (153 * mp + 2) / 5 + 1, ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
}

void MarketEventWriter::Head(std::string_view type, const BankCustomer& customer, EventTime time,
                             std::uint64_t message) {
  out_.clear();
  fmt::format_to(std::back_inserter(out_), R"({{"type":"{}","messageId":"{:016x}","userId":"{}","timestamp":")", type,
                 message, customer.id);
  AppendUtc(time, out_);
  out_ += '"';
}

void MarketEventWriter::Exposed(const MarketExposure& exposure) {
  const BankOffer& offer = kBankOfferTable[exposure.offer];
  fmt::format_to(std::back_inserter(out_), R"("channel":"{}","offer_id":"{}","campaign_id":"{}")",
                 kBankChannelTable[exposure.channel].id, offer.id, offer.campaign);
  if (exposure.decision != 0) {
    fmt::format_to(std::back_inserter(out_), R"(,"decision_id":"{:016x}")", exposure.decision);
  }
}

std::string_view MarketEventWriter::Profile(const BankCustomer& customer, EventTime time, std::uint64_t message) {
  Head("identify", customer, time, message);
  fmt::format_to(std::back_inserter(out_), R"(,"traits":{{"age":{},"job":"{}"}}}})", customer.age,
                 kBankJobs[customer.job]);
  return out_;
}

std::string_view MarketEventWriter::Transaction(const BankCustomer& customer, EventTime time, std::uint64_t message,
                                                bool deposit, Money amount) {
  Head("track", customer, time, message);
  fmt::format_to(std::back_inserter(out_),
                 R"(,"event":"Transaction Posted","properties":{{"direction":"{}","value":{}.{:02},"currency":"EUR"}}}})",
                 deposit ? "in" : "out", amount / 100, amount % 100);
  return out_;
}

std::string_view MarketEventWriter::Visit(const BankCustomer& customer, EventTime time, std::uint64_t message) {
  Head("page", customer, time, message);
  out_ += R"(,"name":"home","properties":{"placement":"home"}})";
  return out_;
}

std::string_view MarketEventWriter::Impression(const BankCustomer& customer, EventTime time, std::uint64_t message,
                                               const MarketExposure& exposure) {
  Head("track", customer, time, message);
  out_ += R"(,"event":"Promotion Viewed","properties":{)";
  Exposed(exposure);
  if (exposure.propensity > 0) fmt::format_to(std::back_inserter(out_), R"(,"propensity":{:.9f})", exposure.propensity);
  out_ += "}}";
  return out_;
}

std::string_view MarketEventWriter::Click(const BankCustomer& customer, EventTime time, std::uint64_t message,
                                          const MarketExposure& exposure) {
  Head("track", customer, time, message);
  out_ += R"(,"event":"Promotion Clicked","properties":{)";
  Exposed(exposure);
  out_ += "}}";
  return out_;
}

std::string_view MarketEventWriter::Unsubscribe(const BankCustomer& customer, EventTime time, std::uint64_t message,
                                                const MarketExposure& exposure) {
  Head("track", customer, time, message);
  out_ += R"(,"event":"Unsubscribed","properties":{)";
  Exposed(exposure);
  out_ += "}}";
  return out_;
}

std::string_view MarketEventWriter::Conversion(const BankCustomer& customer, EventTime time, std::uint64_t message,
                                               std::size_t product_of_offer, const MarketExposure* exposure) {
  Head("track", customer, time, message);
  fmt::format_to(std::back_inserter(out_), R"(,"event":"Order Completed","properties":{{"product_id":"{}",)",
                 kBankOfferTable[product_of_offer].product);
  if (exposure != nullptr) {
    Exposed(*exposure);
    out_ += ',';
  }
  fmt::format_to(std::back_inserter(out_), R"("revenue":{:.2f},"currency":"EUR"}}}})", kBankGoalValue);
  return out_;
}

std::string_view MarketEventWriter::Garbage(const BankCustomer& customer, EventTime time, std::uint64_t message,
                                            std::uint64_t flavour) {
  switch (flavour % 4) {
    case 0:
      Visit(customer, time, message);
      out_.resize(out_.size() / 2);
      break;
    case 1:
      out_ = fmt::format(R"({{"type":"page","messageId":"{:016x}","timestamp":"2026-01-01T00:00:00.000Z"}})", message);
      break;
    case 2:
      out_ = fmt::format("{:016x} is not an event", message);
      break;
    default:
      out_ = fmt::format(R"({{"type":"page","messageId":"{:016x}","userId":"{}","timestamp":"yesterday"}})", message,
                         customer.id);
  }
  return out_;
}

}  // namespace offerstream
