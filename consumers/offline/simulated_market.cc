#include "consumers/offline/simulated_market.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <queue>
#include <string>
#include <vector>

#include "consumers/offline/market_event_writer.h"
#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr double kDay = 86'400'000.0;
constexpr double kConfounding = 1.2;  // better customers get exp(1.2 g) times the bank's impressions
constexpr double kVisitAffinity = 0.5;
constexpr double kHistoryDays = 43.3;                       // 30 days / ln 2
constexpr double kOrganicPerDay = 0.004;                    // purchases nobody's offer led to
constexpr double kClickDelaySeconds = 90;                   // median
constexpr double kConversionDelayHours = 3;                 // median of a log-normal, sigma 1
// Beside the channels 0..3, which key what comes of an impression: whether it is made is another draw.
constexpr std::uint64_t kWhetherShown = kBankChannels;
constexpr std::size_t kUsualOfJob[6] = {3, 0, 4, 5, 1, 2};  // what the bank shows by rule

enum class Kind : std::uint8_t {
  kProfile,
  kPayment,
  kDeposit,
  kVisit,
  kCampaign,
  kOrganic,
  kShow,
  kClick,
  kConversion,
  kUnsubscribe,
  kHeld,
};

/// Something that will happen. Ordered by (time, customer, kind, serial): total, so runs repeat exactly.
struct Action {
  EventTime time = 0;
  std::uint32_t customer = 0;
  Kind kind = Kind::kProfile;
  MarketExposure exposure{};
  std::uint64_t serial = 0;  // of the customer's actions of this kind; exposures: their key; kHeld: index of the text

  bool operator>(const Action& o) const {
    if (time != o.time) return time > o.time;
    if (customer != o.customer) return customer > o.customer;
    if (kind != o.kind) return kind > o.kind;
    if (serial != o.serial) return serial > o.serial;
    return exposure.channel > o.exposure.channel;
  }
};

struct Channel {
  std::vector<EventTime> shown{};  // within the window, oldest first
  bool gone = false;
};

struct Person {
  BankCustomer who{};
  std::array<Channel, kBankChannels> channels{};
};

}  // namespace

struct SimulatedMarket::Impl {
  explicit Impl(const MarketOptions& o)
      : options(o),
        end(o.start + static_cast<EventTime>(o.days * kDay)),
        market(o.seed, o.drift ? o.start + static_cast<EventTime>(o.days * kDay / 2) : INT64_MAX) {
    people.resize(options.customers);
    for (std::size_t i = 0; i < people.size(); ++i) {
      people[i].who = market.Customer(i);
      Draws draws = DrawsOf(people[i], Kind::kProfile, 0);
      // Customers appear over the first six hours, so that a run does not begin with a wall of profiles.
      const auto at = options.start + static_cast<EventTime>(draws.Uniform() * kDay / 4);
      Push({at, static_cast<std::uint32_t>(i), Kind::kProfile, {}, 0});
    }
  }

  Draws DrawsOf(const Person& person, Kind kind, std::uint64_t serial, std::uint64_t more = 0) const {
    return Draws(options.seed, person.who.hash, H64({static_cast<std::uint64_t>(kind) + 1, serial, more}),
                 Purpose::kSimulation);
  }

  void Push(Action action) {
    if (action.time < end) actions.push(action);
  }

  void Later(const Action& now, double mean_days, Draws& draws, bool regular) {
    Action next = now;
    ++next.serial;
    const double gap = regular ? 0.6 + 0.8 * draws.Uniform() : -fixed::Log(draws.UniformOpen());
    next.time += 1 + static_cast<EventTime>(gap * mean_days * kDay);
    Push(next);
  }

  std::uint64_t Message(const Action& a) const {
    return H64(
        {options.seed, people[a.customer].who.hash, static_cast<std::uint64_t>(a.kind), a.serial, a.exposure.channel});
  }

