// How many impressions are worth showing: the impression curve of every segment x channel and the cap it yields.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/observation.h"
#include "models/learning/logistic_step.h"
#include "models/model_view.h"

namespace offerstream {

/// One model ("caps") for all cells. Per outcome: logit p_n = o_i + f(n).(g + e_cell), o_i the customer's own logit at
/// n = 1 (without it a customer who is shown more because it answers more would make every impression look good); per
/// cell logit u_n = a0 + a_cell + b0 (n - 1) for unsubscribes. Net(n) = V p_n - c - U u_n; the cap is the last n whose
/// Net(1..n) is positive, moved one step at a time with hysteresis. Formulas: README.md, "Impression curve and cap".
/// One owner, not thread-safe.
class CapCurve {
 public:
  /// n = 1..kPoints are published; caps may lie above, up to the channel's hard maximum.
  static constexpr std::size_t kPoints = 25;
  static constexpr std::size_t kTerms = 5;
  using Terms = std::array<double, kTerms>;

  explicit CapCurve(std::shared_ptr<const CampaignPlan> plan);

  /// f(n) = [1, ln n, max(0, ln(n/3)), max(0, ln(n/6)), max(0, ln(n/10))]. REQUIRES: n >= 1.
  static Terms TermsOf(std::uint32_t n);

  /// A new plan: costs, maxima, which outcomes pay. Curves are kept by outcome id, cells by channel id.
  void Configure(std::shared_ptr<const CampaignPlan> plan);
  /// Applies one CapRow. False: refused (unknown outcome or channel, unfit numbers) and counted. 1 us.
  bool Apply(const Observation& row);
  /// All cells whose channel the plan knows, ordered; `version` is the caller's to set. A cell's points are those of its
  /// last 25th impression: a copy, since folds publish far more often than a curve moves visibly.
  CapView View() const;

  std::int64_t rows() const { return rows_; }
  std::int64_t positives() const { return positives_; }
  std::int64_t rejected() const { return rejected_; }
  /// Times that the observed answers, made monotone, lay outside what the curve allows; at most one a cell and day.
  std::int64_t alarms() const { return alarms_; }
  /// Predicted over observed answers of the outcome that pays (first one), decayed; 1 while nothing was observed.
  double Calibration() const;

  /// Appends the complete state.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage; REQUIRES: newly made.
  void Restore(ByteReader& in);

 private:
  struct Curve {                       // one outcome
    std::string outcome{};
    SmallLogistic<kTerms> shared{};    // g
    Terms cell_variance{};             // prior variance of e
    bool started = false;
    double predicted = 0, observed = 0;
  };
  struct CellCurve {                   // one outcome of one cell
    SmallLogistic<kTerms> own{};       // e
    std::int64_t rows = 0;
    std::int64_t shares = 0, firsts = 0, counted = 0;  // sums of 1/n in thousandths: all rows, n = 1, those in the mean of o
    double logit_mean = 0, logit_variance = 0;  // of o, over customers
    double value = 0;                  // V, major units
  };
  struct Cell {
    std::vector<CellCurve> curves{};
    SmallLogistic<1> unsubscribe{};    // a_cell
    std::int64_t impressions = 0;
    std::uint16_t limit = 0, low = 0, high = 0;
    std::vector<CapCell::Point> points{};  // as published, of the last refresh
    // By n, decayed: answers, what the curve said, what o alone said.
    std::array<double, kPoints> answers{}, said{}, plain{};
  };
  struct Net {
    double value = 0, se = 0, unsubscribe = 0;
    /// P(value > 0).
    double Positive() const;
  };
  using CellKey = std::pair<std::uint32_t, IdHash>;

  void ReadPlan(std::shared_ptr<const CampaignPlan> plan);
  void RestoreCell(Cell& cell, ByteReader& in) const;
  std::size_t SlotOf(const std::string& outcome);
  Cell& CellOf(const CellKey& key);
  void LearnAnswer(Curve& curve, CellCurve& cell, const Observation& row);
  void LearnUnsubscribe(Cell& cell, const Observation& row);
  void Count(Cell& cell, const Curve& curve, const CellCurve& own, const Observation& row);
  double Rate(const Curve& curve, const CellCurve& own, const Terms& f, double* slope) const;
  Net NetAt(const Cell& cell, const ChannelSpec& channel, std::uint32_t n) const;
  void MoveLimit(Cell& cell, const ChannelSpec& channel) const;
  bool Calibrated(const Curve& curve) const;
  void NewDay();
  void RefreshVariances(std::size_t slot);
  bool LeavesBand(const Cell& cell, std::size_t slot) const;
  void RefreshPoints(Cell& cell, const ChannelSpec& channel) const;

  std::shared_ptr<const CampaignPlan> plan_;
  std::vector<Curve> curves_{};              // slots, in order of first appearance
  std::vector<std::size_t> slot_of_outcome_{};  // by plan index
  std::vector<std::size_t> paying_{};        // slots of outcomes that are an offer's goal
  SmallLogistic<2> unsubscribe_;             // (a0, b0)
  double unsubscribe_variance_ = 1;          // prior variance of a_cell
  std::map<CellKey, Cell> cells_{};
  std::int64_t day_ = -1, rows_ = 0, positives_ = 0, rejected_ = 0, alarms_ = 0;
};

}  // namespace offerstream
