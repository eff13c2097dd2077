// A race as it is kept: what serving needs first, so that readers who only adopt stop there.
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/learning/model_race.h"

namespace offerstream {
namespace {

constexpr std::size_t kVariantsMax = 16, kSetsMax = 4;

}  // namespace

void ModelRace::SaveVariant(const Variant& variant, ByteWriter& out) const {
  out.U8(variant.features);
  variant.model.Save(out);
  variant.calibrator.Save(out);
}

void ModelRace::RestoreVariant(Variant& variant, ByteReader& in, int format) const {
  variant.features = format >= 3 ? in.U8() : kPlainFeatures;
  if (variant.features > (kCurveFeatures | kCrossFeatures)) in.Fail();
  if (!in.ok()) return;
  variant.used = groups_.Used(variant.features, admitted_);
  variant.model = ResponseModel::Restore(groups_.Count(variant.used), in);
  variant.calibrator.Restore(in);
}

// A pool is served with all its members.
void ModelRace::SaveServed(ByteWriter& out) const {
  out.Bool(spec_.pool);
  out.U8(admitted_);
  SaveVariant(variants_.front(), out);
  if (!spec_.pool) return;
  pool_calibrator_.Save(out);
  SaveRest(out);
}

void ModelRace::SaveOthers(ByteWriter& out) const {
  if (!spec_.pool) SaveRest(out);
}

void ModelRace::SaveRest(ByteWriter& out) const {
  out.Bool(spec_.half_lives);
  out.Bool(spec_.variances);
  out.U8(static_cast<std::uint8_t>(spec_.features.size()));
  for (const FeatureSet features : spec_.features) out.U8(features);
  for (const std::int64_t number : {changes_, labels_, restarts_}) out.I64(number);
  for (std::size_t j = 0; j < groups_.size(); ++j) {
    if (groups_.set[j] != kCrossFeatures) continue;
    out.F64(error_[j]);
    out.F64(information_[j]);
  }
  out.U8(static_cast<std::uint8_t>(variants_.size()));
  for (std::size_t k = 0; k < variants_.size(); ++k) {
    const Variant& variant = variants_[k];
    for (const double number : {variant.pace, variant.width, variant.loss}) out.F64(number);
    out.I64(variant.ahead);
    if (k > 0) SaveVariant(variant, out);
  }
}

ModelRace ModelRace::RestoreServed(FeatureGroups groups, ByteReader& in, int format) {
  ModelRace race(std::move(groups), RaceSpec::None());
  if (format >= 3) {
    race.spec_.pool = in.Bool();
    race.admitted_ = in.U8();
  }
  race.RestoreVariant(race.variants_.front(), in, format);
  race.spec_.features = {race.variants_.front().features};
  if (!race.spec_.pool || !in.ok()) return race;
  race.pool_calibrator_.Restore(in);
  race.RestoreRest(in, format);
  return race;
}

void ModelRace::RestoreOthers(ByteReader& in, int format) {
  if (!spec_.pool) RestoreRest(in, format);
}

void ModelRace::RestoreRest(ByteReader& in, int format) {
  if (format >= 3) {
    spec_.half_lives = in.Bool();
    spec_.variances = in.Bool();
    spec_.features.assign(in.U8(), kPlainFeatures);
    if (spec_.features.empty() || spec_.features.size() > kSetsMax) return in.Fail();
    for (FeatureSet& features : spec_.features) features = in.U8();
    changes_ = in.I64();
    labels_ = in.I64();
    restarts_ = in.I64();
    for (std::size_t j = 0; j < groups_.size(); ++j) {
      if (groups_.set[j] != kCrossFeatures) continue;
      error_[j] = in.F64();
      information_[j] = in.F64();
      if (!std::isfinite(error_[j]) || !(information_[j] >= 0)) in.Fail();
    }
  }
  const std::size_t count = in.U8();
  if (count < 1 || count > kVariantsMax || !in.ok()) return in.Fail();
  if (format < 3) {
    changes_ = in.I64();
    spec_.half_lives = count > 1;
  }
  for (std::size_t k = 0; k < count && in.ok(); ++k) {
    if (k > 0) variants_.push_back({ResponseModel(0)});
    Variant& variant = variants_.back();
    variant.pace = in.F64();
    variant.width = format >= 3 ? in.F64() : 1;
    variant.loss = in.F64();
    variant.ahead = in.I64();
    const bool sane = variant.pace >= 1 / kPaceMax && variant.pace <= kPaceMax && variant.loss >= 0 && std::isfinite(variant.loss) &&
                      variant.ahead >= 0 && std::find(kWidths.begin(), kWidths.end(), variant.width) != kWidths.end();
    if (!sane || changes_ < 0 || labels_ < 0 || restarts_ < 0) in.Fail();
    if (k > 0 && in.ok()) RestoreVariant(variant, in, format);
  }
}

}  // namespace offerstream
