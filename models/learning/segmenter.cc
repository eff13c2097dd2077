#include "models/learning/segmenter.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kHourlyMoves = 500;           // an hour's step or a day's vote needs this many
constexpr std::uint64_t kVoteMoves = 10'000;
constexpr int kVoteSplits = 2;                        // random halvings a vote
constexpr std::uint32_t kVotesToChange = 3;
constexpr double kSoundStrength = 0.8, kStillSound = 0.75;  // another k; the one in force
constexpr double kVoteShare = 0.3;                    // of a vote in the smoothed strengths: halves are drawn anew each time
constexpr std::size_t kHalfMost = 1'500;              // reservoir customers in each half of a vote
constexpr std::size_t kSilhouetteMost = 2'000;
constexpr int kMacroRestarts = 8;                     // one of them warm
constexpr int kMicroIterations = 30;
constexpr int kReservoirIterations = 5;
constexpr double kFreshWins = 0.995;                  // a cold start replaces the warm one below this inertia ratio
constexpr std::size_t kEventsKept = 256;
constexpr std::size_t kEpochsKept = 1'024;
constexpr Duration kHour = 3'600'000;
constexpr EventTime kFarthestTime = EventTime{1} << 60;
constexpr double kWideLimit = 1'000;                  // scales; the first epoch, before anything is known
constexpr double kLooseLimit = 10;                    // scales; a feature too concentrated for quantiles
constexpr double kMeanMoved = 0.5, kScaleLow = 0.67, kScaleHigh = 1.5;
constexpr double kConstantSd = 1e-6;                  // below this a feature is constant and keeps its scale
constexpr double kQuantile = 0.01;
constexpr double kCrowdedLimit = 0.02;                // more than this at a limit: a heap, not a tail
constexpr double kPiledLimit = 0.05;                  // more than this: time for a new epoch

/// The value below which `share` of the weight lies; `sorted` by value.
double WeightedQuantile(std::span<const std::pair<double, double>> sorted, double total, double share) {
  double below = 0;
  for (const auto& [value, weight] : sorted) {
    below += weight;
    if (below >= share * total) return value;
  }
  return sorted.back().first;
}

}  // namespace

Segmenter::Segmenter(SegmentSettings settings)
    : settings_(std::move(settings)), micros_(settings_.dimension, settings_.half_life) {
  assert(settings_.dimension <= kMostDimensions && settings_.k <= kMostSegments && settings_.step_moves > 0);
  assert(settings_.centre.size() == settings_.dimension && settings_.scale.size() == settings_.dimension);
  Epoch first{settings_.centre, settings_.scale, settings_.centre, settings_.centre};
  for (std::size_t j = 0; j < settings_.dimension; ++j) {
    assert(std::isfinite(first.centre[j]) && std::isfinite(first.scale[j]) && first.scale[j] > 0);
    first.low[j] -= kWideLimit * first.scale[j];
    first.high[j] += kWideLimit * first.scale[j];
  }
  epochs_.push_back(std::move(first));
  from_.resize(settings_.dimension);
  to_.resize(settings_.dimension);
}

bool Segmenter::Sound(const Coordinates& place) const {
  if (place.z.size() != settings_.dimension || place.epoch < first_epoch_ || place.epoch > epoch()) return false;
  if (place.time < -kFarthestTime || place.time > kFarthestTime) return false;
  return std::all_of(place.z.begin(), place.z.end(), [](float v) { return std::isfinite(v); });
}

void Segmenter::ToCurrent(std::span<const float> z, std::uint32_t epoch_of_z, std::span<double> out) const {
  if (epoch_of_z == epoch()) {
    for (std::size_t j = 0; j < z.size(); ++j) out[j] = z[j];
    return;
  }
  const Epoch& then = epochs_[epoch_of_z - first_epoch_];
  const Epoch& now = epochs_.back();
  for (std::size_t j = 0; j < z.size(); ++j) {
    out[j] = then.scale[j] / now.scale[j] * z[j] + (then.centre[j] - now.centre[j]) / now.scale[j];
  }
}

