// CapCurve as others see it: the published view and the complete snapshot.
#include <algorithm>
#include <cmath>

#include "models/learning/cap_curve.h"

namespace offerstream {
namespace {

constexpr double kNormal95 = 1.959963984540054;
constexpr std::size_t kCurvesMax = 64;
static_assert(std::tuple_size_v<decltype(CapCell::Point::shift)> == kOutcomesMax);

void RestoreNumbers(std::span<double> numbers, ByteReader& in) {
  for (double& number : numbers) {
    number = in.F64();
    if (!std::isfinite(number)) in.Fail();
  }
}

}  // namespace

void CapCurve::RefreshPoints(Cell& cell, const ChannelSpec& channel) const {
  const auto rate = [&](std::size_t outcome, const Terms& f) {
    if (outcome >= slot_of_outcome_.size()) return 0.0;
    const std::size_t slot = slot_of_outcome_[outcome];
    double slope = 0;
    return cell.curves[slot].rows == 0 ? 0.0 : Rate(curves_[slot], cell.curves[slot], f, &slope);
  };
  cell.points.clear();
  cell.low = cell.high = 0;
  bool low_open = true, high_open = true;
  const auto last = std::max<std::uint32_t>(kPoints, channel.cap.max);
  for (std::uint32_t n = 1; n <= last; ++n) {
    const Net net = NetAt(cell, channel, n);
    low_open = low_open && net.value - kNormal95 * net.se > 0;
    high_open = high_open && net.value + kNormal95 * net.se > 0;
    if (n <= channel.cap.max) {
      cell.low = static_cast<std::uint16_t>(cell.low + low_open);
      cell.high = static_cast<std::uint16_t>(cell.high + high_open);
    }
    if (n > kPoints) continue;
    const Terms f = TermsOf(n);
    cell.points.push_back({static_cast<std::uint16_t>(n), rate(CampaignPlan::kClick, f),
                           rate(CampaignPlan::kConversion, f), net.unsubscribe, net.value, net.se});
  }
}

CapView CapCurve::View() const {
  CapView view;
  for (const auto& [key, cell] : cells_) {
    const auto channel = plan_->channel_by_hash.find(key.second);
    if (channel == plan_->channel_by_hash.end()) continue;
    CapCell& shown = view.cells.emplace_back();
    shown.segment = key.first;
    shown.channel = channel->second;
    shown.limit = std::min(cell.limit, plan_->channels[channel->second.value].cap.max);
    // The hysteresis may lag behind its own band.
    shown.low = shown.limit > 0 ? std::min(cell.low, shown.limit) : cell.low;
    shown.high = std::max(cell.high, shown.limit);
    shown.impressions = cell.impressions;
    shown.points = cell.points;
    const std::size_t outcomes = std::min(kOutcomesMax, slot_of_outcome_.size());
    for (CapCell::Point& point : shown.points) {
      const Terms f = TermsOf(point.n);
      for (std::size_t o = 0; o < outcomes; ++o) {
        const std::size_t slot = slot_of_outcome_[o];
        point.shift[o] = curves_[slot].shared.Logit(f) + cell.curves[slot].own.Logit(f);
      }
    }
  }
  std::sort(view.cells.begin(), view.cells.end(), [](const CapCell& a, const CapCell& b) {
    return std::pair(a.segment, a.channel) < std::pair(b.segment, b.channel);
  });
  return view;
}

void CapCurve::Save(ByteWriter& out) const {
  out.Varint(curves_.size());
  for (const Curve& curve : curves_) {
    out.Text(curve.outcome);
    curve.shared.Save(out);
    for (double variance : curve.cell_variance) out.F64(variance);
    out.Bool(curve.started);
    out.F64(curve.predicted);
    out.F64(curve.observed);
  }
  unsubscribe_.Save(out);
  out.F64(unsubscribe_variance_);
  for (std::int64_t number : {day_, rows_, positives_, rejected_, alarms_}) out.I64(number);
  out.Varint(cells_.size());
  for (const auto& [key, cell] : cells_) {
    out.U32(key.first);
    out.U64(key.second);
    for (const CellCurve& own : cell.curves) {
      own.own.Save(out);
      out.I64(own.rows);
      for (std::int64_t sum : {own.shares, own.firsts, own.counted}) out.I64(sum);
      for (double number : {own.logit_mean, own.logit_variance, own.value}) out.F64(number);
    }
    cell.unsubscribe.Save(out);
    out.I64(cell.impressions);
    for (std::uint16_t number : {cell.limit, cell.low, cell.high}) out.U16(number);
    out.Varint(cell.points.size());
    for (const CapCell::Point& point : cell.points) {
      out.U16(point.n);
      for (double number : {point.click_rate, point.conversion_rate, point.unsubscribe_rate, point.net_value, point.se}) {
        out.F64(number);
      }
    }
    for (const auto* sums : {&cell.answers, &cell.said, &cell.plain}) {
      for (double number : *sums) out.F64(number);
    }
  }
}

void CapCurve::RestoreCell(Cell& cell, ByteReader& in) const {
  cell.curves.resize(curves_.size());
  for (CellCurve& own : cell.curves) {
    own.own.Restore(in);
    own.rows = in.I64();
    for (std::int64_t* sum : {&own.shares, &own.firsts, &own.counted}) *sum = in.I64();
    for (double* number : {&own.logit_mean, &own.logit_variance, &own.value}) RestoreNumbers({number, 1}, in);
    if (own.rows < 0 || own.shares < 0 || own.firsts < 0 || own.counted < 0) in.Fail();
  }
  cell.unsubscribe.Restore(in);
  cell.impressions = in.I64();
  for (std::uint16_t* number : {&cell.limit, &cell.low, &cell.high}) {
    *number = in.U16();
    if (*number > kCapMax) in.Fail();
  }
  const std::size_t points = in.Count(2 + 5 * sizeof(double));
  if (points > kPoints) in.Fail();
  for (std::size_t i = 0; i < points && in.ok(); ++i) {
    CapCell::Point& point = cell.points.emplace_back();
    point.n = in.U16();
    for (double* number : {&point.click_rate, &point.conversion_rate, &point.unsubscribe_rate, &point.net_value,
                           &point.se}) {
      RestoreNumbers({number, 1}, in);
    }
  }
  if (cell.impressions < 0) in.Fail();
  for (auto* sums : {&cell.answers, &cell.said, &cell.plain}) RestoreNumbers(*sums, in);
}

void CapCurve::Restore(ByteReader& in) {
  curves_.clear();
  const std::size_t curves = in.Count(8);
  if (curves > kCurvesMax) in.Fail();
  for (std::size_t i = 0; i < curves && in.ok(); ++i) {
    Curve curve;
    curve.outcome = std::string(in.Text());
    curve.shared.Restore(in);
    RestoreNumbers(curve.cell_variance, in);
    curve.started = in.Bool();
    curve.predicted = in.F64();
    curve.observed = in.F64();
    if (!std::isfinite(curve.predicted + curve.observed)) in.Fail();
    for (double variance : curve.cell_variance) {
      if (!(variance > 0)) in.Fail();
    }
    curves_.push_back(std::move(curve));
  }
  unsubscribe_.Restore(in);
  unsubscribe_variance_ = in.F64();
  if (!(unsubscribe_variance_ > 0)) in.Fail();
  for (std::int64_t* number : {&day_, &rows_, &positives_, &rejected_, &alarms_}) *number = in.I64();
  const std::size_t cells = in.Count(12 + sizeof(double) * kPoints * 3);
  for (std::size_t i = 0; i < cells && in.ok(); ++i) {
    const std::uint32_t segment = in.U32();
    RestoreCell(cells_[{segment, in.U64()}], in);
  }
  if (!in.ok()) return;
  const std::shared_ptr<const CampaignPlan> plan = plan_;
  ReadPlan(plan);  // outcomes the plan has and the snapshot lacks
}

}  // namespace offerstream
