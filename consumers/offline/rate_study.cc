#include "consumers/offline/rate_study.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "models/domain/fixed_math.h"
#include "models/evaluating/lift_statistics.h"

namespace offerstream {
namespace {

constexpr std::size_t kApart = 12, kParts = 10;
constexpr std::int64_t kLeastOfPart = 5;

// Chi-square of the table parts x (yes, no).
void Test(RateStudy::Feature& feature) {
  double n = 0, yes = 0, parts = 0;
  for (const RateStudy::Part& part : feature.parts) {
    if (part.count.n < kLeastOfPart) continue;
    n += static_cast<double>(part.count.n);
    yes += static_cast<double>(part.count.yes);
    ++parts;
  }
  if (parts < 2 || yes == 0 || yes == n) return;
  const double rate = yes / n;
  for (const RateStudy::Part& part : feature.parts) {
    if (part.count.n < kLeastOfPart) continue;
    const double expected = static_cast<double>(part.count.n) * rate, away = static_cast<double>(part.count.yes) - expected;
    feature.chi_square += away * away / (expected * (1 - rate));
  }
  feature.degrees = static_cast<std::size_t>(parts) - 1;
  feature.p = ChiSquareTail(feature.chi_square, feature.degrees);
}

// Six digits of the value or of the feature's scale, whichever is coarser: what a float of the features can tell.
double Digits(double v, double scale) {
  if (v == 0 || !std::isfinite(v)) return v;
  const double unit = std::pow(10.0, std::floor(std::log10(std::max(std::abs(v), std::abs(scale)))) - 5);
  const double rounded = std::nearbyint(v / unit) * unit;
  return rounded == 0 ? 0 : rounded;   // no minus nought
}

}  // namespace

double NaturalNumber(ProfileNumber number, double v) {
  switch (number) {
    case ProfileNumber::kProductsOwned:
    case ProfileNumber::kClickRate: return v;
    case ProfileNumber::kNetFlow: return v < 0 ? 1 - fixed::Exp(-v) : fixed::Exp(v) - 1;
    default: return fixed::Exp(v) - 1;
  }
}

float ValueCounts::Rounded(float value) const {
  return value == 0 ? 0 : std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & ~((1u << dropped_) - 1));
}

void ValueCounts::Merge(float value, const Cell& cell, std::map<float, Cell>& into) const {
  const auto [at, fresh] = into.try_emplace(Rounded(value), cell);
  if (fresh) return;
  Cell& sum = at->second;
  sum.count.n += cell.count.n;
  sum.count.yes += cell.count.yes;
  sum.least = std::min(sum.least, cell.least);
  sum.most = std::max(sum.most, cell.most);
}

void ValueCounts::Add(float value, bool yes) {
  Merge(value, {{1, yes ? 1 : 0}, value, value}, values_);
  while (values_.size() > kKept && dropped_ < 23) {
    ++dropped_;
    std::map<float, Cell> coarse;
    for (const auto& [v, cell] : values_) Merge(v, cell, coarse);
    values_ = std::move(coarse);
  }
}

RateStudy::RateStudy(std::shared_ptr<const CampaignPlan> plan) : plan_(std::move(plan)) {
  const auto& features = plan_->features.features;
  for (std::size_t j = 0; j < features.size(); ++j) {
    const FeatureSpec& f = features[j];
    if (f.kind == FeatureKind::kAttributeNumber || f.kind == FeatureKind::kProfileNumber) {
      const bool told = f.kind == FeatureKind::kAttributeNumber && j + 1 < features.size() &&
                        features[j + 1].kind == FeatureKind::kAttributeMissing && features[j + 1].index == f.index;
      numbers_.push_back({j, told ? j + 1 : 0, {}, {}});
    } else if (f.kind == FeatureKind::kAttributeLevel) {
      if (categories_.empty() || categories_.back().attribute != f.index) {
        categories_.push_back({f.index, plan_->attributes[f.index].type == AttributeType::kBool, {}, {}});
      }
      categories_.back().at.push_back(j);
    }
  }
  for (Category& category : categories_) category.levels.resize(category.at.size() + 1);
}

void RateStudy::Add(std::span<const float> x, bool yes) {
  for (Number& number : numbers_) {
    if (number.missing != 0 && x[number.missing] != 0) number.unknown.Add(yes);
    else number.counts.Add(x[number.at], yes);
  }
  for (Category& category : categories_) {
    std::size_t level = 0;
    while (level < category.at.size() && x[category.at[level]] == 0) ++level;
    category.levels[level].Add(yes);
  }
}

RateStudy::Feature RateStudy::Of(const Number& number) const {
  const FeatureSpec& spec = plan_->features.features[number.at];
  const auto natural = [&](float v) {
    const double raw = static_cast<double>(v) * spec.scale + spec.centre;
    return Digits(spec.kind == FeatureKind::kProfileNumber ? NaturalNumber(static_cast<ProfileNumber>(spec.index), raw) : raw, spec.scale);
  };
  Feature feature;
  feature.name = spec.name;
  feature.number = true;
  const auto& values = number.counts.values();
  std::int64_t all = 0;
  for (const auto& [v, cell] : values) all += cell.count.n;
  const bool apart = values.size() <= kApart;
  for (const auto& [v, cell] : values) {
    const bool opens = feature.parts.empty() || apart ||
                       feature.parts.back().count.n * static_cast<std::int64_t>(kParts) >= all;
    if (opens) {
      feature.parts.emplace_back();
      feature.parts.back().from = natural(cell.least);
    }
    Part& last = feature.parts.back();
    last.to = natural(cell.most);
    last.count.n += cell.count.n;
    last.count.yes += cell.count.yes;
  }
  // A rest of less than half a part is no part of its own.
  if (!apart && feature.parts.size() > 2 && feature.parts.back().count.n * 2 * static_cast<std::int64_t>(kParts) < all) {
    const Part rest = feature.parts.back();
    feature.parts.pop_back();
    feature.parts.back().to = rest.to;
    feature.parts.back().count.n += rest.count.n;
    feature.parts.back().count.yes += rest.count.yes;
  }
  if (number.unknown.n > 0) feature.parts.push_back({"missing", 0, 0, number.unknown});
  Test(feature);
  return feature;
}

RateStudy::Feature RateStudy::Of(const Category& category) const {
  const AttributeSpec& spec = plan_->attributes[category.attribute];
  Feature feature;
  feature.name = spec.name;
  for (std::size_t l = 0; l < category.levels.size(); ++l) {
    if (category.levels[l].n == 0) continue;
    const bool none = l == category.at.size();
    feature.parts.push_back({category.truth ? (none ? "no" : "yes") : none ? "other" : spec.levels[l], 0, 0, category.levels[l]});
  }
  Test(feature);
  return feature;
}

std::vector<RateStudy::Feature> RateStudy::Find() const {
  std::vector<std::pair<std::size_t, Feature>> found;
  for (const Number& number : numbers_) found.emplace_back(number.at, Of(number));
  for (const Category& category : categories_) found.emplace_back(category.at.front(), Of(category));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Feature> features;
  for (auto& [at, feature] : found) {
    if (feature.parts.size() > 1) features.push_back(std::move(feature));
  }
  return features;
}

}  // namespace offerstream
