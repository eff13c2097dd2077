#include "models/learning/model_race.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kSoundEvery = 10'000;
constexpr double kProbabilityMax = 0.9;  // beyond it thinning says nothing
constexpr std::int64_t kAdmitEvery = 500;
constexpr double kGolden = 0.6180339887498949;          // its multiples fill [0, 1) evenly

double LossOf(double logit, double y) {
  const double p = std::clamp(fixed::Logistic(logit), 1e-6, 1 - 1e-6);
  return -(y * fixed::Log(p) + (1 - y) * fixed::Log(1 - p));
}

std::size_t CovarianceBytes(std::size_t dimension) { return 4 * dimension * (dimension + 8); }

}  // namespace

double LabelInterval::Offset(double logit) const {
  if (!late) return 0;
  const double p = std::min(kProbabilityMax, fixed::Logistic(logit));
  return log_share + fixed::Log((1 - p) / (1 - p * before_end));
}

std::vector<std::uint16_t> FeatureGroups::Used(FeatureSet sets, std::uint8_t admitted) const {
  std::vector<std::uint16_t> used;
  for (std::size_t j = 0; j < set.size(); ++j) {
    const bool in = set[j] == kPlainFeatures || ((set[j] & sets) != 0 &&
                                                 (set[j] != kCrossFeatures || (admitted >> cross[j] & 1) != 0));
    if (in) used.push_back(static_cast<std::uint16_t>(j));
  }
  if (used.size() == set.size()) used.clear();
  return used;
}

std::vector<std::uint16_t> FeatureGroups::Listed(const std::vector<std::uint16_t>& used) const {
  if (!used.empty()) return used;
  std::vector<std::uint16_t> all(size());
  std::iota(all.begin(), all.end(), std::uint16_t{0});
  return all;
}

ModelRace::ModelRace(FeatureGroups groups, RaceSpec spec) : groups_(std::move(groups)), spec_(std::move(spec)) {
  assert(!spec_.features.empty());
  const FeatureSet features = spec_.features.front();
  std::vector<std::uint16_t> used = groups_.Used(features, admitted_);
  Variant variant{ResponseModel(groups_.Count(used))};
  variant.features = features;
  variant.used = std::move(used);
  variants_.push_back(std::move(variant));
  error_.assign(groups_.size(), 0.0);
  information_.assign(groups_.size(), 0.0);
  Spawn();
}

// ---- Who takes part -----------------------------------------------------------------------------------------------

// Of the leader, by axis: paces first, then widths, then features.
std::vector<ModelRace::Place> ModelRace::Neighbours() const {
  const Variant& leader = variants_.front();
  std::vector<Place> places;
  for (const double pace : {leader.pace / kStep, leader.pace * kStep}) {
    if (spec_.half_lives && pace >= 1 / kPaceMax && pace <= kPaceMax) places.push_back({pace, leader.width, leader.features});
  }
  for (std::size_t w = 0; spec_.variances && w < kWidths.size(); ++w) {
    const bool next = (w > 0 && kWidths[w - 1] == leader.width) || (w + 1 < kWidths.size() && kWidths[w + 1] == leader.width);
    if (next) places.push_back({leader.pace, kWidths[w], leader.features});
  }
  const auto own = groups_.Used(leader.features, admitted_);
  for (const FeatureSet features : spec_.features) {
    if (features == leader.features || groups_.Used(features, admitted_) == own) continue;
    places.push_back({leader.pace, leader.width, features});
  }
  return places;
}

const ModelRace::Variant* ModelRace::Find(const Place& place) const {
  for (const Variant& v : variants_) {
    if (v.pace == place.pace && v.width == place.width && v.features == place.features) return &v;
  }
  return nullptr;
}

std::size_t ModelRace::BytesOf(FeatureSet features) const {
  return CovarianceBytes(groups_.Count(groups_.Used(features, admitted_)));
}