void Segmenter::Learn(IdHash customer, const Coordinates& old_place, const Coordinates& new_place) {
  const bool leaves = new_place.micro == 0;
  if (!leaves && !Sound(new_place)) {
    ++refused_;
    return;
  }
  ++moves_;
  if (!leaves) micros_.Advance(new_place.time);
  if (old_place.micro != 0) {
    if (Sound(old_place) && old_place.time <= micros_.clock()) {
      ToCurrent(old_place.z, old_place.epoch, from_);
      if (!micros_.Remove(old_place.micro, from_, old_place.time)) ++dropped_;
    } else {
      ++refused_;
    }
  }
  if (leaves) {
    reservoir_.erase(customer);
  } else {
    ToCurrent(new_place.z, new_place.epoch, to_);
    if (!micros_.Add(new_place.micro, to_, new_place.time)) ++dropped_;
    UpdateReservoir(customer, new_place);
  }
  ++moves_since_step_;
  ++moves_since_vote_;
  StepIfDue();
}

void Segmenter::UpdateReservoir(IdHash customer, const Coordinates& place) {
  auto at = reservoir_.lower_bound(customer);
  if (at == reservoir_.end() && reservoir_.size() >= kReservoir) return;
  if (at == reservoir_.end() || at->first != customer) {
    at = reservoir_.emplace_hint(at, customer, Resident{});
    if (reservoir_.size() > kReservoir) reservoir_.erase(std::prev(reservoir_.end()));
  }
  at->second.time = place.time;
  at->second.epoch = place.epoch;
  at->second.z = place.z;
}

void Segmenter::StepIfDue() {
  if (moves_since_step_ < kHourlyMoves && moves_since_step_ < settings_.step_moves) return;
  const std::int64_t hour = micros_.clock() / kHour;
  const bool hour_passed = step_hour_ == INT64_MIN || hour > step_hour_;
  if (moves_since_step_ < settings_.step_moves && !hour_passed) return;
  MacroStep();
  moves_since_step_ = 0;
  step_hour_ = hour;
}

void Segmenter::MacroStep() {
  if (reservoir_.size() < kOneSegmentBelow && segments_.empty()) return;
  if (reservoir_.empty() || micros_.clusters().empty()) return;
  ++step_;
  RenewEpoch();
  const PointSet points = ReservoirPoints();
  if (segments_.empty()) {  // what View() has been showing: everybody in one segment
    segments_.push_back(Segment{.id = identity_.next_id++, .slot = 0, .share = 1});
    segments_[0].centre = segments_[0].anchor = AssignAll(points, std::vector<double>(settings_.dimension, 0.0)).centres;
    for (auto& [hash, resident] : reservoir_) resident.segment = segments_[0].id;
  }
  Draws draws(settings_.seed, H64("segments"), step_, Purpose::kKMeans);
  if (settings_.k != 0) {
    k_ = settings_.k;
  } else {
    VoteOnK(points, draws);
  }
  Identify(points, FitMacro(points, k_, draws));
}

PointSet Segmenter::ReservoirPoints() const {
  PointSet points(settings_.dimension);
  points.Reserve(reservoir_.size());
  std::vector<double> z(settings_.dimension);
  for (const auto& [hash, resident] : reservoir_) {
    ToCurrent(resident.z, resident.epoch, z);
    points.Add(z, micros_.Freshness(resident.time));
  }
  return points;
}

std::vector<double> Segmenter::StrengthsOf(const PointSet& points, Draws& draws) const {
  std::vector<double> strength(kMostSegments + 1, 0.0), z(settings_.dimension);
  for (int split = 0; split < kVoteSplits; ++split) {
    PointSet halves[2] = {PointSet(settings_.dimension), PointSet(settings_.dimension)};
    for (std::size_t i = 0; i < points.size(); ++i) {
      PointSet& half = halves[draws.Bits() >> 63];
      if (half.size() >= kHalfMost) continue;
      points.Get(i, z);
      half.Add(z);
    }
    const std::vector<double> one = PredictionStrengths(halves[0], halves[1], kMostSegments, draws);
    for (std::size_t k = 0; k < one.size(); ++k) strength[k] += one[k] / kVoteSplits;
  }
  return strength;
}

