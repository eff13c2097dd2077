#include "models/learning/model_race.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kSoundEvery = 10'000;
constexpr double kProbabilityMax = 0.9;  // beyond it thinning says nothing
constexpr std::size_t kVariantsMax = 3;

double LossOf(double logit, double y) {
  const double p = std::clamp(fixed::Logistic(logit), 1e-6, 1 - 1e-6);
  return -(y * fixed::Log(p) + (1 - y) * fixed::Log(1 - p));
}

}  // namespace

double LabelInterval::Offset(double logit) const {
  if (!late) return 0;
  const double p = std::min(kProbabilityMax, fixed::Logistic(logit));
  return log_share + fixed::Log((1 - p) / (1 - p * before_end));
}

ModelRace::ModelRace(std::size_t dimension, bool race) {
  variants_.push_back({ResponseModel(dimension)});
  if (race) Spawn();
}

bool ModelRace::Has(double pace) const {
  return std::any_of(variants_.begin(), variants_.end(), [pace](const Variant& v) { return v.pace == pace; });
}

// The leader's neighbours on the ladder, where there are none yet: its coefficients, calibrator and loss.
void ModelRace::Spawn() {
  if (variants_.front().model.dimension() > kDimensionMax) return;
  for (const double pace : {variants_.front().pace / kStep, variants_.front().pace * kStep}) {
    if (pace < 1 / kPaceMax || pace > kPaceMax || Has(pace)) continue;
    Variant variant = variants_.front();
    variant.pace = pace;
    variant.ahead = 0;
    variants_.push_back(std::move(variant));
  }
  std::sort(variants_.begin() + 1, variants_.end(), [](const Variant& a, const Variant& b) { return a.pace < b.pace; });
}

void ModelRace::Promote(std::size_t k) {
  ++changes_;
  std::swap(variants_[0], variants_[k]);
  const double leader = variants_.front().pace;
  std::erase_if(variants_, [leader](const Variant& v) {
    return v.pace != leader && v.pace != leader * kStep && v.pace != leader / kStep;
  });
  for (Variant& variant : variants_) variant.ahead = 0;
  Spawn();
}

double ModelRace::Learn(std::span<const float> x, double y, const LabelInterval& interval) {
  static const double keep = 1 - 1 / kMemory;
  double served = 0;
  for (std::size_t k = 0; k < variants_.size(); ++k) {
    Variant& variant = variants_[k];
    const ResponseModel::Prediction before = variant.model.Predict(x);
    const double said = before.Moderated(), calibrated = variant.calibrator.Apply(said);
    const double offset = interval.Offset(calibrated);
    variant.model.LearnPredicted(before, y, 1.0, offset);
    variant.calibrator.Learn(said, y, interval.late ? kEarlyLabelWeight : 1.0, offset);
    if (k == 0) served = calibrated + offset;
    if (variants_.size() > 1) variant.loss = keep * variant.loss + LossOf(calibrated + offset, y);
  }
  std::size_t ahead = 0;
  for (std::size_t k = 1; k < variants_.size(); ++k) {
    Variant& variant = variants_[k];
    variant.ahead = variant.loss + kLead < variants_[0].loss ? variant.ahead + 1 : 0;
    if (variant.ahead < kPatience) continue;
    if (ahead == 0 || variant.loss < variants_[ahead].loss) ahead = k;
  }
  if (ahead > 0) Promote(ahead);
  return served;
}

void ModelRace::Drift(double hours, const HalfLives& half_lives) {
  for (Variant& variant : variants_) {
    variant.model.Drift(hours, {half_lives.level_hours / variant.pace, half_lives.slope_hours / variant.pace});
  }
}

void ModelRace::Birth(std::span<const float> mean, std::span<const float> variance) {
  for (Variant& variant : variants_) variant.model.Birth(mean, variance);
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

void ModelRace::Reshape(const SchemaChange& change) {
  for (Variant& variant : variants_) variant.model.Reshape(change);
}

void ModelRace::Configure(bool race) {
  if (!race && variants_.size() > 1) {
    variants_.erase(variants_.begin() + 1, variants_.end());
    variants_.front().pace = 1;  // plain: the configured half-lives
  }
  if (race) Spawn();
}

void ModelRace::SaveServed(ByteWriter& out) const {
  variants_.front().model.Save(out);
  variants_.front().calibrator.Save(out);
}

void ModelRace::SaveOthers(ByteWriter& out) const {
  out.U8(static_cast<std::uint8_t>(variants_.size()));
  out.I64(changes_);
  for (std::size_t k = 0; k < variants_.size(); ++k) {
    const Variant& variant = variants_[k];
    out.F64(variant.pace);
    out.F64(variant.loss);
    out.I64(variant.ahead);
    if (k == 0) continue;
    variant.model.Save(out);
    variant.calibrator.Save(out);
  }
}

ModelRace ModelRace::RestoreServed(std::size_t dimension, ByteReader& in) {
  ModelRace race(dimension, false);
  race.variants_.front().model = ResponseModel::Restore(dimension, in);
  race.variants_.front().calibrator.Restore(in);
  return race;
}

void ModelRace::RestoreOthers(ByteReader& in) {
  const std::size_t count = in.U8(), dimension = variants_.front().model.dimension();
  if (count < 1 || count > kVariantsMax) in.Fail();
  changes_ = in.I64();
  for (std::size_t k = 0; k < count && in.ok(); ++k) {
    if (k > 0) variants_.push_back({ResponseModel(dimension)});
    Variant& variant = variants_.back();
    variant.pace = in.F64();
    variant.loss = in.F64();
    variant.ahead = in.I64();
    const bool sane = variant.pace >= 1 / kPaceMax && variant.pace <= kPaceMax && variant.loss >= 0 &&
                      std::isfinite(variant.loss) && variant.ahead >= 0;
    if (!sane || changes_ < 0) in.Fail();
    if (k == 0) continue;
    variant.model = ResponseModel::Restore(dimension, in);
    variant.calibrator.Restore(in);
  }
}

}  // namespace offerstream
