#include "tests/simulation/rivals.h"

#include "models/domain/fixed_math.h"
#include "models/learning/tree_model.h"

namespace offerstream {
namespace {

constexpr unsigned kStaticCap = 10;
constexpr EventTime kDayMs = 86'400'000;

// What the bank's product table says for a job (as its own campaigns do half of the time).
constexpr std::size_t kProductOfJob[6] = {3, 0, 4, 5, 1, 2};

class Rules final : public Rival {
 public:
  using Rival::Rival;
  std::optional<Showing> Choose(const MarketRecord& visit) override {
    Card& card = CardOf(visit);
    for (std::size_t k = 0; k < kBankChannels; ++k) {  // the bank's table is ordered by cost
      if (card.gone[k] || Used(card, k, visit.time) >= kStaticCap) continue;
      return Showing{kProductOfJob[market_.customer(visit.customer).job], k};
    }
    return std::nullopt;
  }
};

class Boosting final : public Rival {
 public:
  Boosting(const SimulatedMarket& market, const Purse& purse) : Rival(market, purse) { rows_.columns = kColumns; }

  std::optional<Showing> Choose(const MarketRecord& visit) override {
    Refit(visit.time);
    if (!model_) return std::nullopt;
    LabelledRows asked;
    asked.columns = kColumns;
    std::vector<Showing> options;
    Card& card = CardOf(visit);
    std::array<float, kColumns> x{};
    for (std::size_t k = 0; k < kBankChannels; ++k) {
      const unsigned used = Used(card, k, visit.time);
      if (card.gone[k] || used >= kStaticCap) continue;
      for (std::size_t o = 0; o < kBankOffers; ++o) {
        Fill(card, visit.customer, o, k, used + 1, x);
        asked.x.insert(asked.x.end(), x.begin(), x.end());
        options.push_back({o, k});
      }
    }
    if (options.empty()) return std::nullopt;
    const auto table = TreeTable::Of(asked);
    const auto p = model_->Predict(*table);
    std::optional<Showing> best;
    double most = 0;
    for (std::size_t i = 0; i < options.size(); ++i) {
      const double net = kBankGoalValue * (*p)[i] - kBankChannelTable[options[i].channel].cost;
      if (net > most) {
        most = net;
        best = options[i];
      }
    }
    return best;
  }

 private:
  static constexpr std::size_t kJobs = 6;
  static constexpr std::size_t kColumns = 1 + kJobs + 2 + kBankOffers + kBankChannels + 1 + kBankChannels;
  struct Shown {
    EventTime time = 0;
    std::uint32_t customer = 0;
    std::uint8_t offer = 0, channel = 0;
    bool bought = false;
    std::array<float, kColumns> x{};
  };

  void Fill(const Card& card, std::uint32_t customer, std::size_t offer, std::size_t channel, unsigned n,
            std::array<float, kColumns>& x) const {
    x.fill(0);
    std::size_t at = 0;
    const BankCustomer& who = market_.customer(customer);
    x[at++] = static_cast<float>(who.age);
    x[at + who.job] = 1;
    at += kJobs;
    for (std::size_t m = 0; m < 2; ++m) {
      x[at++] = static_cast<float>(fixed::Log1p(card.movements[m] == 0 ? 0 : card.moved[m] / card.movements[m]));
    }
    x[at + offer] = 1;
    at += kBankOffers;
    x[at + channel] = 1;
    at += kBankChannels;
    x[at++] = static_cast<float>(n);
    for (std::size_t k = 0; k < kBankChannels; ++k) {
      x[at++] = static_cast<float>((card.clicks[k] + 1.0) / (card.impressions[k] + 20.0));
    }
  }

  void Exposed(const MarketRecord& record) override {
    Card& card = CardOf(record);
    Shown shown;
    shown.time = record.time;
    shown.customer = record.customer;
    shown.offer = record.exposure.offer;
    shown.channel = record.exposure.channel;
    Fill(card, record.customer, shown.offer, shown.channel, Used(card, shown.channel, record.time), shown.x);
    open_.push_back(shown);
  }

  // Last touch: the latest open impression of this offer in this channel.
  void Converted(const MarketRecord& record) override {
    for (auto shown = open_.rbegin(); shown != open_.rend(); ++shown) {
      if (shown->customer != record.customer || shown->offer != record.exposure.offer ||
          shown->channel != record.exposure.channel) continue;
      shown->bought = true;
      return;
    }
  }

