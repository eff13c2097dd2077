// Offerstream's side of the comparisons: the classes that run in production, fed from files, their answers written down.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/deciding/exploration.h"
#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/response_learner.h"
#include "tests/accuracy/bank_rows.h"
#include "tests/support/segment_world.h"

namespace offerstream {
namespace {

constexpr EventTime kStart = 1'209'600'000'000LL, kMinute = 60'000;
constexpr Duration kWindow = 30 * 86'400'000LL;

// A response model as every configuration gets it; labels known at once, one row a minute.
class Online {
 public:
  explicit Online(std::size_t dimension) : learner_(Frame(dimension), HalfLives{}, kWindow) {}

  // Fills what a decision's scorer fills, for an offer worth 1.
  void Score(std::span<const float> x, Candidate& candidate) const {
    const ResponseModel::Prediction said = learner_.Predict(x);
    candidate.logit = said.Moderated();
    candidate.probability = fixed::Logistic(learner_.calibrator().Apply(candidate.logit));
    candidate.probability_se = candidate.probability * (1 - candidate.probability) * std::sqrt(said.variance);
    candidate.score = candidate.probability;
    candidate.score_sd = candidate.probability_se;
  }
  void Learn(std::span<const float> x, const Candidate& said, float y, std::size_t at) {
    Observation row;
    row.time = kStart + static_cast<EventTime>(at) * kMinute;
    row.y = y;
    row.instant = true;
    row.to = kWholeWindow;
    row.served_logit = said.logit;
    row.probability = said.probability;
    for (const ObservationKind kind : {ObservationKind::kInterval, ObservationKind::kMature}) {
      row.kind = kind;
      learner_.Apply(row, x);
    }
    ++labels_;
  }
  std::int64_t labels() const { return labels_; }

