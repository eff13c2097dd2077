#include "models/response_learner.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "models/domain/digest.h"
#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr double kMsPerHour = 3'600'000.0;
constexpr double kFirstBaseRate = 0.05, kBaseRateHalfLifeLabels = 20'000;
constexpr double kFeatureMeanMemory = 10'000;
constexpr std::uint64_t kSoundEvery = 10'000;       // updates between checks of a covariance
constexpr std::uint64_t kDetectorWarmUp = 500;      // labels until predictions are worth betting against
constexpr std::int64_t kDetectorWarmUpPositives = 30;  // of them positive: a rare outcome tells little by its silence
constexpr std::int64_t kFastLabels = 5'000;
constexpr double kWidenLevel = 4, kWidenSlopes = 1.5;

bool AllFinite(std::span<const float> values) {
  // A sum of absolute values is finite exactly when all are (256 floats cannot overflow a double).
  double sum = 0;
  for (float value : values) sum += std::abs(static_cast<double>(value));
  return std::isfinite(sum);
}

}  // namespace

std::shared_ptr<const FeatureFrame> FeatureFrame::Of(const FeatureSchema& schema) {
  auto frame = std::make_shared<FeatureFrame>();
  frame->epoch = schema.epoch;
  frame->features.reserve(schema.size());
  for (const FeatureSpec& feature : schema.features) {
    const FeatureSet set = feature.kind == FeatureKind::kCurve  ? kCurveFeatures
                           : feature.kind == FeatureKind::kCell ? kCrossFeatures
                                                                : kPlainFeatures;
    frame->features.push_back({feature.name, feature.centre, feature.scale == 0 ? 1.0 : feature.scale, set,
                               set == kCrossFeatures ? static_cast<std::uint8_t>(feature.index) : std::uint8_t{0}});
  }
  return frame;
}

FeatureGroups FeatureFrame::Groups() const {
  FeatureGroups groups;
  for (const Feature& feature : features) {
    groups.set.push_back(feature.set);
    groups.cross.push_back(feature.cross);
  }
  return groups;
}

void FeatureFrame::Save(ByteWriter& out) const {
  out.U32(epoch);
  out.Varint(features.size());
  for (const Feature& feature : features) {
    out.Text(feature.name);
    out.F64(feature.centre);
    out.F64(feature.scale);
    out.U8(static_cast<std::uint8_t>(feature.set | feature.cross << 2));
  }
}

std::shared_ptr<const FeatureFrame> FeatureFrame::Restore(ByteReader& in, int format) {
  auto frame = std::make_shared<FeatureFrame>();
  frame->epoch = in.U32();
  const std::size_t count = in.Count(1 + 2 * sizeof(double));
  if (count > kFeaturesMax) in.Fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Feature feature;
    feature.name = std::string(in.Text());
    feature.centre = in.F64();
    feature.scale = in.F64();
    const std::uint8_t group = format >= 3 ? in.U8() : std::uint8_t{0};
    feature.set = group & (kCurveFeatures | kCrossFeatures);
    feature.cross = static_cast<std::uint8_t>(group >> 2);
    if (feature.set > kCrossFeatures || feature.cross >= kCrossesMax) in.Fail();
    if (!std::isfinite(feature.centre) || !std::isfinite(feature.scale) || feature.scale == 0) in.Fail();
    frame->features.push_back(std::move(feature));
  }
  return frame;
}

SchemaChange FeatureFrame::From(const FeatureFrame& old, std::span<const double> means) const {
  std::map<std::string, std::size_t> by_name;
  for (std::size_t i = 0; i < old.features.size(); ++i) by_name.emplace(old.features[i].name, i);
  SchemaChange change;
  for (std::size_t j = 0; j < features.size(); ++j) {
    SchemaChange::Kept kept;
    const auto found = by_name.find(features[j].name);
    if (found != by_name.end()) {
      const Feature& before = old.features[found->second];
      kept.old_index = found->second;
      kept.shift = (features[j].centre - before.centre) / before.scale;
      kept.stretch = features[j].scale / before.scale;
      by_name.erase(found);
    } else if (j == 0 && !old.features.empty()) {
      kept.old_index = 0;  // the bias is the bias, whatever it is called
      by_name.erase(old.features[0].name);
    }
    change.features.push_back(kept);
  }
  for (const auto& [name, index] : by_name) change.dropped_means.emplace_back(index, means[index]);
  return change;
}

ResponseLearner::ResponseLearner(std::shared_ptr<const FeatureFrame> frame, const HalfLives& half_lives,
                                 Duration window, RaceSpec race)
    : frame_(std::move(frame)),
      half_lives_(half_lives),
      race_(frame_->Groups(), std::move(race)),
      mature_(frame_->Groups().Count(frame_->Groups().Used(kPlainFeatures, 0))),
      plain_(frame_->Groups().Used(kPlainFeatures, 0)),
      delay_(window),
      feature_mean_(frame_->features.size(), 0.0),
      base_rate_(kFirstBaseRate) {}

