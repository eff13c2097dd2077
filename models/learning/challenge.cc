#include "models/learning/challenge.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr std::size_t kShapRows = 256;
constexpr std::int64_t kRefitParts = 100;  // at least a hundredth of the labels so far between two fits: long files end, too
constexpr std::size_t kFitsAlive = 8;      // fits waiting for labels of their exposures; a further one waits until one is done

double Loss(double p, bool y) {
  const double q = std::clamp(p, 1e-6, 1 - 1e-6);
  return -fixed::Log(y ? q : 1 - q);
}

}  // namespace

PredictionRecord::PredictionRecord() : score(std::numeric_limits<double>::infinity()) {}

void PredictionRecord::Add(double p, bool y, double base_rate) {
  score.Add(p, y, base_rate);
  honest.Add(p, y);
}

std::string_view Name(TreeSettings::Kind kind) { return kind == TreeSettings::Kind::kForest ? "random-forest" : "boosting"; }

Challenge::Challenge(std::span<const TreeSettings::Kind> kinds, std::size_t columns, const ChallengeSchedule& schedule)
    : schedule_(schedule) {
  assert(columns > 0 && schedule.every > 0);
  rows_.columns = columns;
  for (const TreeSettings::Kind kind : kinds) {
    standings_.emplace_back();
    standings_.back().kind = kind;
  }
  gap_sum_.assign(standings_.size(), 0);
  gap_squares_.assign(standings_.size(), 0);
}

Status Challenge::Add(EventTime exposed, EventTime known, std::span<const float> x, bool y, double p, double base_rate) {
  rows_.Add(x, y);
  ++labels_;
  // The newest fit that was there when the exposure was made; rows before the first fit are not scored.
  for (std::size_t e = epochs_.size(); e-- > 0;) {
    if (epochs_[e].from > exposed) continue;
    epochs_[e].used = true;
    epochs_[e].rows.Add(x, y);
    epochs_[e].said.push_back({p, base_rate});
    break;
  }
  const auto due = std::max<std::int64_t>(schedule_.every, labels_ / kRefitParts);
  return labels_ - refitted_at_ >= due ? Refit(known) : Status{};
}

Status Challenge::Refit(EventTime now) {
  for (Epoch& epoch : epochs_) {
    if (Status status = ScorePending(epoch); !status) return status;
  }
  // Labels of one outcome come in the order of their exposures: fits older than the one before the last used are done.
  while (epochs_.size() > 2 && epochs_[2].used) epochs_.pop_front();
  refitted_at_ = labels_;
  if (epochs_.size() >= kFitsAlive) return {};
  rows_.KeepLast(schedule_.rows_max);
  const bool search = searched_at_ == 0 || labels_ >= 2 * searched_at_;
  if (search) searched_at_ = labels_;
  const auto table = TreeTable::Of(rows_);
  if (!table) return Status(tl::unexpected(table.error()));
  Epoch next;
  next.from = now;
  next.rows.columns = rows_.columns;
  for (ChallengeStanding& standing : standings_) {
    if (search) {
      auto found = SearchTrees(standing.kind, rows_, schedule_.draws, schedule_.seed);
      if (!found) return Status(tl::unexpected(found.error()));
      standing.settings = *found;
      ++standing.searches;
    }
    auto model = TreeModel::Fit(standing.settings, *table, nullptr);
    if (!model) return Status(tl::unexpected(model.error()));
    ++standing.refits;
    next.models.push_back(std::move(*model));
  }
  epochs_.push_back(std::move(next));
  return {};
}

Status Challenge::ScorePending(Epoch& epoch) {
  if (epoch.rows.size() == 0) return {};
  const auto table = TreeTable::Of(epoch.rows);
  if (!table) return Status(tl::unexpected(table.error()));
  for (std::size_t k = 0; k < standings_.size(); ++k) {
    const auto p = epoch.models[k].Predict(*table);
    if (!p) return Status(tl::unexpected(p.error()));
    ChallengeStanding& standing = standings_[k];
    for (std::size_t i = 0; i < p->size(); ++i) {
      const bool y = epoch.rows.y[i] > 0.5F;
      standing.challenger.Add((*p)[i], y, epoch.said[i].base_rate);
      standing.online.Add(epoch.said[i].online, y, epoch.said[i].base_rate);
      const double gap = Loss((*p)[i], y) - Loss(epoch.said[i].online, y);
      gap_sum_[k] += gap;
      gap_squares_[k] += gap * gap;
      ++standing.rows;
    }
  }
  epoch.rows.x.clear();
  epoch.rows.y.clear();
  epoch.said.clear();
  return {};
}

Status Challenge::Explain(const TreeModel& model, ChallengeStanding& standing) const {
  auto gain = model.TotalGain();
  if (!gain) return Status(tl::unexpected(gain.error()));
  const auto table = TreeTable::Of(rows_.Slice(rows_.size() - std::min(rows_.size(), kShapRows), rows_.size()));
  if (!table) return Status(tl::unexpected(table.error()));
  auto shap = model.MeanAbsShap(*table);
  if (!shap) return Status(tl::unexpected(shap.error()));
  standing.total_gain = std::move(*gain);
  standing.mean_abs_shap = std::move(*shap);
  return {};
}

Status Challenge::Finish() {
  for (Epoch& epoch : epochs_) {
    if (Status status = ScorePending(epoch); !status) return status;
  }
  for (std::size_t k = 0; k < standings_.size(); ++k) {
    ChallengeStanding& standing = standings_[k];
    if (!epochs_.empty()) {
      if (Status status = Explain(epochs_.back().models[k], standing); !status) return status;
    }
    if (standing.rows < 2) continue;
    const double n = static_cast<double>(standing.rows);
    standing.loss_gap = gap_sum_[k] / n;
    standing.loss_gap_se = std::sqrt(std::max(0.0, gap_squares_[k] / n - standing.loss_gap * standing.loss_gap) / (n - 1));
  }
  return {};
}

}  // namespace offerstream