  // A first profile starts everything the customer does by itself.
  std::string_view Begin(const Action& a, Draws& draws) {
    const BankCustomer& who = people[a.customer].who;
    const auto begin = [&](Kind kind, double day, double spread_days, std::uint8_t channel) {
      Action first{a.time, a.customer, kind, {}, 0};
      first.exposure.channel = channel;
      first.time = std::max(a.time, options.start + static_cast<EventTime>(day * kDay)) + 1 +
                   static_cast<EventTime>(draws.Uniform() * spread_days * kDay);
      Push(first);
    };
    begin(Kind::kPayment, 0, 0.01, 0);
    begin(Kind::kDeposit, 0, 0.01, 0);
    begin(Kind::kOrganic, options.quiet_days, 1 / kOrganicPerDay, 0);
    if (options.visits_per_day > 0) {
      begin(Kind::kVisit, std::max(options.quiet_days, options.visits_from_day), 1 / options.visits_per_day, 0);
    }
    if (options.campaigns_per_week > 0) {
      for (std::uint8_t k = 0; k < kBankChannels; ++k) {
        begin(Kind::kCampaign, options.quiet_days, 7 / options.campaigns_per_week, k);
      }
    }
    return writer.Profile(who, a.time, Message(a));
  }

  std::string_view Move(const Action& a, Draws& draws) {
    const BankCustomer& who = people[a.customer].who;
    const BankSegment& segment = kBankSegmentTable[who.segment];
    const bool deposit = a.kind == Kind::kDeposit;
    const double per_week = deposit ? segment.deposits_per_week : segment.payments_per_week;
    double typical = (deposit ? segment.deposit : segment.payment) * static_cast<double>(who.amount_factor);
    // The first one stands for the history before: what decayed sums (half-life 30 days) would hold of it.
    if (a.serial == 0) typical *= per_week / 7 * kHistoryDays;
    amount = static_cast<Money>(100 * typical * fixed::Exp(0.3 * draws.Normal())) + 1;
    Later(a, 7 / per_week, draws, true);
    return writer.Transaction(who, a.time, Message(a), deposit, amount);
  }

  // The bank's own policy: who is better gets more, what is shown follows the job half of the time (logged).
  std::string_view Campaign(const Action& a, Draws& draws) {
    const Person& person = people[a.customer];
    const double gap_days =
        7 / options.campaigns_per_week * fixed::Exp(-kConfounding * static_cast<double>(person.who.affinity));
    Later(a, gap_days, draws, false);
    if (a.time >= options.start + static_cast<EventTime>((options.quiet_days + options.campaign_days) * kDay))
      return {};
    const std::size_t usual = kUsualOfJob[person.who.job];
    Action& show = campaign;
    show = a;
    const std::size_t drawn = draws.Uniform() < 0.5 ? usual : draws.Below(kBankOffers);
    show.exposure.offer = static_cast<std::uint8_t>(drawn);
    show.exposure.propensity = 0.5 / static_cast<double>(kBankOffers) + (drawn == usual ? 0.5 : 0.0);
    return Impression(show, draws);
  }

  // Shows an offer and draws what comes of it. One uniform decides click and purchase: who buys has clicked.
  std::string_view Impression(const Action& a, Draws& draws) {
    Person& person = people[a.customer];
    Channel& channel = person.channels[a.exposure.channel];
    if (channel.gone) return {};
    std::erase_if(channel.shown, [&](EventTime t) { return t <= a.time - kBankCapWindow; });
    channel.shown.push_back(a.time);
    const auto n = static_cast<unsigned>(channel.shown.size());
    MarketCell& cell = cells[person.who.segment][a.exposure.channel];
    ++cell.impressions;
    const std::size_t k = a.exposure.channel, o = a.exposure.offer;
    cell.favourites += market.OfferEffect(person.who.segment, o, a.time) == 0 ? 1 : 0;
    if (a.kind == Kind::kShow) {
      ++earnings.shown;
      earnings.value += kBankGoalValue * market.Response(person.who, o, k, n, a.time);
      earnings.cost += kBankChannelTable[k].cost;
      earnings.lost_reach += kBankChannelTable[k].unsubscribe_value * market.Unsubscribe(k, n);
    }
    const double u = draws.Uniform(), leaves = draws.Uniform();
    const double click_at = 1000 * kClickDelaySeconds * fixed::Exp(draws.Normal());
    const double buy_at = click_at + 3'600'000 * kConversionDelayHours * fixed::Exp(draws.Normal());
    Action answer = a;
    answer.serial = Message(a);
    const auto push = [&](Kind kind, double delay) {
      answer.kind = kind;
      answer.time = a.time + 1 + static_cast<EventTime>(delay);
      Push(answer);
    };
    if (u < market.Click(person.who, o, k, n, a.time)) push(Kind::kClick, click_at);
    if (u < market.Response(person.who, o, k, n, a.time)) push(Kind::kConversion, buy_at);
    if (leaves < market.Unsubscribe(k, n)) push(Kind::kUnsubscribe, 500 * kClickDelaySeconds);
    return writer.Impression(person.who, a.time, Message(a), a.exposure);
  }