// The mature head sees the plain features.
bool ModelRace::Fits(std::size_t more) const {
  std::size_t bytes = more + BytesOf(kPlainFeatures);
  for (const Variant& v : variants_) bytes += CovarianceBytes(v.model.dimension());
  return bytes <= 4 * CovarianceBytes(kDimensionMax);
}

// The leader's neighbours, where there are none yet: its coefficients, calibrator and loss. An axis is raced both ways
// or not at all.
void ModelRace::Spawn() {
  const std::vector<Place> places = Neighbours();
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    const auto axis = [&](const Place& p) {
      const Variant& leader = variants_.front();
      return p.pace != leader.pace ? 0 : p.width != leader.width ? 1 : 2 + p.features;
    };
    std::size_t bytes = 0;
    for (end = begin; end < places.size() && axis(places[end]) == axis(places[begin]); ++end) {
      if (Find(places[end]) == nullptr) bytes += BytesOf(places[end].features);
    }
    if (bytes == 0 || !Fits(bytes)) continue;
    for (std::size_t k = begin; k < end; ++k) {
      if (Find(places[k]) == nullptr) variants_.push_back(Copy(places[k]));
    }
  }
  std::sort(variants_.begin() + 1, variants_.end(), [](const Variant& a, const Variant& b) {
    return std::tuple(a.features, a.width, a.pace) < std::tuple(b.features, b.width, b.pace);
  });
}

ModelRace::Variant ModelRace::Copy(const Place& place) const {
  Variant variant = variants_.front();
  if (place.width != variant.width) variant.model.ScaleSlopePrior(place.width / variant.width);
  variant.pace = place.pace;
  variant.width = place.width;
  variant.ahead = 0;
  See(variant, place.features, {});
  return variant;
}

// What is no longer seen leaves its mean contribution in the level (where means are known); what is new has its prior.
void ModelRace::See(Variant& variant, FeatureSet features, std::span<const double> means) const {
  variant.features = features;
  std::vector<std::uint16_t> used = groups_.Used(features, admitted_);
  if (used == variant.used) return;
  const auto before = groups_.Listed(variant.used), after = groups_.Listed(used);
  SchemaChange change;
  for (const std::uint16_t j : after) {
    const auto at = std::lower_bound(before.begin(), before.end(), j);
    SchemaChange::Kept kept;
    if (at != before.end() && *at == j) kept.old_index = static_cast<std::size_t>(at - before.begin());
    change.features.push_back(kept);
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (std::binary_search(after.begin(), after.end(), before[i])) continue;
    change.dropped_means.emplace_back(i, before[i] < means.size() ? means[before[i]] : 0.0);
  }
  if (variant.width != 1) variant.model.ScaleSlopePrior(1 / variant.width);   // new features come with the plain prior
  variant.model.Reshape(change);
  if (variant.width != 1) variant.model.ScaleSlopePrior(variant.width);
  variant.used = std::move(used);
}

void ModelRace::Promote(std::size_t k) {
  ++changes_;
  std::swap(variants_[0], variants_[k]);
  const std::vector<Place> wanted = Neighbours();
  const Variant& leader = variants_.front();
  std::vector<Variant> kept(1, leader);
  std::array<std::size_t, 4> best{};   // of each other set of features: keeps what it learned, follows the leader's pace
  for (std::size_t i = 1; i < variants_.size(); ++i) {
    const Variant& v = variants_[i];
    if (v.features != leader.features) {
      std::size_t& at = best[v.features];
      if (at == 0 || v.loss < variants_[at].loss) at = i;
      continue;
    }
    const bool next = std::any_of(wanted.begin(), wanted.end(), [&](const Place& p) {
      return p.pace == v.pace && p.width == v.width && p.features == v.features;
    });
    if (next) kept.push_back(v);
  }
  for (const Place& place : wanted) {
    if (place.features == leader.features || best[place.features] == 0) continue;
    Variant other = std::move(variants_[best[place.features]]);
    if (other.width != leader.width) other.model.ScaleSlopePrior(leader.width / other.width);
    other.width = leader.width;
    other.pace = leader.pace;
    kept.push_back(std::move(other));
  }
  variants_ = std::move(kept);
  for (Variant& variant : variants_) variant.ahead = 0;
  Spawn();
}

