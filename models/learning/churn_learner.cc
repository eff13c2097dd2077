#include "models/learning/churn_learner.h"

#include <algorithm>
#include <cmath>

namespace offerstream {
namespace {

constexpr Duration kDayMs = 86'400'000;
constexpr double kMinorPerMajor = 100;

bool IsProbability(double p) { return p >= 0 && p <= 1; }

}  // namespace

void ChurnLearner::Apply(const Observation& row, std::span<const float> x) {
  const bool timed = row.time != kNever && row.time >= 0 && IsProbability(row.probability);
  const bool taken = timed && (row.kind == ObservationKind::kChurnRow ? Label(row, x) : Look(row));
  if (!taken) ++rejected_;
}

bool ChurnLearner::Label(const Observation& row, std::span<const float> x) {
  if (x.size() != ChurnModel::kDimension || (row.y != 0 && row.y != 1)) return false;
  if (!std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); })) return false;
  ChurnModel::Features features;
  std::copy(x.begin(), x.end(), features.begin());
  const double labels = static_cast<double>(score_.labels());
  score_.Add(row.probability, row.y == 1, (static_cast<double>(score_.positives()) + 1) / (labels + 2));
  model_.Learn(features, row.y == 1, row.time);
  return true;
}

bool ChurnLearner::Look(const Observation& row) {
  if (row.value < 0) return false;
  ++looks_;
  const std::int64_t day = row.time / kDayMs;
  newest_day_ = std::max(newest_day_, day);
  Day& slot = segments_[row.segment][static_cast<std::size_t>(day) % kDays];
  if (day > slot.day) slot = Day{day, 0, 0, 0, 0};
  if (day == slot.day) {   // else a partition that lies four weeks behind the others: its looks come again
    const double leave = 1 - row.probability, spend = static_cast<double>(row.value) / kMinorPerMajor;
    ++slot.customers;
    slot.leave += leave;
    slot.spend += spend;
    slot.at_risk += leave * spend;
  }
  if (segments_.size() > kSegmentsMost) segments_.erase(segments_.upper_bound(0));
  return true;
}

ChurnView ChurnLearner::View() const {
  ChurnView view = model_.View();
  view.labels = score_.labels();
  view.bought = score_.positives();
  view.auc = score_.Auc();
  view.log_loss_ratio = score_.LogLossRatio();
  view.calibration_ratio = score_.Calibration();
  ChurnView::Segment all;
  view.segments.resize(1);
  for (const auto& [id, days] : segments_) {
    ChurnView::Segment sum;
    sum.segment = id;
    for (const Day& day : days) {
      if (day.day < 0 || day.day <= newest_day_ - static_cast<std::int64_t>(kDays)) continue;
      sum.customers += day.customers;
      sum.leave += day.leave;
      sum.spend += day.spend;
      sum.at_risk += day.at_risk;
    }
    all.customers += sum.customers;
    all.leave += sum.leave;
    all.spend += sum.spend;
    all.at_risk += sum.at_risk;
    if (id == 0 || sum.customers == 0) continue;
    sum.leave /= static_cast<double>(sum.customers);
    view.segments.push_back(sum);
  }
  if (all.customers > 0) all.leave /= static_cast<double>(all.customers);
  view.segments[0] = all;
  return view;
}

void ChurnLearner::Save(ByteWriter& out) const {
  model_.Save(out);
  score_.Save(out);
  for (const std::int64_t n : {newest_day_, looks_, rejected_}) out.I64(n);
  out.Varint(segments_.size());
  for (const auto& [id, days] : segments_) {
    out.U32(id);
    out.U8(static_cast<std::uint8_t>(std::count_if(days.begin(), days.end(), [](const Day& d) { return d.day >= 0; })));
    for (const Day& day : days) {
      if (day.day < 0) continue;
      out.I64(day.day);
      out.I64(day.customers);
      for (const double sum : {day.leave, day.spend, day.at_risk}) out.F64(sum);
    }
  }
}

void ChurnLearner::Restore(ByteReader& in) {
  *this = ChurnLearner();
  model_.Restore(in);
  score_.Restore(in);
  for (std::int64_t* n : {&newest_day_, &looks_, &rejected_}) *n = in.I64();
  const std::size_t count = in.Count(5);
  if (count > kSegmentsMost) in.Fail();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Segment& days = segments_[in.U32()];
    for (std::size_t left = in.U8(); left > 0 && in.ok(); --left) {
      Day day;
      day.day = in.I64();
      day.customers = in.I64();
      for (double* sum : {&day.leave, &day.spend, &day.at_risk}) *sum = in.F64();
      if (day.day < 0 || day.customers < 0 || !std::isfinite(day.leave + day.spend + day.at_risk)) return in.Fail();
      days[static_cast<std::size_t>(day.day) % kDays] = day;
    }
  }
  if (segments_.size() != count) in.Fail();
  if (!in.ok()) *this = ChurnLearner();
}

}  // namespace offerstream