void Segmenter::VoteOnK(const PointSet& points, Draws& draws) {
  const std::int64_t day = micros_.clock() / (24 * kHour);
  if (k_ != 0 && moves_since_vote_ < kVoteMoves && day <= vote_hour_ / 24) return;
  moves_since_vote_ = 0;
  vote_hour_ = micros_.clock() / kHour;
  const std::vector<double> strength = StrengthsOf(points, draws);
  if (strength_.empty()) strength_.assign(strength.begin() + 1, strength.end());
  std::uint32_t best = 1;
  for (std::uint32_t k = 2; k <= kMostSegments; ++k) {
    double& smooth = strength_[k - 1];
    smooth += kVoteShare * (strength[k] - smooth);
    if (smooth >= (k == k_ ? kStillSound : kSoundStrength)) best = k;
  }
  if (k_ == 0) k_ = best;
  // A change takes three votes in a row on the same side of k; then the one nearest to k wins. (Three equal votes would
  // let two sound candidates above k block each other for ever.)
  if (best == k_) {
    votes_ = 0;
    return;
  }
  const bool same_side = votes_ > 0 && (candidate_k_ > k_) == (best > k_);
  if (!same_side) {
    votes_ = 0;
    candidate_k_ = best;
  }
  candidate_k_ = best > k_ ? std::min(best, candidate_k_) : std::max(best, candidate_k_);
  if (++votes_ < kVotesToChange) return;
  k_ = candidate_k_;
  votes_ = 0;
}

Clustering Segmenter::FitMacro(const PointSet& points, std::uint32_t k, Draws& draws) const {
  PointSet means(settings_.dimension);
  for (const MicroClusters::Cluster& c : micros_.clusters()) means.Add(c.centre, c.n);
  const PointSet& coarse = means.size() > k ? means : points;
  const bool warm = segments_.size() == k;
  Clustering fresh = KMeans(coarse, k, warm ? kMacroRestarts - 1 : kMacroRestarts, kMicroIterations, draws);
  fresh = Lloyd(points, std::move(fresh.centres), kReservoirIterations);
  if (!warm) return fresh;
  std::vector<double> centres;
  for (const Segment& s : segments_) centres.insert(centres.end(), s.centre.begin(), s.centre.end());
  Clustering kept = Lloyd(points, std::move(centres), kReservoirIterations);
  return fresh.inertia < kFreshWins * kept.inertia ? fresh : kept;
}

void Segmenter::Identify(const PointSet& points, const Clustering& fit) {
  const std::size_t d = settings_.dimension;
  std::vector<double> members(fit.k, 0.0), spread(fit.k, 0.0);
  for (std::size_t i = 0; i < points.size(); ++i) {
    members[fit.label[i]] += 1;
    for (std::size_t j = 0; j < d; ++j) {
      const double off = points.at(i, j) - fit.centres[fit.label[i] * d + j];
      spread[fit.label[i]] += off * off;
    }
  }
  std::vector<std::uint32_t> place(fit.k, 0);
  std::vector<Segment> fresh;
  for (std::size_t c = 0; c < fit.k; ++c) {
    if (members[c] == 0) continue;  // an empty cluster is nobody's segment
    place[c] = static_cast<std::uint32_t>(fresh.size());
    Segment s{.share = members[c] / static_cast<double>(points.size()), .radius = std::sqrt(spread[c] / members[c])};
    s.centre.assign(&fit.centres[c * d], &fit.centres[c * d] + d);
    fresh.push_back(std::move(s));
  }
  std::vector<SegmentIdentity::Membership> memberships;
  memberships.reserve(points.size());
  std::size_t i = 0;
  for (const auto& [hash, resident] : reservoir_) memberships.push_back({resident.segment, place[fit.label[i++]]});
  const SegmentEvent stamp{.time = micros_.clock(), .step = step_};
  std::vector<std::uint32_t> id_of;
  identity_.Adopt(segments_, std::move(fresh), memberships, stamp, events_, id_of);
  i = 0;
  for (auto& [hash, resident] : reservoir_) resident.segment = id_of[memberships[i++].cluster];
  if (events_.size() > kEventsKept) events_.erase(events_.begin(), events_.end() - static_cast<std::ptrdiff_t>(kEventsKept));
}