// The worst of the paces becomes one within a factor 2 of the leader's; was it such a one already, its place on the ladder
// comes back.
void ModelRace::TryBetween() {
  ++restarts_;
  const Variant& leader = variants_.front();
  std::size_t worst = 0;
  for (std::size_t k = 1; k < variants_.size(); ++k) {
    const Variant& v = variants_[k];
    if (v.features != leader.features || v.width != leader.width) continue;
    if (worst == 0 || v.loss > variants_[worst].loss) worst = k;
  }
  if (worst == 0) return;
  const double ratio = variants_[worst].pace / leader.pace;
  if (ratio > 1 / kStep && ratio < kStep) {
    variants_.erase(variants_.begin() + static_cast<std::ptrdiff_t>(worst));
    Spawn();
    return;
  }
  const double turn = static_cast<double>(restarts_) * kGolden, share = turn - std::floor(turn);
  const double pace = std::clamp(leader.pace * fixed::Exp2(2 * share - 1), 1 / kPaceMax, kPaceMax);
  if (Find({pace, leader.width, leader.features}) == nullptr) variants_[worst] = Copy({pace, leader.width, leader.features});
}

// ---- Crosses ------------------------------------------------------------------------------------------------------

void ModelRace::Screen(std::span<const float> x, double error, double information) {
  for (std::size_t j = 0; j < groups_.size(); ++j) {
    if (groups_.set[j] != kCrossFeatures || x[j] == 0) continue;
    error_[j] += error;
    information_[j] += information;
  }
  if (labels_ % kAdmitEvery == 0) Admit();
}

void ModelRace::Admit() {
  std::array<double, 8> chi{};
  for (std::size_t j = 0; j < groups_.size(); ++j) {
    if (groups_.set[j] == kCrossFeatures && information_[j] > 1) chi[groups_.cross[j]] += error_[j] * error_[j] / information_[j];
  }
  const std::uint8_t before = admitted_;
  for (std::size_t c = 0; c < chi.size(); ++c) {
    if (chi[c] > kAdmit) admitted_ = static_cast<std::uint8_t>(admitted_ | 1u << c);
  }
  if (admitted_ == before) return;
  for (Variant& variant : variants_) See(variant, variant.features, {});
  Spawn();
}

// ---- Predicting and learning --------------------------------------------------------------------------------------

std::span<const float> ModelRace::Seen(const Variant& variant, std::span<const float> x) const {
  if (variant.used.empty()) return x;
  seen_.resize(variant.used.size());
  for (std::size_t i = 0; i < seen_.size(); ++i) seen_[i] = x[variant.used[i]];
  return seen_;
}

// In proportion to e^-loss.
void ModelRace::Weigh() const {
  double least = variants_.front().loss, sum = 0;
  for (const Variant& v : variants_) least = std::min(least, v.loss);
  weight_.resize(variants_.size());
  for (std::size_t k = 0; k < weight_.size(); ++k) sum += weight_[k] = fixed::Exp(least - variants_[k].loss);
  for (double& w : weight_) w /= sum;
}

// The mean calibrated logit. Variances are averaged, not divided: all members learned from the same labels.
ResponseModel::Prediction ModelRace::Pooled(std::span<const ResponseModel::Prediction> said) const {
  ResponseModel::Prediction pooled;
  for (std::size_t k = 0; k < said.size(); ++k) {
    const Calibrator& c = variants_[k].calibrator;
    pooled.logit += weight_[k] * c.Apply(said[k].logit);
    pooled.variance += weight_[k] * c.b() * c.b() * said[k].variance;
  }
  return pooled;
}