std::span<const float> ResponseLearner::Plain(std::span<const float> x) {
  if (plain_.empty()) return x;
  seen_.resize(plain_.size());
  for (std::size_t i = 0; i < plain_.size(); ++i) seen_[i] = x[plain_[i]];
  return seen_;
}

bool ResponseLearner::Apply(const Observation& row, std::span<const float> x) {
  bool applied = false;
  switch (row.kind) {
    case ObservationKind::kInterval: applied = LearnInterval(row, x); break;
    case ObservationKind::kMature: applied = LearnMature(row, x); break;
    case ObservationKind::kBirth: applied = TakeBirth(row, x); break;
    default: break;
  }
  if (applied) {
    ++observations_;
  } else {
    ++rejected_;
  }
  return applied;
}

// Entering a later hour the model drifts once, by the gap.
void ResponseLearner::Advance(EventTime time) {
  const auto hour = static_cast<std::int64_t>(std::floor(static_cast<double>(time) / kMsPerHour));
  if (clock_hour_ >= 0 && hour > clock_hour_) {
    const auto gap = static_cast<double>(hour - clock_hour_);
    const double pace = fast_labels_ > 0 ? 0.5 : 1.0;
    race_.Drift(gap, {half_lives_.level_hours * pace, half_lives_.slope_hours * pace});
    mature_.Drift(gap, half_lives_);
    delay_.Drift(gap, hour);
  }
  clock_hour_ = std::max(clock_hour_, hour);
}

bool ResponseLearner::LearnInterval(const Observation& row, std::span<const float> x) {
  const double y = static_cast<double>(row.y);
  if (!Fit(x) || !AllFinite(x) || !(y >= 0 && y <= 1)) return false;
  if (row.from < 0 || row.to < row.from || row.time < 0 || row.delay < 0) return false;
  Advance(row.time);
  LabelInterval interval;
  interval.late = !row.instant && row.to != kWholeWindow;
  if (interval.late) {
    interval.log_share = delay_.Offset(row.from, row.to);
    interval.before_end = delay_.F(row.to);
    if (y >= 0.5) delay_.Convert(row.from, row.to, row.delay, row.time, row.held);
    if (y < 0.5) delay_.Close(row.from, row.to);
  }
  const double logit = race_.Learn(x, y, interval);
  rejected_ += race_.CheckSound();
  if (fast_labels_ > 0) --fast_labels_;
  if (y >= 0.5) ++positives_;
  if (serving().updates() <= kDetectorWarmUp || positives_ <= kDetectorWarmUpPositives) return true;
  if (detector_.Add(logit, y >= 0.5)) {
    race_.Widen(kWidenLevel, kWidenSlopes);
    fast_labels_ = kFastLabels;
  }
  return true;
}

bool ResponseLearner::LearnMature(const Observation& row, std::span<const float> x) {
  const double y = static_cast<double>(row.y);
  if (!Fit(x) || !AllFinite(x) || !(y >= 0 && y <= 1)) return false;
  if (!std::isfinite(row.served_logit) || !std::isfinite(row.probability) || row.delay < 0 || row.time < 0) return false;
  Advance(row.time);
  const bool said = row.probability > 0 && row.probability < 1;
  const double p = said ? row.probability : fixed::Logistic(calibrator().Apply(row.served_logit));
  score_.Add(p, y >= 0.5, base_rate_);
  mature_.Learn(Plain(x), y, 1.0, 0.0);
  if (mature_.updates() % kSoundEvery == 0 && !mature_.Sound()) ++rejected_;
  if (!row.instant) race_.LearnMature(row.served_logit, y, Calibrator::WeightOf(delay_.window()));
  static const double slow = 1.0 - fixed::Exp2(-1.0 / kBaseRateHalfLifeLabels);
  base_rate_ += slow * (y - base_rate_);
  const double level = fixed::Logit(std::clamp(base_rate_, 1e-6, 1 - 1e-6));
  race_.SetPriorLevel(level);
  mature_.SetPriorLevel(level);
  if (y >= 0.5 && !row.instant) delay_.Learn(row.delay);
  ++means_seen_;
  const double rate = 1.0 / std::min(static_cast<double>(means_seen_), kFeatureMeanMemory);
  for (std::size_t j = 0; j < x.size(); ++j) feature_mean_[j] += rate * (static_cast<double>(x[j]) - feature_mean_[j]);
  return true;
}

bool ResponseLearner::TakeBirth(const Observation& row, std::span<const float> prior) {
  const std::size_t d = frame_->features.size();
  if (row.time < 0 || prior.size() < 2 * d || prior.size() > 2 * d + kLabelCutsMax || !AllFinite(prior)) return false;
  const auto mean = prior.subspan(0, d), variance = prior.subspan(d, d), shares = prior.subspan(2 * d);
  if (std::any_of(variance.begin(), variance.end(), [](float v) { return !(v > 0); })) return false;
  // The owner takes the first one only: a later one would throw away what was learned. Not an error.
  if (born_ || serving().updates() > 0 || mature_.updates() > 0) return true;
  Advance(row.time);
  born_ = true;
  race_.Birth(mean, variance);
  const auto means = Plain(mean);
  const std::vector<float> own(means.begin(), means.end());   // one scratch
  mature_.Birth(own, Plain(variance));
  base_rate_ = std::clamp(fixed::Logistic(static_cast<double>(mean[0])), 1e-6, 1 - 1e-6);
  if (!shares.empty()) delay_.SetPool(shares);
  return true;
}

