#include "models/learning/affinity.h"

#include <algorithm>
#include <cmath>


namespace offerstream {
namespace {

constexpr Duration kHalfLife = kAffinityHalfLife;
constexpr Duration kRescaleAfter = 20 * kHalfLife;

}  // namespace

void Affinity::Take(IdHash category, AffinityAction action, EventTime time) {
  double amount = AffinityWeight(action);
  if (touched_ == kNever || time >= touched_) {
    const double factor = touched_ == kNever ? 1 : DecayFactor(time - touched_, kHalfLife);
    for (Weight& w : weights_) w.amount *= factor;
    touched_ = time;
  } else {
    amount *= DecayFactor(touched_ - time, kHalfLife);
  }
  const auto at = std::lower_bound(weights_.begin(), weights_.end(), category, [](const Weight& w, IdHash c) { return w.category < c; });
  if (at != weights_.end() && at->category == category) {
    at->amount += amount;
    return;
  }
  weights_.insert(at, {category, amount});
  if (weights_.size() <= kMost) return;
  weights_.erase(std::min_element(weights_.begin(), weights_.end(), [](const Weight& a, const Weight& b) { return a.amount < b.amount; }));
}

double Affinity::Sum(EventTime now) const {
  double sum = 0;
  for (const Weight& w : weights_) sum += w.amount;
  return DecayedTo(sum, touched_, now, kHalfLife);
}

double Affinity::Share(IdHash category, double everybody, EventTime now) const {
  const auto at = std::lower_bound(weights_.begin(), weights_.end(), category, [](const Weight& w, IdHash c) { return w.category < c; });
  const double amount = at != weights_.end() && at->category == category ? DecayedTo(at->amount, touched_, now, kHalfLife) : 0;
  return (amount + kAffinityPrior * everybody) / (Sum(now) + kAffinityPrior);
}

double Affinity::Novelty(IdHash category, EventTime now) const { return 1 - Share(category, 0, now); }

void CategoryShares::Take(IdHash category, AffinityAction action, EventTime time) {
  if (start_ == kNever) start_ = time;
  if (time - start_ > kRescaleAfter) {
    const double factor = DecayFactor(time - start_, kHalfLife);
    for (auto& [id, amount] : amounts_) amount *= factor;
    total_ *= factor;
    start_ = time;
  }
  const double grown = AffinityWeight(action) / DecayFactor(std::max<Duration>(0, time - start_), kHalfLife);
  total_ += grown;
  const auto found = amounts_.find(category);
  if (found != amounts_.end()) found->second += grown;
  else if (amounts_.size() < kCategoriesMost) amounts_.emplace(category, grown);
}

double CategoryShares::Share(IdHash category) const {
  const auto found = amounts_.find(category);
  return found == amounts_.end() || !(total_ > 0) ? 0 : found->second / total_;
}

std::vector<std::pair<IdHash, double>> CategoryShares::Largest(std::size_t count) const {
  std::vector<std::pair<IdHash, double>> all;
  for (const auto& [id, amount] : amounts_) all.emplace_back(id, amount / total_);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  all.resize(std::min(all.size(), count));
  return all;
}

double CategoryShares::Total(EventTime now) const {
  return start_ == kNever ? 0 : total_ * DecayFactor(now - start_, kHalfLife);
}

void CategoryShares::Save(ByteWriter& out) const {
  out.I64(start_);
  out.F64(total_);
  out.Varint(amounts_.size());
  for (const auto& [category, amount] : amounts_) {
    out.U64(category);
    out.F64(amount);
  }
}

void CategoryShares::Restore(ByteReader& in) {
  *this = {};
  start_ = in.I64();
  total_ = in.F64();
  const std::size_t count = in.Count(16);
  if (count > kCategoriesMost || !std::isfinite(total_)) in.Fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const IdHash category = in.U64();
    const double amount = in.F64();
    if (!std::isfinite(amount) || !amounts_.emplace(category, amount).second) in.Fail();
  }
  if (!in.ok()) *this = {};
}

}  // namespace offerstream