ResponseModel::Prediction ModelRace::Predict(std::span<const float> x) const {
  if (!spec_.pool) return variants_.front().model.Predict(Seen(variants_.front(), x));
  Weigh();
  std::vector<ResponseModel::Prediction> said;
  for (const Variant& v : variants_) said.push_back(v.model.Predict(Seen(v, x)));
  return Pooled(said);
}

void ModelRace::Write(std::vector<double>& mean, std::vector<float>& covariance) const {
  const std::size_t d = groups_.size();
  mean.assign(d, 0.0);
  if (!spec_.pool && variants_.front().used.empty()) {
    for (std::size_t j = 0; j < d; ++j) mean[j] = served().mean(j);
    served().covariance().RoundTo(covariance);
    return;
  }
  std::vector<double> sum(d * d, 0.0);
  if (spec_.pool) Weigh();
  for (std::size_t k = 0; k < (spec_.pool ? variants_.size() : 1); ++k) {
    const Variant& v = variants_[k];
    const double a = spec_.pool ? v.calibrator.a() : 0, b = spec_.pool ? v.calibrator.b() : 1, w = spec_.pool ? weight_[k] : 1;
    const auto used = groups_.Listed(v.used);
    mean[0] += w * a;
    for (std::size_t i = 0; i < used.size(); ++i) {
      mean[used[i]] += w * b * v.model.mean(i);
      for (std::size_t j = 0; j < used.size(); ++j) {
        sum[used[i] * d + used[j]] += w * b * b * v.model.covariance(i, j);
      }
    }
  }
  covariance.assign(sum.begin(), sum.end());
}

double ModelRace::Learn(std::span<const float> x, double y, const LabelInterval& interval) {
  static const double keep = 1 - 1 / kMemory;
  ++labels_;
  const double weight = interval.late ? kEarlyLabelWeight : 1.0;
  double served = 0;
  if (spec_.pool) {
    before_.clear();
    for (const Variant& variant : variants_) before_.push_back(variant.model.Predict(Seen(variant, x)));
    Weigh();
    const double said = Pooled(before_).Moderated(), calibrated = pool_calibrator_.Apply(said);
    const double offset = interval.Offset(calibrated);
    pool_calibrator_.Learn(said, y, weight, offset);
    served = calibrated + offset;
  }
  for (std::size_t k = 0; k < variants_.size(); ++k) {
    Variant& variant = variants_[k];
    const ResponseModel::Prediction before = spec_.pool ? before_[k] : variant.model.Predict(Seen(variant, x));
    const double said = before.Moderated(), calibrated = variant.calibrator.Apply(said);
    const double offset = interval.Offset(calibrated);
    variant.model.LearnPredicted(before, y, 1.0, offset);
    variant.calibrator.Learn(said, y, weight, offset);
    if (k == 0 && !spec_.pool) served = calibrated + offset;
    if (variants_.size() > 1) variant.loss = keep * variant.loss + LossOf(calibrated + offset, y);
  }
  std::size_t ahead = 0;
  for (std::size_t k = 1; k < variants_.size(); ++k) {
    Variant& variant = variants_[k];
    variant.ahead = variant.loss + kLead < variants_[0].loss ? variant.ahead + 1 : 0;
    if (variant.ahead < kPatience) continue;
    if (ahead == 0 || variant.loss < variants_[ahead].loss) ahead = k;
  }
  if (ahead > 0) {
    Promote(ahead);
  } else if (spec_.half_lives && labels_ % kRestart == 0) {
    TryBetween();
  }
  const bool screens = std::any_of(spec_.features.begin(), spec_.features.end(),
                                   [](FeatureSet f) { return (f & kCrossFeatures) != 0; });
  if (screens) {
    const double p = fixed::Logistic(served);
    Screen(x, y - p, p * (1 - p));
  }
  return served;
}

