// B1, B2, B5 and the bank comparison with the built-in challengers.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/evaluating/agreement.h"
#include "models/learning/challenge.h"
#include "models/response_learner.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr TreeSettings::Kind kBoth[] = {TreeSettings::Kind::kForest, TreeSettings::Kind::kBoosting};
constexpr EventTime kStart = 1'209'600'000'000LL;

// The online model as every configuration gets it, predict then learn, a row a minute; labels known at once.
class Online {
 public:
  explicit Online(std::size_t dimension) : learner_(Frame(dimension), HalfLives{}, 30 * 86'400'000LL) {}

  double Said(std::span<const float> x) {
    logit_ = learner_.Predict(x).Moderated();
    return p_ = fixed::Logistic(learner_.calibrator().Apply(logit_));
  }
  double base_rate() const { return (positives_ + .5) / (static_cast<double>(n_) + 10); }
  EventTime now() const { return kStart + n_ * 60'000; }
  void Learn(std::span<const float> x, float y) {
    Observation row;
    row.time = now();
    row.y = y;
    row.instant = true;
    row.to = kWholeWindow;
    row.served_logit = logit_;
    row.probability = p_;
    for (const ObservationKind kind : {ObservationKind::kInterval, ObservationKind::kMature}) {
      row.kind = kind;
      learner_.Apply(row, x);
    }
    ++n_;
    positives_ += static_cast<double>(y);
  }
  const ResponseLearner& learner() const { return learner_; }

 private:
  static std::shared_ptr<const FeatureFrame> Frame(std::size_t dimension) {
    auto frame = std::make_shared<FeatureFrame>();
    frame->features.resize(dimension);
    return frame;
  }
  ResponseLearner learner_;
  double logit_ = 0, p_ = 0, positives_ = 0;
  std::int64_t n_ = 0;
};

// The generated bank table whose labels are noise: seven numbers, standardised, and one-hot levels; y = has bought.
accuracy::BankRows ReadNoise() {
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string data = root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
  std::FILE* pipe = popen(("gzip -dcf '" + data + "/seed4_bank/main_dataset.csv.gz' 2>/dev/null").c_str(), "r");
  accuracy::BankRows bank;
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::string>> levels;
  std::vector<char> text(1 << 16);
  bool header = true;
  while (std::fgets(text.data(), static_cast<int>(text.size()), pipe) != nullptr) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char* c = text.data(); *c != 0 && *c != '\n' && *c != '\r'; ++c) {
      if (*c == '"') quoted = !quoted;
      else if (*c == ',' && !quoted) cells.emplace_back();
      else cells.back() += *c;
    }
    if (std::exchange(header, false) || cells.size() != 16) continue;
    double in = 0, out = 0, moves = 0;  // [[-55, 'Withdrawal', 3929.99], ...]
    for (std::size_t at = 0; (at = cells[9].find('\'', at)) != std::string::npos; at = cells[9].find(']', at)) {
      const std::size_t amount = cells[9].find("', ", at);
      (cells[9][at + 1] == 'D' ? in : out) += std::atof(cells[9].c_str() + amount + 3);
      ++moves;
    }
    std::vector<double> row = {fixed::Log1p(in), fixed::Log1p(out), moves};
    for (const std::size_t c : {1u, 3u, 4u, 5u}) row.push_back(std::atof(cells[c].c_str()));
    numbers.push_back(row);
    levels.push_back({});
    for (const std::size_t c : {2u, 6u, 8u, 10u, 11u, 12u, 13u}) levels.back().push_back(std::to_string(c) + cells[c]);
    bank.y.push_back(cells[14] == "Yes" ? 1.0F : 0.0F);
  }
  pclose(pipe);
  std::map<std::string, std::size_t> places;
  for (const auto& row : levels) {
    for (const std::string& level : row) places.try_emplace(level, 0);
  }
  std::size_t next = numbers.empty() ? 0 : 1 + numbers[0].size();
  for (auto& [level, place] : places) place = next++;
  bank.x.assign(numbers.size(), std::vector<float>(next, 0.0F));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    bank.x[i][0] = 1;
    for (const std::string& level : levels[i]) bank.x[i][places.at(level)] = 1;
  }
  for (std::size_t j = 0; !numbers.empty() && j < numbers[0].size(); ++j) {
    double sum = 0, squares = 0;
    for (const auto& row : numbers) {
      sum += row[j];
      squares += row[j] * row[j];
    }
    const double n = static_cast<double>(numbers.size()), mean = sum / n, sd = std::sqrt(std::max(1e-12, squares / n - mean * mean));
    for (std::size_t i = 0; i < numbers.size(); ++i) bank.x[i][j + 1] = static_cast<float>((numbers[i][j] - mean) / sd);
  }
  return bank;
}

