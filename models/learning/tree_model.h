// Forests and boosted trees: the batch learners an analyst would set against the online model. Offline only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/domain/status.h"

namespace offerstream {

/// Rows of features with their labels, in the order their labels became known. One owner.
struct LabelledRows {
  std::size_t columns = 0;
  std::vector<float> x{};   ///< row-major; NaN is "missing"
  std::vector<float> y{};   ///< 0 or 1; may be empty where only predictions are wanted

  std::size_t size() const { return columns == 0 ? 0 : x.size() / columns; }
  /// Appends one row. REQUIRES: row.size() == columns.
  void Add(std::span<const float> row, bool label);
  /// Rows [begin, end).
  LabelledRows Slice(std::size_t begin, std::size_t end) const;
  /// Keeps the newest `rows`.
  void KeepLast(std::size_t rows);
};

/// What a fit is told. Forest: trees grown apart on resampled rows and columns, averaged; `trees` of them, eta 1, leaves
/// are means (squared error), as Breiman 2001. Boosting: at most `rounds` trees, each a Newton step of the log-loss.
struct TreeSettings {
  enum class Kind : std::uint8_t { kForest, kBoosting };
  Kind kind = Kind::kBoosting;
  std::uint32_t depth = 6, trees = 300, rounds = 100;
  double min_child_weight = 1, lambda = 1, eta = 0.1;
  std::uint32_t seed = 1;
};

/// Rows as the library keeps them: made once, fitted often (its histograms stay with it).
class TreeTable {
 public:
  /// kIo with the library's reason.
  static Result<TreeTable> Of(const LabelledRows& rows);
  TreeTable(TreeTable&&) noexcept;
  TreeTable& operator=(TreeTable&&) noexcept;
  ~TreeTable();
  std::size_t rows() const;

 private:
  friend class TreeModel;
  struct Impl;
  explicit TreeTable(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A fitted model (XGBoost; Chen, Guestrin 2016): one thread, seeded, so equal rows and settings give equal bits on one
/// version of the library. One owner, not thread-safe.
class TreeModel {
 public:
  /// Fits `table`. With `judge`, boosting stops after 20 rounds without a lower log-loss there; settings().rounds is then
  /// the best one and loss() what it had. kIo with the library's reason.
  static Result<TreeModel> Fit(const TreeSettings& settings, const TreeTable& table, const TreeTable* judge);
  TreeModel(TreeModel&&) noexcept;
  TreeModel& operator=(TreeModel&&) noexcept;
  ~TreeModel();

  const TreeSettings& settings() const;
  /// Mean log-loss on `judge`; 0 without one.
  double loss() const;
  /// Probabilities within [1e-6, 1 - 1e-6]. REQUIRES: the columns it was fitted on.
  Result<std::vector<double>> Predict(const TreeTable& table) const;
  /// Loss saved by all splits on a column; by column.
  Result<std::vector<double>> TotalGain() const;
  /// Mean absolute SHAP value (Lundberg, Lee 2017; exact for trees) over the rows; by column. O(rows trees leaves depth^2).
  Result<std::vector<double>> MeanAbsShap(const TreeTable& table) const;

 private:
  struct Impl;
  explicit TreeModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Randomised search: `draws` settings (depth 3-12, min_child_weight 1-50, lambda .01-10, eta .01-.3) by successive
/// halving over three expanding folds in time (train on the first quarter, judge on the second; half, third; three
/// quarters, last): all are judged on the first fold, a third of them goes on each time. The least mean log-loss wins;
/// boosting's rounds are those of the last fold. Reads at most the newest 20,000 rows.
Result<TreeSettings> SearchTrees(TreeSettings::Kind kind, const LabelledRows& rows, std::uint32_t draws, std::uint64_t seed);

}  // namespace offerstream