void Segmenter::RenewEpoch() {
  const std::size_t d = settings_.dimension;
  std::vector<double> mean(d, 0.0), sd(d, 0.0);
  double n = 0;
  for (const MicroClusters::Cluster& c : micros_.clusters()) {
    n += c.n;
    for (std::size_t j = 0; j < d; ++j) {
      mean[j] += c.ls[j];
      sd[j] += c.ss[j];
    }
  }
  for (std::size_t j = 0; j < d; ++j) {
    mean[j] /= n;
    sd[j] = std::sqrt(std::max(0.0, sd[j] / n - mean[j] * mean[j]));
  }
  if (EpochIsStale(mean, sd)) AdoptEpoch(NextEpoch(mean, sd));
}

double Segmenter::Raw(const Resident& resident, std::size_t j) const {
  const Epoch& then = epochs_[resident.epoch - first_epoch_];
  return then.centre[j] + then.scale[j] * resident.z[j];
}

Segmenter::AtLimits Segmenter::CountAtLimits(std::size_t j) const {
  const Epoch& now = epochs_.back();
  const double touch = 1e-6 * (now.high[j] - now.low[j]);  // z went through float32
  AtLimits at;
  for (const auto& [hash, resident] : reservoir_) {
    const double raw = Raw(resident, j), weight = micros_.Freshness(resident.time);
    at.total += weight;
    if (raw <= now.low[j] + touch) at.low += weight;
    if (raw >= now.high[j] - touch) at.high += weight;
  }
  return at;
}

bool Segmenter::EpochIsStale(std::span<const double> mean, std::span<const double> sd) const {
  if (epoch() == 1) return true;  // its limits are a placeholder
  for (std::size_t j = 0; j < mean.size(); ++j) {
    if (std::abs(mean[j]) > kMeanMoved) return true;
    if (sd[j] > kConstantSd && (sd[j] < kScaleLow || sd[j] > kScaleHigh)) return true;
    // Mean and scale of cut values cannot tell of a change beyond the limits; what piles up there does.
    const AtLimits at = CountAtLimits(j);
    if (std::max(at.low, at.high) > kPiledLimit * at.total) return true;
  }
  return false;
}

Segmenter::Epoch Segmenter::NextEpoch(std::span<const double> mean, std::span<const double> sd) const {
  const Epoch& now = epochs_.back();
  Epoch next = now;
  std::vector<std::pair<double, double>> values;
  for (std::size_t j = 0; j < mean.size(); ++j) {
    next.centre[j] = now.centre[j] + now.scale[j] * mean[j];
    if (sd[j] > kConstantSd) next.scale[j] = now.scale[j] * sd[j];
    // The reservoir is the decayed sketch of raw values: a fair sample of customers, each where it was last told.
    values.clear();
    for (const auto& [hash, resident] : reservoir_) {
      values.emplace_back(Raw(resident, j), micros_.Freshness(resident.time));
    }
    std::sort(values.begin(), values.end());
    double total = 0;
    for (const auto& [value, weight] : values) total += weight;
    const double middle = WeightedQuantile(values, total, 0.5);
    const double low = WeightedQuantile(values, total, kQuantile), high = WeightedQuantile(values, total, 1 - kQuantile);
    if (high - low <= kConstantSd * now.scale[j]) {
      next.low[j] = next.centre[j] - kLooseLimit * next.scale[j];
      next.high[j] = next.centre[j] + kLooseLimit * next.scale[j];
      continue;
    }
    // A heap at the quantile is either the cut tail of the old limit, which cannot show how far it reaches now, or the
    // feature's own bound, where there is nothing to cut: let it out; the next epoch measures what comes.
    const double touch = 1e-6 * (high - low);
    double at_low = 0, at_high = 0;
    for (const auto& [value, weight] : values) {
      if (value <= low + touch) at_low += weight;
      if (value >= high - touch) at_high += weight;
    }
    next.low[j] = at_low > kCrowdedLimit * total ? middle - 2 * (middle - low) : low;
    next.high[j] = at_high > kCrowdedLimit * total ? middle + 2 * (high - middle) : high;
    if (next.low[j] >= low && at_low > kCrowdedLimit * total) next.low[j] = low - (high - low);  // median on the heap
    if (next.high[j] <= high && at_high > kCrowdedLimit * total) next.high[j] = high + (high - low);
  }
  return next;
}

