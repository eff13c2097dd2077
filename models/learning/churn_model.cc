#include "models/learning/churn_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "models/domain/fixed_math.h"
#include "models/learning/logistic_step.h"

namespace offerstream {
namespace {

constexpr Duration kDay = 86'400'000;
constexpr double kWeek = 7.0 * static_cast<double>(kDay);
constexpr int kLookEvery = 28;          // days
constexpr int kSilentMost = 730;        // days without a purchase after which nobody looks any more
constexpr double kYearDays = 365.25;
constexpr double kGapRatioMost = 3;
constexpr double kBasketCentre = 3, kMinorPerMajor = 100;
constexpr float kLevelMean = 0.2F, kLevelVariance = 1, kSlopeVariance = 0.3F, kSeasonVariance = 0.02F;
constexpr HalfLives kHalfLives = {26 * 7 * 24.0, 52 * 7 * 24.0};

std::int64_t DayOf(EventTime time) { return time >= 0 ? time / kDay : (time - kDay + 1) / kDay; }

// The customer's first own day after `time`, at its end: each customer has one day in 28.
EventTime NextLook(IdHash customer, EventTime time) {
  const std::int64_t own = static_cast<std::int64_t>(customer % kLookEvery);
  const std::int64_t day = DayOf(time);
  const std::int64_t ahead = ((own - day) % kLookEvery + kLookEvery) % kLookEvery;
  return (day + (ahead == 0 ? kLookEvery : ahead)) * kDay;
}

ResponseModel Prior() {
  ResponseModel model(ChurnModel::kDimension);
  std::array<float, ChurnModel::kDimension> mean{}, variance{};
  mean[0] = kLevelMean;
  for (std::size_t j = 0; j < variance.size(); ++j) {
    variance[j] = j == 0 ? kLevelVariance : j < ChurnModel::kFeatures ? kSlopeVariance : kSeasonVariance;
  }
  model.Birth(mean, variance);
  return model;
}

}  // namespace

BuyingHistory HistoryOf(const BuyingProfile& profile, EventTime now) {
  if (profile.orders == 0) return {};
  const std::int64_t start = DayOf(profile.first), last = DayOf(profile.last);
  return {profile.orders - 1, static_cast<double>(last - start), static_cast<double>(std::max(DayOf(now), last) - start)};
}

ChurnModel::ChurnModel() : model_(Prior()) {}

ChurnModel::Features ChurnModel::Describe(const BuyingProfile& profile, EventTime at) {
  assert(profile.orders > 0 && at >= profile.last);
  const double recency = static_cast<double>(at - profile.last) / kWeek, age = static_cast<double>(at - profile.first) / kWeek;
  const double orders = profile.orders;
  const double gap = profile.orders > 1 ? static_cast<double>(profile.last - profile.first) / kWeek / (orders - 1) : 0;
  const double basket = static_cast<double>(std::max<Money>(0, profile.spent)) / kMinorPerMajor / orders;
  const double long_ago = fixed::Log1p(recency), often = fixed::Log1p(orders);
  const double features[kFeatures] = {1,
                                      long_ago - 2,
                                      often - 1,
                                      fixed::Log1p(age) - 3,
                                      profile.orders == 1 ? 1.0 : 0.0,
                                      gap > 0 ? std::min(kGapRatioMost, recency / gap) : 0,
                                      fixed::Log1p(gap) - 1,
                                      (long_ago - 2) * (often - 1),
                                      fixed::Log1p(basket) - kBasketCentre};
  Features x{};
  for (std::size_t j = 0; j < kFeatures; ++j) x[j] = static_cast<float>(features[j]);
  // The year as a circle of twelve hats; at any date two of them share 1.
  const double turn = static_cast<double>(at) / (kYearDays * static_cast<double>(kDay)) * kSeasons;
  const double lower = std::floor(turn), share = turn - lower;
  const auto slot = static_cast<std::size_t>((static_cast<std::int64_t>(lower) % static_cast<std::int64_t>(kSeasons) +
                                              static_cast<std::int64_t>(kSeasons)) % static_cast<std::int64_t>(kSeasons));
  x[kFeatures + slot] = static_cast<float>(1 - share);
  x[kFeatures + (slot + 1) % kSeasons] = static_cast<float>(share);
  return x;
}

std::string_view ChurnModel::FeatureName(std::size_t j) {
  static constexpr std::string_view kNames[kDimension] = {
      "level", "recency", "orders", "age", "bought once", "recency / gap", "gap", "recency x orders", "basket",
      "season 1", "season 2", "season 3", "season 4", "season 5", "season 6", "season 7", "season 8", "season 9",
      "season 10", "season 11", "season 12"};
  return kNames[j];
}

double ChurnModel::Buys(const Features& x) const { return fixed::Logistic(model_.Predict(x).Moderated()); }

ChurnView ChurnModel::View() const {
  ChurnView view;
  for (std::size_t i = 0; i < kDimension; ++i) {
    view.mean.push_back(model_.mean(i));
    for (std::size_t j = 0; j < kDimension; ++j) view.covariance.push_back(model_.covariance(i, j));
  }
  return view;
}

double BuysWithin(const ChurnView& view, const ChurnModel::Features& x) {
  constexpr std::size_t d = ChurnModel::kDimension;
  assert(view.mean.size() == d && view.covariance.size() == d * d);
  ResponseModel::Prediction said;
  for (std::size_t i = 0; i < d; ++i) {
    double gain = 0;
    for (std::size_t j = 0; j < d; ++j) gain += view.covariance[i * d + j] * static_cast<double>(x[j]);
    said.logit += view.mean[i] * static_cast<double>(x[i]);
    said.variance += gain * static_cast<double>(x[i]);
  }
  return fixed::Logistic(said.Moderated());
}

void ChurnModel::Learn(const Features& x, bool bought, EventTime known) {
  const std::int64_t day = DayOf(known);
  if (day_ >= 0 && day > day_) model_.Drift(24.0 * static_cast<double>(day - day_), kHalfLives);
  day_ = std::max(day_, day);
  model_.Learn(x, bought ? 1 : 0, 1, 0);
  if (model_.updates() % 10'000 == 0) (void)model_.Sound();
}

void ChurnModel::Save(ByteWriter& out) const {
  out.I64(day_);
  model_.Save(out);
}

void ChurnModel::Restore(ByteReader& in) {
  day_ = in.I64();
  model_ = ResponseModel::Restore(kDimension, in);
}

ChurnLedger::ChurnLedger(Duration horizon) : horizon_(horizon), score_(std::numeric_limits<double>::infinity()) {
  assert(horizon > 0);
}

void ChurnLedger::Purchase(IdHash customer, EventTime time, Money value) {
  Advance(time);
  const auto [place, fresh] = customers_.try_emplace(customer);
  BuyingProfile& profile = place->second;
  const bool was_silent = profile.orders == 0 || now_ - profile.last > kSilentMost * kDay;
  profile.Take(std::max(time, profile.last), value, value <= 0);
  if (was_silent && profile.orders > 0) looks_due_.try_emplace({NextLook(customer, now_), customer});
}

void ChurnLedger::Advance(EventTime now) {
  if (now_ != kNever && now <= now_) return;
  now_ = now;
  for (;;) {
    const bool look = !looks_due_.empty() && looks_due_.begin()->first.first < now;
    const bool label = !labels_due_.empty() && labels_due_.begin()->first.first < now;
    if (!look && !label) return;
    if (label && (!look || labels_due_.begin()->first <= looks_due_.begin()->first)) {
      const auto [due, customer] = labels_due_.begin()->first;
      const Look& seen = labels_due_.begin()->second;
      const bool bought = customers_.at(customer).last > due - horizon_;  // what came on that moment was seen
      const double labels = static_cast<double>(score_.labels());
      score_.Add(seen.said, bought, (static_cast<double>(score_.positives()) + 1) / (labels + 2));
      model_.Learn(seen.x, bought, due);
      labels_due_.erase(labels_due_.begin());
      continue;
    }
    const auto [due, customer] = looks_due_.begin()->first;
    looks_due_.erase(looks_due_.begin());
    const BuyingProfile& profile = customers_.at(customer);
    if (due - profile.last > kSilentMost * kDay) continue;
    Look seen;
    seen.x = ChurnModel::Describe(profile, due);
    seen.said = model_.Buys(seen.x);
    labels_due_.try_emplace({due + horizon_, customer}, seen);
    looks_due_.try_emplace({due + kLookEvery * kDay, customer});
  }
}

}  // namespace offerstream
