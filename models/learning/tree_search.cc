#include <algorithm>
#include <array>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"
#include "models/learning/tree_model.h"

namespace offerstream {
namespace {

constexpr std::size_t kSearchRows = 20'000;
constexpr std::size_t kFolds = 3, kKeepOneOf = 3;
constexpr std::uint32_t kSearchTrees = 50;    // enough to rank settings; the fit afterwards has all
constexpr std::uint32_t kRoundsMax = 500;

struct Candidate {
  TreeSettings settings{};
  double loss = 0;  // sum over the folds judged
};

double LogUniform(double low, double high, Draws& draws) {
  return low * fixed::Exp(draws.Uniform() * fixed::Log(high / low));
}

std::vector<Candidate> DrawSettings(TreeSettings::Kind kind, std::uint32_t count, std::uint64_t seed) {
  std::vector<Candidate> candidates(count);
  for (std::uint32_t c = 0; c < count; ++c) {
    Draws draws(seed, H64("trees"), c, Purpose::kRace);
    TreeSettings& s = candidates[c].settings;
    s.kind = kind;
    s.depth = 3 + static_cast<std::uint32_t>(draws.Below(10));
    s.min_child_weight = LogUniform(1, 50, draws);
    s.lambda = LogUniform(.01, 10, draws);
    s.eta = LogUniform(.01, .3, draws);
    s.rounds = kRoundsMax;
    s.trees = kSearchTrees;
    s.seed = c + 1;
  }
  return candidates;
}

}  // namespace

Result<TreeSettings> SearchTrees(TreeSettings::Kind kind, const LabelledRows& rows, std::uint32_t draws, std::uint64_t seed) {
  const std::size_t n = std::min(rows.size(), kSearchRows), first = rows.size() - n;
  if (n < 2 * (kFolds + 1) || draws == 0) return Fail(Code::kIo, "trees: too few rows to search");
  std::vector<Candidate> candidates = DrawSettings(kind, draws, seed);
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    const std::size_t cut = first + n * (fold + 1) / (kFolds + 1), end = first + n * (fold + 2) / (kFolds + 1);
    const auto train = TreeTable::Of(rows.Slice(first, cut));
    const auto judge = TreeTable::Of(rows.Slice(cut, end));
    if (!train) return tl::unexpected(train.error());
    if (!judge) return tl::unexpected(judge.error());
    for (Candidate& candidate : candidates) {
      TreeSettings tried = candidate.settings;
      tried.rounds = kRoundsMax;
      const auto model = TreeModel::Fit(tried, *train, &*judge);
      if (!model) return tl::unexpected(model.error());
      candidate.loss += model->loss();
      candidate.settings.rounds = model->settings().rounds;
    }
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.loss < b.loss; });
    if (fold + 1 < kFolds) candidates.resize(std::max<std::size_t>(1, candidates.size() / kKeepOneOf));
  }
  TreeSettings best = candidates.front().settings;
  best.trees = TreeSettings{}.trees;
  return best;
}

}  // namespace offerstream