void ModelRace::Drift(double hours, const HalfLives& half_lives) {
  for (Variant& variant : variants_) {
    variant.model.Drift(hours, {half_lives.level_hours / variant.pace, half_lives.slope_hours / variant.pace});
  }
}

void ModelRace::Birth(std::span<const float> mean, std::span<const float> variance) {
  for (Variant& variant : variants_) {
    const auto means = Seen(variant, mean);
    const std::vector<float> own(means.begin(), means.end());   // Seen() has one scratch
    variant.model.Birth(own, Seen(variant, variance));
  }
}

void ModelRace::SetPriorLevel(double logit) {
  for (Variant& variant : variants_) variant.model.SetPriorLevel(logit);
}

void ModelRace::Widen(double level, double slopes) {
  for (Variant& variant : variants_) variant.model.Widen(level, slopes);
}

int ModelRace::CheckSound() {
  int mended = 0;
  for (Variant& variant : variants_) {
    if (variant.model.updates() % kSoundEvery == 0 && !variant.model.Sound()) ++mended;
  }
  return mended;
}

// ---- Changes of the plan ------------------------------------------------------------------------------------------

void ModelRace::Reshape(const SchemaChange& change, FeatureGroups groups) {
  assert(change.features.size() == groups.size());
  std::uint8_t admitted = 0;   // a cross stays in when its cells did
  for (std::size_t j = 0; j < groups.size(); ++j) {
    const std::size_t old = change.features[j].old_index;
    if (groups.set[j] != kCrossFeatures || old >= groups_.size() || groups_.set[old] != kCrossFeatures) continue;
    if (admitted_ >> groups_.cross[old] & 1) admitted = static_cast<std::uint8_t>(admitted | 1u << groups.cross[j]);
  }
  for (Variant& variant : variants_) {
    std::vector<std::uint16_t> used = groups.Used(variant.features, admitted);
    variant.model.Reshape(change.Among(groups_.Listed(variant.used), groups.Listed(used)));
    variant.used = std::move(used);
  }
  groups_ = std::move(groups);
  admitted_ = admitted;
  error_.assign(groups_.size(), 0.0);
  information_.assign(groups_.size(), 0.0);
}

void ModelRace::Configure(const RaceSpec& spec, std::span<const double> means) {
  assert(!spec.features.empty());
  if (spec == spec_) return;
  const bool pooled = spec.pool && !spec_.pool;
  spec_ = spec;
  if (pooled) pool_calibrator_ = Calibrator();
  const auto wanted = [&](const Variant& v) {
    return std::find(spec_.features.begin(), spec_.features.end(), v.features) != spec_.features.end();
  };
  const bool alone = !spec_.half_lives && !spec_.variances;
  if (!wanted(variants_.front())) {   // another that is wanted, else the leader with other eyes
    std::size_t best = 0;
    for (std::size_t k = 1; k < variants_.size(); ++k) {
      if (wanted(variants_[k]) && (best == 0 || variants_[k].loss < variants_[best].loss)) best = k;
    }
    if (best > 0) std::swap(variants_[0], variants_[best]);
    else See(variants_.front(), spec_.features.front(), means);
  }
  Variant& leader = variants_.front();
  if (alone) leader.pace = 1;   // the configured half-lives
  if (!spec_.variances && leader.width != 1) {
    leader.model.ScaleSlopePrior(1 / leader.width);
    leader.width = 1;
  }
  const std::vector<Place> places = Neighbours();
  std::erase_if(variants_, [&](const Variant& v) {
    return &v != &variants_.front() && std::none_of(places.begin(), places.end(), [&](const Place& p) {
      return p.pace == v.pace && p.width == v.width && p.features == v.features;
    });
  });
  for (Variant& variant : variants_) variant.ahead = 0;
  Spawn();
}

}  // namespace offerstream