 private:
  static std::shared_ptr<const FeatureFrame> Frame(std::size_t dimension) {
    auto frame = std::make_shared<FeatureFrame>();
    frame->features.resize(dimension);
    return frame;
  }
  ResponseLearner learner_;
  std::int64_t labels_ = 0;
};

// bank OUT: a line a row, y, what was predicted before learning it, then the features.
int Bank(const std::string& out) {
  const accuracy::BankRows bank = accuracy::ReadBankRows();
  if (bank.x.empty()) return 77;
  std::FILE* file = std::fopen(out.c_str(), "w");
  if (file == nullptr) return 1;
  Online online(bank.x[0].size());
  for (std::size_t i = 0; i < bank.x.size(); ++i) {
    Candidate said;
    online.Score(bank.x[i], said);
    std::fprintf(file, "%.0f,%.9g", static_cast<double>(bank.y[i]), said.probability);
    for (std::size_t j = 1; j < bank.x[i].size(); ++j) std::fprintf(file, ",%.7g", static_cast<double>(bank.x[i][j]));
    std::fprintf(file, "\n");
    online.Learn(bank.x[i], said, bank.y[i], i);
  }
  return std::fclose(file) == 0 ? 0 : 1;
}

struct Rows {
  std::size_t arms = 0;
  std::vector<std::vector<float>> x{};
  std::vector<std::size_t> label{};
};

// First line: rows, features, classes; then a label and the features a line.
Rows ReadRows(const std::string& path) {
  std::ifstream file(path);
  std::size_t n = 0, d = 0;
  Rows rows;
  file >> n >> d >> rows.arms;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t label = 0;
    std::vector<float> x(d + 1, 1.0F);
    file >> label;
    for (std::size_t j = 1; j <= d; ++j) file >> x[j];
    rows.label.push_back(label);
    rows.x.push_back(std::move(x));
  }
  return rows;
}

// bandit TABLE POLICY SEED: each class an offer worth 1 where it is the row's own; prints the share of wrong choices.
int Bandit(const std::string& path, const std::string& policy, std::uint64_t seed) {
  const std::map<std::string, ExplorePolicy> policies = {{"inverse_gap", ExplorePolicy::kInverseGap},
                                                         {"squarecb", ExplorePolicy::kSquareCb},
                                                         {"thompson", ExplorePolicy::kThompson},
                                                         {"epsilon_greedy", ExplorePolicy::kEpsilonGreedy}};
  const Rows rows = ReadRows(path);
  if (rows.x.empty() || !policies.contains(policy)) return 2;
  CampaignPlan plan;
  plan.channels.resize(1);
  plan.channels[0].id = "page";
  plan.outcomes = {{.id = "click"}, {.id = "conversion"}};
  std::vector<Online> arms;
  std::vector<Candidate> candidates(rows.arms);
  for (std::size_t a = 0; a < rows.arms; ++a) {
    OfferSpec offer;
    offer.id = "class" + std::to_string(a);
    offer.value = 1;
    offer.goal = OutcomeIndex(CampaignPlan::kConversion);
    offer.channels = {ChannelIndex(0)};
    plan.offers.push_back(offer);
    arms.emplace_back(rows.x[0].size());
    candidates[a].offer = OfferIndex(a);
    candidates[a].channel = ChannelIndex(0);
  }
  plan.Index();
  plan.explore.policy = policies.at(policy);
  plan.explore.seed = seed;
  ExplorationScratch scratch;
  double wrong = 0;
  for (std::size_t i = 0; i < rows.x.size(); ++i) {
    std::int64_t most = 0;
    for (std::size_t a = 0; a < rows.arms; ++a) {
      arms[a].Score(rows.x[i], candidates[a]);
      most = std::max(most, arms[a].labels());
    }
    const std::size_t best = BestOf(candidates, plan, H64({seed, i}));
    AssignPropensities(plan.explore, plan, candidates, best, most, scratch);
    Draws draws(seed, H64({seed, 22}), i, Purpose::kOffer);
    const std::size_t chosen = DrawFrom(candidates, draws.Uniform());
    const bool right = rows.label[i] == chosen;
    wrong += !right;
    arms[chosen].Learn(rows.x[i], candidates[chosen], right ? 1.0F : 0.0F, i);
  }
  std::printf("%.6f\n", wrong / static_cast<double>(rows.x.size()));
  return 0;
}

// segments K APART SEED OUT: world S3 as A11 has it. First the number of segments found, then their centres, then a line
// a customer: the planted group and the place.
int Segments(std::size_t groups, double apart, std::uint64_t seed, const std::string& out) {
  using namespace offerstream::testing;
  constexpr std::uint32_t kD = 10;
  constexpr std::size_t kCustomers = 30'000;
  Draws draws(seed, 3, groups, Purpose::kSimulation);
  const Groups world(groups, kD, apart, draws);
  SegmentSettings settings = PlainSettings(kD, seed);
  settings.half_life = 60'000 * ToldCustomers::kStep;
  settings.step_moves = 10'000;
  Segmenter segmenter(settings);
  ToldCustomers told(segmenter, kCustomers);
  std::vector<int> group(kCustomers);
  for (int& g : group) g = world.Draw(draws, groups);
  std::vector<double> raw(kD);
  for (std::uint64_t move = 0; move < 120'000; ++move) {
    const std::size_t i = draws.Below(kCustomers);
    world.Place(group[i], draws, raw);
    told.Tell(i, raw, kStart + static_cast<Duration>(move) * ToldCustomers::kStep);
  }
  std::FILE* file = std::fopen(out.c_str(), "w");
  if (file == nullptr) return 1;
  const auto view = segmenter.View(0);
  std::vector<std::size_t> who;
  const Table points = told.Points(*view, 0, &who);
  const auto print = [&](const double* values) {
    for (std::size_t j = 0; j < kD; ++j) std::fprintf(file, " %.9g", values[j]);
    std::fprintf(file, "\n");
  };
  std::fprintf(file, "%zu\n", view->macros.size());
  for (const auto& macro : view->macros) print(macro.centre.data());
  for (std::size_t p = 0; p < who.size(); ++p) {
    std::fprintf(file, "%d", group[who[p]]);
    print(points.row(p));
  }
  return std::fclose(file) == 0 ? 0 : 1;
}

int Main(const std::vector<std::string>& words) {
  FixNumericPath();
  if (words.size() == 2 && words[0] == "bank") return Bank(words[1]);
  if (words.size() == 4 && words[0] == "bandit") return Bandit(words[1], words[2], std::strtoull(words[3].c_str(), nullptr, 10));
  if (words.size() == 5 && words[0] == "segments") {
    return Segments(std::strtoull(words[1].c_str(), nullptr, 10), std::strtod(words[2].c_str(), nullptr),
                    std::strtoull(words[3].c_str(), nullptr, 10), words[4]);
  }
  std::fprintf(stderr, "comparison_driver bank OUT | bandit TABLE POLICY SEED | segments K APART SEED OUT\n");
  return 2;
}

}  // namespace
}  // namespace offerstream

int main(int count, char** words) { return offerstream::Main({words + 1, words + count}); }