void Print(const char* what, const ChallengeStanding& s) {
  const auto print = [&](const char* who, const PredictionRecord& r) {
    const auto& h = r.honest.standing();
    std::printf("%s, %s: AUC %.4f, log-loss %.4f, calibration %.3f, F1 hindsight %.3f, honest %.3f (precision %.3f, recall %.3f)\n",
                what, who, r.score.Auc(), r.score.LogLoss(), r.score.Calibration(), r.score.BestF1().f1, h.f1(), h.precision(), h.recall());
  };
  print(std::string(Name(s.kind)).c_str(), s.challenger);
  print("online, same rows", s.online);
  std::printf("  %lld rows, %lld fits, %lld searches; depth %u, child weight %.2g, lambda %.2g, eta %.2g, rounds %u; log-loss behind "
              "online by %.4f +- %.4f\n",
              static_cast<long long>(s.rows), static_cast<long long>(s.refits), static_cast<long long>(s.searches), s.settings.depth,
              s.settings.min_child_weight, s.settings.lambda, s.settings.eta, s.settings.rounds, s.loss_gap, s.loss_gap_se);
}

TEST(Challenger, TheOnlineModelIsAheadOfForestAndBoostingOnBankMarketing) {
  FixNumericPath();
  const accuracy::BankRows bank = accuracy::ReadBankRows();
  if (bank.x.empty()) GTEST_SKIP() << "bank_marketing is not there";
  Online online(bank.x[0].size());
  ChallengeSchedule schedule;
  schedule.every = accuracy::Seeds(1) >= 10 ? 1000 : 4000;  // short: a quarter of the fits
  Challenge challenge(kBoth, bank.x[0].size() - 1, schedule);
  for (std::size_t i = 0; i < bank.x.size(); ++i) {
    const double p = online.Said(bank.x[i]);
    ASSERT_TRUE(challenge.Add(online.now(), online.now(), std::span(bank.x[i]).subspan(1), bank.y[i] > 0, p, online.base_rate()));
    online.Learn(bank.x[i], bank.y[i]);
  }
  ASSERT_TRUE(challenge.Finish());
  for (const ChallengeStanding& s : challenge.standings()) {
    Print("bank, rows after the first fit", s);
    EXPECT_GE(s.online.score.Auc(), s.challenger.score.Auc() + .005);
    EXPECT_LE(s.online.score.LogLoss(), s.challenger.score.LogLoss());
    EXPECT_EQ(s.rows, 41'188 - schedule.every);
  }
}

TEST(Challenger, B1TheHonestThresholdReachesNearlyTheBestF1) {
  FixNumericPath();
  const accuracy::BankRows bank = accuracy::ReadBankRows();
  if (bank.x.empty()) GTEST_SKIP() << "bank_marketing is not there";
  Online online(bank.x[0].size());
  HonestF1 honest;
  HonestF1::Standing before;
  PredictionRecord late;
  for (std::size_t i = 0; i < bank.x.size(); ++i) {
    const double p = online.Said(bank.x[i]);
    if (i == 20'000) before = honest.standing();
    honest.Add(p, bank.y[i] > 0);
    if (i >= 20'000) late.Add(p, bank.y[i] > 0, online.base_rate());
    online.Learn(bank.x[i], bank.y[i]);
  }
  HonestF1::Standing s = honest.standing();
  s.shown -= before.shown;
  s.hits -= before.hits;
  s.positives -= before.positives;
  std::printf("B1, rows > 20,000: honest F1 %.3f (precision %.3f, recall %.3f), hindsight %.3f\n", s.f1(), s.precision(), s.recall(),
              late.score.BestF1().f1);
  EXPECT_GE(s.f1(), .49);
  EXPECT_GE(late.score.BestF1().f1, .53);
}

TEST(Challenger, B5WhereLabelsAreNoiseNothingIsFound) {
  FixNumericPath();
  const accuracy::BankRows bank = ReadNoise();
  if (bank.x.empty()) GTEST_SKIP() << "seed4_bank is not there";
  Online online(bank.x[0].size());
  ChallengeSchedule schedule;
  schedule.every = 4000;
  schedule.draws = 12;
  Challenge challenge(kBoth, bank.x[0].size() - 1, schedule);
  PredictionRecord all;
  for (std::size_t i = 0; i < bank.x.size(); ++i) {
    const double p = online.Said(bank.x[i]);
    all.Add(p, bank.y[i] > 0, online.base_rate());
    ASSERT_TRUE(challenge.Add(online.now(), online.now(), std::span(bank.x[i]).subspan(1), bank.y[i] > 0, p, online.base_rate()));
    online.Learn(bank.x[i], bank.y[i]);
  }
  ASSERT_TRUE(challenge.Finish());
  double most = 0;
  const ResponseModel& mature = online.learner().mature();
  for (std::size_t j = 1; j < mature.dimension(); ++j) most = std::max(most, std::abs(mature.mean(j)) / std::sqrt(mature.covariance(j, j)));
  std::printf("B5: %zu rows, d %zu, %lld positives: AUC %.4f, largest |z| %.2f\n", bank.x.size(), mature.dimension(),
              static_cast<long long>(all.score.positives()), all.score.Auc(), most);
  EXPECT_GE(all.score.Auc(), .485);
  EXPECT_LE(all.score.Auc(), .515);
  EXPECT_LE(most, 3.5);
  for (const ChallengeStanding& s : challenge.standings()) {
    Print("noise", s);
    EXPECT_GE(s.loss_gap + 1.96 * s.loss_gap_se, 0) << "a challenger that wins on noise";
    EXPECT_NEAR(s.challenger.score.Auc(), .5, .02);
  }
}

TEST(Challenger, B2RegressionAndBoostingNameTheSameDriversWhereTheTruthIsLinear) {
  FixNumericPath();
  constexpr std::size_t kColumns = 15, kRows = 20'000;
  const int seeds = accuracy::Seeds(3);
  double shared = 0, rank = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    Draws draws(static_cast<std::uint64_t>(seed), 1, 2, Purpose::kSimulation);
    std::vector<double> truth(kColumns);
    for (double& m : truth) m = 1.2 * draws.Normal() / 4;
    ResponseModel model(kColumns + 1);
    model.SetPrior(-2, 4, 1);
    LabelledRows rows;
    rows.columns = kColumns;
    std::vector<float> x(kColumns + 1, 1.0F);
    for (std::size_t i = 0; i < kRows; ++i) {
      double z = -2;
      for (std::size_t j = 0; j < kColumns; ++j) {
        x[j + 1] = static_cast<float>(draws.Normal());
        z += truth[j] * static_cast<double>(x[j + 1]);
      }
      const bool y = draws.Uniform() < fixed::Logistic(z);
      rows.Add(std::span(x).subspan(1), y);
      model.Learn(x, y ? 1 : 0, 1, 0);
    }
    const auto settings = SearchTrees(TreeSettings::Kind::kBoosting, rows, 10, 1);
    ASSERT_TRUE(settings.has_value());
    const auto fitted = TreeModel::Fit(*settings, *TreeTable::Of(rows), nullptr);
    ASSERT_TRUE(fitted.has_value());
    const auto shap = fitted->MeanAbsShap(*TreeTable::Of(rows.Slice(0, 1000)));
    ASSERT_TRUE(shap.has_value());
    std::vector<double> online(kColumns);
    for (std::size_t j = 0; j < kColumns; ++j) online[j] = std::abs(model.mean(j + 1));  // sd 1
    shared += static_cast<double>(SharedTop(online, *shap, 5)) / seeds;
    rank += RankCorrelation(online, *shap) / seeds;
  }
  std::printf("B2, %d seeds: of the five largest %.2f are shared, rank correlation %.3f\n", seeds, shared, rank);
  EXPECT_GE(shared, 4);
}

}  // namespace
}  // namespace offerstream