void ResponseLearner::Configure(std::shared_ptr<const FeatureFrame> frame, const HalfLives& half_lives,
                                Duration window, const RaceSpec* race) {
  half_lives_ = half_lives;
  delay_.Configure(window);
  if (frame->features != frame_->features) {
    const SchemaChange change = frame->From(*frame_, feature_mean_);
    const FeatureGroups before = frame_->Groups(), after = frame->Groups();
    std::vector<std::uint16_t> plain = after.Used(kPlainFeatures, 0);
    mature_.Reshape(change.Among(before.Listed(plain_), after.Listed(plain)));
    plain_ = std::move(plain);
    race_.Reshape(change, after);
    std::vector<double> means(change.features.size(), 0.0);
    for (std::size_t j = 0; j < means.size(); ++j) {
      const SchemaChange::Kept& kept = change.features[j];
      if (kept.old_index != SchemaChange::kNew) means[j] = (feature_mean_[kept.old_index] - kept.shift) / kept.stretch;
    }
    feature_mean_ = std::move(means);
  }
  frame_ = std::move(frame);
  if (race != nullptr) race_.Configure(*race, feature_mean_);
}

ResponseView ResponseLearner::View() const {
  ResponseView view;
  view.schema_epoch = frame_->epoch;
  race_.Write(view.mean, view.covariance);
  view.feature_mean = feature_mean_;
  view.calibration_a = calibrator().a();
  view.calibration_b = calibrator().b();
  view.base_rate = base_rate_;
  view.calibration_ratio = score_.Calibration();
  view.labels = score_.labels();
  view.cuts = delay_.Shares(view.delay_share);
  return view;
}

std::vector<ResponseLearner::Driver> ResponseLearner::Drivers() const {
  std::vector<Driver> drivers;
  for (std::size_t j = 0; j < mature_.dimension(); ++j) {
    drivers.push_back({frame_->features[plain_.empty() ? j : plain_[j]].name, mature_.mean(j), std::sqrt(mature_.covariance(j, j))});
  }
  return drivers;
}

std::uint64_t ResponseLearner::CoefficientHash() const {
  Digest digest;
  for (std::size_t j = 0; j < serving().dimension(); ++j) digest.Add(serving().mean(j));
  return digest.value();
}

void ResponseLearner::Save(ByteWriter& out) const {
  frame_->Save(out);
  race_.SaveServed(out);
  delay_.Save(out);
  score_.Save(out);
  for (double mean : feature_mean_) out.F64(mean);
  out.F64(base_rate_);
  // A view needs nothing of what follows.
  out.F64(half_lives_.level_hours);
  out.F64(half_lives_.slope_hours);
  race_.SaveOthers(out);
  mature_.Save(out);
  detector_.Save(out);
  out.Bool(born_);
  for (std::int64_t number : {clock_hour_, fast_labels_, observations_, means_seen_, rejected_, positives_}) {
    out.I64(number);
  }
}

Result<ResponseLearner> ResponseLearner::Restore(ByteReader& in, Part part, int format) {
  auto frame = FeatureFrame::Restore(in, format);
  if (!in.ok()) return Fail(Code::kCorrupt, "feature names of a response model");
  ResponseLearner learner(std::move(frame), {}, 1, RaceSpec::None());
  learner.race_ = ModelRace::RestoreServed(learner.frame_->Groups(), in, format);
  learner.delay_ = DelayCurve::Restore(in, format >= 2);
  learner.score_.Restore(in);
  for (double& mean : learner.feature_mean_) {
    mean = in.F64();
    if (!std::isfinite(mean)) in.Fail();
  }
  learner.base_rate_ = in.F64();
  if (!in.ok() || !(learner.base_rate_ >= 0 && learner.base_rate_ <= 1)) {
    return Fail(Code::kCorrupt, "serving part of a response model");
  }
  if (part == Part::kView) return learner;
  learner.half_lives_.level_hours = in.F64();
  learner.half_lives_.slope_hours = in.F64();
  if (format >= 2) learner.race_.RestoreOthers(in, format);
  learner.mature_ = ResponseModel::Restore(learner.mature_.dimension(), in);
  learner.detector_.Restore(in);
  learner.born_ = in.Bool();
  for (std::int64_t* number : {&learner.clock_hour_, &learner.fast_labels_, &learner.observations_,
                               &learner.means_seen_, &learner.rejected_, &learner.positives_}) {
    if (format < 2 && number == &learner.positives_) break;
    *number = in.I64();
    if (*number < -1) in.Fail();
  }
  if (!in.ok() || !(learner.half_lives_.level_hours > 0 && learner.half_lives_.slope_hours > 0)) {
    return Fail(Code::kCorrupt, "learning part of a response model");
  }
  return learner;
}

}  // namespace offerstream
