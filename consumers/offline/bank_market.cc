#include "consumers/offline/bank_market.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {

const std::array<std::string_view, 6> kBankJobs = {"admin",      "technician", "services",
                                                   "management", "retired",    "student"};

// Amounts lie a factor of two and more apart in logarithms, so that segments can be learned from behaviour alone.
const std::array<BankSegment, kBankSegments> kBankSegmentTable = {{
    {"young_digital", 0.30, 6.0, 16, 1.0, 90, 27, 5, {.20, .20, .25, .02, .00, .33}},
    {"families", 0.30, 9.0, 65, 1.0, 1'200, 41, 7, {.30, .30, .25, .13, .01, .01}},
    {"affluent", 0.20, 4.0, 750, 1.0, 6'000, 52, 9, {.10, .15, .05, .60, .10, .00}},
    {"branch_regulars", 0.20, 2.0, 18, 1.0, 420, 67, 8, {.05, .05, .10, .03, .77, .00}},
}};

const std::array<BankChannel, kBankChannels> kBankChannelTable = {{
    {"push", 0.05, 150, -7.3},
    {"email", 0.08, 120, -7.1},
    {"display", 0.12, 100, -7.2},
    {"atm", 0.15, 100, -7.3},
}};

const std::array<BankOffer, kBankOffers> kBankOfferTable = {{
    {"savings-plus", "winter", "savings"},
    {"gold-card", "cards", "credit-card"},
    {"home-loan", "lending", "mortgage"},
    {"travel-insurance", "winter", "insurance"},
    {"invest-start", "wealth", "funds"},
    {"account-upgrade", "cards", "account"},
}};

namespace {

constexpr double kSlope = -0.30, kWearOut = -0.80, kWearOutFrom = 6.0;
constexpr double kUnsubscribeSlope = 0.16;
constexpr double kAffinitySd = 0.35;
constexpr double kDeadLogit = -7.6;
constexpr double kClickLift = 1.1;
constexpr double kFavouriteShare = 0.65;  // of the impressions the planted caps are the optimum for
constexpr double kDriftLevel = -0.30;

// Planted caps; 0 marks the cells that answer nothing.
constexpr unsigned kCaps[kBankSegments][kBankChannels] = {
    {12, 8, 10, 9},
    {9, 11, 0, 10},
    {8, 12, 9, 11},
    {0, 0, 0, 12},
};

// Offer effects by distance from the segment's favourite.
constexpr double kEffects[kBankOffers] = {0.0, -0.45, -0.8, -0.6, -1.1, -0.9};
constexpr std::size_t kFavourite[kBankSegments] = {3, 0, 4, 5};

double ShapeOf(unsigned n) {
  const double x = static_cast<double>(n);
  return kSlope * fixed::Log(x) + kWearOut * std::max(0.0, fixed::Log(x / kWearOutFrom));
}

template <std::size_t N>
std::size_t Pick(const std::array<double, N>& shares, double u) {
  for (std::size_t i = 0; i + 1 < N; ++i) {
    if (u < shares[i]) return i;
    u -= shares[i];
  }
  return N - 1;
}

}  // namespace

BankMarket::BankMarket(std::uint64_t seed, EventTime drift_at) : seed_(seed), drift_at_(drift_at) {
  for (std::size_t s = 0; s < kBankSegments; ++s) {
    for (std::size_t k = 0; k < kBankChannels; ++k) {
      if (!Answers(s, k)) {
        level_[s][k] = kDeadLogit;
        continue;
      }
      // Sign change at cap + 1/2: bisect the level so that the mean of the two neighbours' net values is zero.
      const unsigned cap = kCaps[s][k];
      const BankChannel& channel = kBankChannelTable[k];
      double low = -9, high = 2;
      for (int i = 0; i < 80; ++i) {
        const double middle = 0.5 * (low + high);
        double net = 0;
        for (unsigned n : {cap, cap + 1}) {
          net +=
              kBankGoalValue * MeanResponse(middle, n) - channel.cost - channel.unsubscribe_value * Unsubscribe(k, n);
        }
        (net > 0 ? high : low) = middle;
      }
      level_[s][k] = 0.5 * (low + high);
    }
  }
}

BankCustomer BankMarket::Customer(std::size_t index) const {
  BankCustomer c;
  c.id = fmt::format("c{:07}", index);
  c.hash = H64(c.id);
  Draws draws(seed_, c.hash, 0, Purpose::kSimulation);
  std::array<double, kBankSegments> shares;
  for (std::size_t s = 0; s < kBankSegments; ++s) shares[s] = kBankSegmentTable[s].share;
  c.segment = static_cast<std::uint8_t>(Pick(shares, draws.Uniform()));
  const BankSegment& segment = kBankSegmentTable[c.segment];
  c.job = static_cast<std::uint8_t>(Pick(segment.jobs, draws.Uniform()));
  const double z = draws.Normal();
  c.age = static_cast<std::uint8_t>(std::clamp(segment.age + segment.age_sd * z, 18.0, 95.0));
  // Half of the affinity's variance shows in age (within the segment), half nobody sees.
  c.affinity = static_cast<float>(kAffinitySd * 0.70710678118654752 * (z + draws.Normal()));
  c.amount_factor = static_cast<float>(fixed::Exp(0.2 * draws.Normal()));
  return c;
}

bool BankMarket::Answers(std::size_t segment, std::size_t channel) { return kCaps[segment][channel] != 0; }

unsigned BankMarket::PlantedCap(std::size_t segment, std::size_t channel) { return kCaps[segment][channel]; }

double BankMarket::OfferEffect(std::size_t segment, std::size_t offer, EventTime at) const {
  const std::size_t turned = kFavourite[segment] + (at >= drift_at_ ? 2 : 0);
  return kEffects[(offer + kBankOffers - turned % kBankOffers) % kBankOffers];
}

double BankMarket::Logit(const BankCustomer& customer, std::size_t offer, std::size_t channel, unsigned n,
                         EventTime at) const {
  assert(n >= 1 && offer < kBankOffers && channel < kBankChannels);
  if (!Answers(customer.segment, channel)) return kDeadLogit;
  return level_[customer.segment][channel] + OfferEffect(customer.segment, offer, at) + customer.affinity + ShapeOf(n) +
         (at >= drift_at_ ? kDriftLevel : 0.0);
}

double BankMarket::Response(const BankCustomer& customer, std::size_t offer, std::size_t channel, unsigned n,
                            EventTime at) const {
  return fixed::Logistic(Logit(customer, offer, channel, n, at));
}

double BankMarket::Click(const BankCustomer& customer, std::size_t offer, std::size_t channel, unsigned n,
                         EventTime at) const {
  return fixed::Logistic(Logit(customer, offer, channel, n, at) + kClickLift);
}

double BankMarket::Unsubscribe(std::size_t channel, unsigned n) const {
  return fixed::Logistic(kBankChannelTable[channel].unsubscribe_level +
                         kUnsubscribeSlope * (static_cast<double>(n) - 1));
}

double BankMarket::MeanResponse(double level, unsigned n) const {
  // Mean over the normal affinity on a fixed grid of +-4 sd: 1e-6 exact, more than bisection needs.
  double sum = 0, weight = 0;
  for (int i = -16; i <= 16; ++i) {
    const double x = i * 0.25, w = fixed::NormalDensity(x);
    const double z = level + ShapeOf(n) + kAffinitySd * x;
    double others = 0;
    for (std::size_t o = 1; o < kBankOffers; ++o) others += fixed::Logistic(z + kEffects[o]) / (kBankOffers - 1);
    sum += w * (kFavouriteShare * fixed::Logistic(z) + (1 - kFavouriteShare) * others);
    weight += w;
  }
  return sum / weight;
}

double BankMarket::PlantedNet(std::size_t segment, std::size_t channel, unsigned n) const {
  const double p = Answers(segment, channel) ? MeanResponse(level_[segment][channel], n) : fixed::Logistic(kDeadLogit);
  const BankChannel& row = kBankChannelTable[channel];
  return kBankGoalValue * p - row.cost - row.unsubscribe_value * Unsubscribe(channel, n);
}

std::string BankMarket::TruthJson() const {
  std::string out = fmt::format("{{\"seed\":{},\"goal_value\":{},\"cells\":[", seed_, kBankGoalValue);
  for (std::size_t s = 0; s < kBankSegments; ++s) {
    for (std::size_t k = 0; k < kBankChannels; ++k) {
      const BankChannel& channel = kBankChannelTable[k];
      fmt::format_to(
          std::back_inserter(out),
          "{}{{\"segment\":\"{}\",\"channel\":\"{}\",\"cap\":{},\"cost\":{},\"unsubscribe_value\":{},\"points\":[",
          s + k == 0 ? "" : ",", kBankSegmentTable[s].id, channel.id, PlantedCap(s, k), channel.cost,
          channel.unsubscribe_value);
      for (unsigned n = 1; n <= 20; ++n) {
        const double net = PlantedNet(s, k, n), u = Unsubscribe(k, n);
        fmt::format_to(std::back_inserter(out),
                       "{}{{\"n\":{},\"conversion_rate\":{:.9f},\"unsubscribe_rate\":{:.9f},\"net_value\":{:.9f}}}",
                       n == 1 ? "" : ",", n, (net + channel.cost + channel.unsubscribe_value * u) / kBankGoalValue, u,
                       net);
      }
      out += "]}";
    }
  }
  out += "],\"offer_effects\":[";
  for (std::size_t s = 0; s < kBankSegments; ++s) {
    for (std::size_t o = 0; o < kBankOffers; ++o) {
      fmt::format_to(std::back_inserter(out), "{}{{\"segment\":\"{}\",\"offer\":\"{}\",\"logit\":{}}}",
                     s + o == 0 ? "" : ",", kBankSegmentTable[s].id, kBankOfferTable[o].id, OfferEffect(s, o, kNever));
    }
  }
  out += "],\"segments\":[";
  for (std::size_t s = 0; s < kBankSegments; ++s) {
    fmt::format_to(std::back_inserter(out), "{}{{\"id\":\"{}\",\"share\":{}}}", s == 0 ? "" : ",",
                   kBankSegmentTable[s].id, kBankSegmentTable[s].share);
  }
  out += "]}\n";
  return out;
}

}  // namespace offerstream