void Segmenter::AdoptEpoch(Epoch next) {
  const std::size_t d = settings_.dimension;
  const Epoch& now = epochs_.back();
  std::vector<double> a(d), b(d);
  for (std::size_t j = 0; j < d; ++j) {
    a[j] = now.scale[j] / next.scale[j];
    b[j] = (now.centre[j] - next.centre[j]) / next.scale[j];
  }
  micros_.Map(a, b);
  for (Segment& s : segments_) {
    for (std::size_t j = 0; j < d; ++j) {
      s.centre[j] = a[j] * s.centre[j] + b[j];
      s.anchor[j] = a[j] * s.anchor[j] + b[j];
    }
  }
  epochs_.push_back(std::move(next));
  if (epochs_.size() <= kEpochsKept) return;
  // Customers told in the oldest epoch (a thousand re-standardisations ago) can no longer be placed.
  epochs_.erase(epochs_.begin());
  ++first_epoch_;
  std::erase_if(reservoir_, [&](const auto& entry) { return entry.second.epoch < first_epoch_; });
}

std::shared_ptr<SegmentView> Segmenter::View(std::uint64_t version) const {
  auto view = std::make_shared<SegmentView>();
  view->version = version;
  view->epoch = epoch();
  view->dimension = settings_.dimension;
  const Epoch& now = epochs_.back();
  view->centre = now.centre;
  view->scale = now.scale;
  view->low = now.low;
  view->high = now.high;
  if (micros_.founding()) {
    // Until the clusters cover the population every place founds one; a fold that saw a few would pile all onto them.
  } else {
    for (std::size_t i = 0; i < micros_.clusters().size(); ++i) {
      const MicroClusters::Cluster& c = micros_.clusters()[i];
      view->micros.push_back({c.id, micros_.Radius2(i), c.centre});
    }
  }
  for (const Segment& s : segments_) view->macros.push_back({s.id, s.slot, s.share, s.centre});
  if (segments_.empty() && !micros_.clusters().empty()) {
    std::vector<double> centre(settings_.dimension, 0.0);
    double n = 0;
    for (const MicroClusters::Cluster& c : micros_.clusters()) {
      n += c.n;
      for (std::size_t j = 0; j < centre.size(); ++j) centre[j] += c.ls[j];
    }
    for (double& v : centre) v /= n;
    view->macros.push_back({1, 0, 1.0, std::move(centre)});
  }
  return view;
}

std::vector<SegmentEvent> Segmenter::DrainEvents() { return std::exchange(events_, {}); }

SegmentDiagnostics Segmenter::Diagnose() const {
  SegmentDiagnostics result;
  result.prediction_strength = strength_;
  result.customers = micros_.members();
  result.micro_clusters = micros_.clusters().size();
  result.moves = moves_;
  result.refused = refused_;
  result.dropped = dropped_;
  result.steps = step_;
  for (const Segment& s : segments_) result.sizes.emplace_back(s.id, 0);
  for (const auto& [hash, resident] : reservoir_) {
    for (auto& [id, size] : result.sizes) size += resident.segment == id;
  }
  if (reservoir_.size() < 2 * kMostSegments) return result;
  const PointSet points = ReservoirPoints();
  PointSet some(settings_.dimension);  // in hash order, so the first are as good a sample as any
  std::vector<double> z(settings_.dimension);
  for (std::size_t i = 0; i < std::min(points.size(), kSilhouetteMost); ++i) {
    points.Get(i, z);
    some.Add(z);
  }
  Draws draws(settings_.seed, H64("segments/diagnose"), step_, Purpose::kKMeans);
  for (std::size_t k = 1; k <= kMostSegments; ++k) {
    const Clustering fit = KMeans(points, k, kMacroRestarts, kMicroIterations, draws);
    result.inertia.push_back(fit.inertia);
    result.bic.push_back(Bic(points, fit));
    result.silhouette.push_back(Silhouette(some, AssignAll(some, fit.centres)));
  }
  result.elbow = Elbow(result.inertia);
  if (result.prediction_strength.empty()) {   // k is set: nobody voted
    const std::vector<double> strength = StrengthsOf(points, draws);
    result.prediction_strength.assign(strength.begin() + 1, strength.end());
  }
  return result;
}

}  // namespace offerstream