  std::string_view Perform(const Action& a) {
    Person& person = people[a.customer];
    const BankCustomer& who = person.who;
    Draws draws = DrawsOf(person, a.kind, a.serial, a.exposure.channel);
    switch (a.kind) {
      case Kind::kProfile:
        return Begin(a, draws);
      case Kind::kPayment:
      case Kind::kDeposit:
        return Move(a, draws);
      case Kind::kVisit:
        Later(a, fixed::Exp(-kVisitAffinity * static_cast<double>(who.affinity)) / options.visits_per_day, draws,
              false);
        return writer.Visit(who, a.time, Message(a));
      case Kind::kCampaign:
        return Campaign(a, draws);
      case Kind::kOrganic:
        Later(a, 1 / kOrganicPerDay, draws, false);
        return writer.Conversion(who, a.time, Message(a), draws.Below(kBankOffers), nullptr);
      case Kind::kShow:
        return Impression(a, draws);
      case Kind::kClick:
        ++cells[who.segment][a.exposure.channel].clicks;
        return writer.Click(who, a.time, Message(a), a.exposure);
      case Kind::kConversion:
        ++cells[who.segment][a.exposure.channel].conversions;
        return writer.Conversion(who, a.time, Message(a), a.exposure.offer, &a.exposure);
      case Kind::kUnsubscribe:
        if (person.channels[a.exposure.channel].gone) return {};
        person.channels[a.exposure.channel].gone = true;
        ++cells[who.segment][a.exposure.channel].unsubscribes;
        return writer.Unsubscribe(who, a.time, Message(a), a.exposure);
      case Kind::kHeld:
        break;
    }
    std::swap(current, held[a.serial]);
    free_held.push_back(a.serial);
    return current;
  }

  static MarketKind Told(Kind kind) {
    switch (kind) {
      case Kind::kProfile: return MarketKind::kProfile;
      case Kind::kPayment: return MarketKind::kPayment;
      case Kind::kDeposit: return MarketKind::kDeposit;
      case Kind::kVisit: return MarketKind::kVisit;
      case Kind::kCampaign:
      case Kind::kShow: return MarketKind::kImpression;
      case Kind::kClick: return MarketKind::kClick;
      case Kind::kConversion: return MarketKind::kConversion;
      case Kind::kUnsubscribe: return MarketKind::kUnsubscribe;
      case Kind::kOrganic:
      case Kind::kHeld: break;
    }
    return MarketKind::kOther;
  }

  // Keeps a text to be sent at `time`.
  void Hold(const Action& a, EventTime time, std::string_view text) {
    std::uint64_t at = held.size();
    if (free_held.empty()) {
      held.emplace_back();
    } else {
      at = free_held.back();
      free_held.pop_back();
    }
    held[at].assign(text);
    Push({time, a.customer, Kind::kHeld, {}, at});
  }

  // One of: sent again later, sent only later, garbage beside it. Returns what is sent now (maybe nothing).
  std::string_view Soil(const Action& a, std::string_view text) {
    Draws draws = DrawsOf(people[a.customer], Kind::kHeld, Message(a));
    if (draws.Uniform() >= options.dirt) return text;
    const double what = draws.Uniform();
    const auto later = a.time + static_cast<EventTime>((0.02 + 0.3 * draws.Uniform()) * kDay);
    if (what < 0.5) {
      Hold(a, later, text);
      return text;
    }
    if (what < 0.8) {
      Hold(a, later, text);
      return {};
    }
    std::string garbage;
    {
      MarketEventWriter other;
      garbage = other.Garbage(people[a.customer].who, a.time, Message(a) + 1, draws.Bits());
    }
    Hold(a, a.time, garbage);
    return text;
  }