  void Refit(EventTime now) {
    const EventTime night = now / kDayMs;
    if (night == night_) return;
    night_ = night;
    while (!open_.empty() && open_.front().time <= now - kDayMs) {
      rows_.Add(open_.front().x, open_.front().bought);
      open_.pop_front();
    }
    rows_.KeepLast(60'000);
    if (rows_.size() < 2'000) return;
    const auto table = TreeTable::Of(rows_);
    TreeSettings settings;  // what SearchTrees picks on this market, within .1 % of log-loss
    settings.depth = 4;
    settings.rounds = 60;
    settings.eta = 0.1;
    settings.min_child_weight = 5;
    auto fitted = TreeModel::Fit(settings, *table, nullptr);
    if (fitted) model_ = std::move(*fitted);
  }

  LabelledRows rows_{};
  std::deque<Shown> open_{};
  std::optional<TreeModel> model_{};
  EventTime night_ = 0;
};

class Knowing final : public Rival {
 public:
  Knowing(const SimulatedMarket& market, const Purse& purse, double price) : Rival(market, purse), price_(price) {}
  std::optional<Showing> Choose(const MarketRecord& visit) override {
    Card& card = CardOf(visit);
    const BankCustomer& who = market_.customer(visit.customer);
    std::optional<Showing> best;
    double most = 0;
    for (std::size_t k = 0; k < kBankChannels; ++k) {
      if (card.gone[k]) continue;
      const unsigned n = Used(card, k, visit.time) + 1;
      const BankChannel& channel = kBankChannelTable[k];
      for (std::size_t o = 0; o < kBankOffers; ++o) {
        const double net = kBankGoalValue * market_.market().Response(who, o, k, n, visit.time) -
                           (1 + price_) * channel.cost - channel.unsubscribe_value * market_.market().Unsubscribe(k, n);
        if (net > most) {
          most = net;
          best = Showing{o, k};
        }
      }
    }
    return best;
  }

 private:
  bool Affords(double cost, EventTime) const override { return spent_ + cost <= purse_.amount; }

  double price_;
};

}  // namespace

std::optional<Showing> Rival::Decide(const MarketRecord& visit) {
  const std::optional<Showing> showing = Choose(visit);
  if (!showing) return showing;
  const double cost = kBankChannelTable[showing->channel].cost;
  if (!Affords(cost, visit.time)) return std::nullopt;
  spent_ += cost;
  return showing;
}

bool Rival::Affords(double cost, EventTime now) const {
  const EventTime days = (now - purse_.starts) / kDayMs + 1;
  const double until_tonight = purse_.amount * static_cast<double>(days * kDayMs) / static_cast<double>(purse_.period);
  return spent_ + cost <= std::min(purse_.amount, until_tonight);
}

Rival::Card& Rival::CardOf(const MarketRecord& record) {
  if (record.customer >= cards_.size()) cards_.resize(record.customer + 1);
  return cards_[record.customer];
}

unsigned Rival::Used(Card& card, std::size_t channel, EventTime now) {
  std::deque<EventTime>& shown = card.shown[channel];
  while (!shown.empty() && shown.front() <= now - kBankCapWindow) shown.pop_front();
  return static_cast<unsigned>(shown.size());
}

void Rival::See(const MarketRecord& record) {
  Card& card = CardOf(record);
  const std::size_t k = record.exposure.channel;
  switch (record.kind) {
    case MarketKind::kPayment:
    case MarketKind::kDeposit: {
      const std::size_t m = record.kind == MarketKind::kDeposit ? 1 : 0;
      card.moved[m] += static_cast<double>(record.amount) / 100;
      ++card.movements[m];
      break;
    }
    case MarketKind::kImpression:
      (void)Used(card, k, record.time);
      card.shown[k].push_back(record.time);
      Exposed(record);
      ++card.impressions[k];
      break;
    case MarketKind::kClick: ++card.clicks[k]; break;
    case MarketKind::kConversion: Converted(record); break;
    case MarketKind::kUnsubscribe: card.gone[k] = true; break;
    case MarketKind::kProfile:
    case MarketKind::kVisit:
    case MarketKind::kOther: break;
  }
}

std::unique_ptr<Rival> RulesWithStaticCaps(const SimulatedMarket& market, const Purse& purse) {
  return std::make_unique<Rules>(market, purse);
}
std::unique_ptr<Rival> NightlyBoosting(const SimulatedMarket& market, const Purse& purse) {
  return std::make_unique<Boosting>(market, purse);
}
std::unique_ptr<Rival> Oracle(const SimulatedMarket& market, const Purse& purse, double price) {
  return std::make_unique<Knowing>(market, purse, price);
}

}  // namespace offerstream