  bool Next(MarketRecord& out) {
    while (!actions.empty() && (options.events == 0 || sent < options.events)) {
      const Action a = actions.top();
      actions.pop();
      now = a.time;
      std::string_view text = Perform(a);
      if (text.empty()) continue;
      if (options.dirt > 0 && a.kind != Kind::kHeld) text = Soil(a, text);
      if (text.empty()) continue;
      ++sent;
      out = {a.time, people[a.customer].who.id, text, a.customer, a.kind == Kind::kVisit, Told(a.kind),
             a.kind == Kind::kCampaign ? campaign.exposure : a.exposure, amount};
      return true;
    }
    return false;
  }

  const MarketOptions options;
  const EventTime end;
  const BankMarket market;
  std::vector<Person> people{};
  std::priority_queue<Action, std::vector<Action>, std::greater<>> actions{};
  MarketEventWriter writer{};
  std::array<std::array<MarketCell, kBankChannels>, kBankSegments> cells{};
  MarketEarnings earnings{};
  Action campaign{};   // what the bank's own policy showed last
  Money amount = 0;    // of the last transaction
  std::vector<std::string> held{};
  std::vector<std::uint64_t> free_held{};
  std::string current{};
  EventTime now = INT64_MIN;
  std::uint64_t sent = 0;
};

SimulatedMarket::SimulatedMarket(const MarketOptions& options) : impl_(std::make_unique<Impl>(options)) {}
SimulatedMarket::~SimulatedMarket() = default;

bool SimulatedMarket::Next(MarketRecord& out) { return impl_->Next(out); }

EventTime SimulatedMarket::NextTime() const {
  if (impl_->actions.empty() || (impl_->options.events != 0 && impl_->sent >= impl_->options.events)) return INT64_MAX;
  return impl_->actions.top().time;
}

void SimulatedMarket::Show(std::string_view customer_id, DecisionId decision, std::size_t offer, std::size_t channel,
                           EventTime decided, EventTime valid_until) {
  assert(offer < kBankOffers && channel < kBankChannels);
  const std::int64_t index = CustomerOf(customer_id);
  if (index < 0) return;
  const Person& person = impl_->people[static_cast<std::size_t>(index)];
  Draws draws = impl_->DrawsOf(person, Kind::kShow, decision, kWhetherShown);
  if (draws.Uniform() >= impl_->options.show_probability) return;
  const EventTime at = std::max(impl_->now, decided + 1000 + static_cast<EventTime>(30'000 * draws.Uniform()));
  if (at > valid_until) return;
  impl_->Push({at,
               static_cast<std::uint32_t>(index),
               Kind::kShow,
               {static_cast<std::uint8_t>(offer), static_cast<std::uint8_t>(channel), decision, 0},
               decision});
}

const BankMarket& SimulatedMarket::market() const { return impl_->market; }

std::int64_t SimulatedMarket::CustomerOf(std::string_view customer_id) const {
  if (customer_id.size() < 2 || customer_id[0] != 'c') return -1;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(customer_id.data() + 1, customer_id.data() + customer_id.size(), index);
  if (error != std::errc() || end != customer_id.data() + customer_id.size() || index >= impl_->people.size())
    return -1;
  return static_cast<std::int64_t>(index);
}

const BankCustomer& SimulatedMarket::customer(std::size_t index) const { return impl_->people[index].who; }

const std::array<std::array<MarketCell, kBankChannels>, kBankSegments>& SimulatedMarket::cells() const {
  return impl_->cells;
}

std::uint64_t SimulatedMarket::sent() const { return impl_->sent; }

const MarketEarnings& SimulatedMarket::earnings() const { return impl_->earnings; }

int BankChannelOf(std::string_view id) {
  for (std::size_t k = 0; k < kBankChannels; ++k) {
    if (kBankChannelTable[k].id == id) return static_cast<int>(k);
  }
  return -1;
}

int BankOfferOf(std::string_view id) {
  for (std::size_t o = 0; o < kBankOffers; ++o) {
    if (kBankOfferTable[o].id == id) return static_cast<int>(o);
  }
  return -1;
}

}  // namespace offerstream
