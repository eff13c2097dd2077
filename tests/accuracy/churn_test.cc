// A29 on S8 (who stops buying) and B6 (bank customers who leave).
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/evaluating/progressive_score.h"
#include "models/evaluating/purchase_model.h"
#include "models/learning/churn_model.h"
#include "models/learning/hat_basis.h"
#include "models/response_learner.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

constexpr double kWeekMs = 7 * 86'400'000.0;
constexpr EventTime kStart = 1'600'000'000'000LL;
constexpr int kCustomers = 20'000;
const BgNbd kTruth{.6, 8, .9, 3};  // in weeks

double Gamma(double shape, Draws& draws) {
  if (shape < 1) return Gamma(shape + 1, draws) * std::pow(draws.UniformOpen(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draws.Normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(draws.UniformOpen()) < .5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

// (week, customer) of every purchase up to week 65, in order of time.
std::vector<std::pair<double, IdHash>> Purchases(std::uint64_t seed) {
  std::vector<std::pair<double, IdHash>> all;
  for (int c = 0; c < kCustomers; ++c) {
    const IdHash customer = H64({seed, static_cast<std::uint64_t>(c)});
    Draws draws(seed, customer, 8, Purpose::kSimulation);
    const double rate = Gamma(kTruth.r, draws) / kTruth.alpha, g = Gamma(kTruth.a, draws), leaves = g / (g + Gamma(kTruth.b, draws));
    double week = 26 * draws.Uniform();
    all.emplace_back(week, customer);
    for (;;) {
      week -= std::log(draws.UniformOpen()) / rate;
      if (!(week < 65)) break;
      all.emplace_back(week, customer);
      if (draws.Uniform() < leaves) break;
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

struct Compared {
  double auc = 0, loss = 0, calibration = 0;
};

Compared Judge(const ProgressiveScore& score) { return {score.Auc(), score.LogLoss(), score.Calibration()}; }

TEST(Churn, A29TheHazardComesCloseToTheTrueModelAndTheReferenceFits) {
  FixNumericPath();
  const int seeds = accuracy::Seeds(3);
  double behind = 0, above = 0, calibration = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    const auto purchases = Purchases(static_cast<std::uint64_t>(seed));
    ChurnLedger ledger(91 * 86'400'000LL);
    std::map<IdHash, std::pair<std::vector<double>, bool>> seen;  // purchases to week 52, and whether one came later
    HistoryCounts counts;
    const auto at = [](double week) { return kStart + static_cast<EventTime>(week * kWeekMs); };
    for (const auto& [week, customer] : purchases) {
      if (week < 52) {
        ledger.Purchase(customer, at(week), 5000);
        seen[customer].first.push_back(week);
      } else if (seen.contains(customer)) {
        seen[customer].second = true;
      }
    }
    ledger.Advance(at(52));
    const double forever = std::numeric_limits<double>::infinity();
    ProgressiveScore ours(forever), true_model(forever);
    for (const auto& [customer, history] : seen) {
      const auto& [weeks, later] = history;
      const BuyingProfile& profile = ledger.customers().at(customer);
      const BuyingHistory exact{static_cast<int>(weeks.size()) - 1, weeks.back() - weeks.front(), 52 - weeks.front()};
      ours.Add(ledger.model().Buys(ChurnModel::Describe(profile, at(52))), later, .3);
      true_model.Add(kTruth.Buys(exact, 13), later, .3);
      const BuyingHistory days = HistoryOf(profile, at(52));
      counts.Add(days.repeats, static_cast<int>(days.last), static_cast<int>(days.age));
    }
    const Compared a = Judge(ours), b = Judge(true_model);
    behind += (b.auc - a.auc) / seeds;
    above += (a.loss - b.loss) / seeds;
    calibration += a.calibration / seeds;
    const BgNbd fitted = BgNbd::Fit(counts), planted{kTruth.r, 7 * kTruth.alpha, kTruth.a, kTruth.b};
    std::printf("A29, seed %d: AUC %.4f (true model %.4f), log-loss %.4f (%.4f), calibration %.3f; looks AUC %.4f, n %lld; BG/NBD "
                "r %.3f alpha %.2f a %.3f b %.3f, ln L %.2f (true %.2f)\n",
                seed, a.auc, b.auc, a.loss, b.loss, a.calibration, ledger.score().Auc(),
                static_cast<long long>(ledger.score().labels()), fitted.r, fitted.alpha / 7, fitted.a, fitted.b,
                fitted.LogLikelihood(counts), planted.LogLikelihood(counts));
    EXPECT_GE(fitted.LogLikelihood(counts), planted.LogLikelihood(counts));
  }
  std::printf("A29, %d seeds: AUC behind the true model %.4f, log-loss above %.4f, calibration %.3f\n", seeds, behind, above, calibration);
  EXPECT_LE(behind, .015);
  EXPECT_LE(above, .010);
  EXPECT_GE(calibration, .93);
  EXPECT_LE(calibration, 1.07);
}

struct BankCustomers {
  std::vector<std::vector<double>> numbers{};  // credit score, age, tenure, balance, products, salary
  std::vector<std::vector<float>> flags{};     // card, active, countries, gender
  std::vector<bool> left{};
};

BankCustomers ReadBankChurn() {
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string data = root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
  std::ifstream file(data + "/bank_churn/Churn_Modelling.csv");
  BankCustomers bank;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    std::stringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    if (cells.size() < 14) continue;
    std::vector<double> numbers;
    for (const std::size_t c : {3u, 6u, 7u, 8u, 9u, 12u}) numbers.push_back(std::atof(cells[c].c_str()));
    bank.numbers.push_back(numbers);
    bank.flags.push_back({cells[10] == "1" ? 1.0F : 0.0F, cells[11] == "1" ? 1.0F : 0.0F, cells[4] == "Germany" ? 1.0F : 0.0F,
                          cells[4] == "Spain" ? 1.0F : 0.0F, cells[5] == "Male" ? 1.0F : 0.0F});
    bank.left.push_back(std::atoi(cells[13].c_str()) == 1);
  }
  return bank;
}

// Mean AUC over five folds; one pass over the other four.
double FiveFolds(const BankCustomers& bank, bool curves) {
  double sum = 0;
  for (std::size_t fold = 0; fold < 5; ++fold) {
    std::vector<HatBasis> bases;
    std::vector<double> mean, deviation;
    for (std::size_t j = 0; j < bank.numbers[0].size(); ++j) {
      std::vector<double> values;
      double total = 0, squares = 0;
      for (std::size_t i = 0; i < bank.left.size(); ++i) {
        if (i % 5 == fold) continue;
        values.push_back(bank.numbers[i][j]);
        total += values.back();
        squares += values.back() * values.back();
      }
      const double n = static_cast<double>(values.size());
      mean.push_back(total / n);
      deviation.push_back(std::sqrt(squares / n - total / n * total / n));
      bases.push_back(curves ? HatBasis::Of(values) : HatBasis());
    }
    std::vector<float> x;
    const auto describe = [&](std::size_t i) {
      x.assign(1, 1.0F);
      x.insert(x.end(), bank.flags[i].begin(), bank.flags[i].end());
      for (std::size_t j = 0; j < bases.size(); ++j) {
        x.push_back(static_cast<float>((bank.numbers[i][j] - mean[j]) / deviation[j]));
        const std::size_t from = x.size();
        x.resize(from + bases[j].size());
        bases[j].Expand(bank.numbers[i][j], std::span(x).subspan(from));
      }
    };
    describe(0);
    ResponseModel model(x.size());
    model.SetPrior(-1.4, 4, 1);
    for (std::size_t i = 0; i < bank.left.size(); ++i) {
      if (i % 5 == fold) continue;
      describe(i);
      model.Learn(x, bank.left[i] ? 1 : 0, 1, 0);
    }
    ProgressiveScore score(std::numeric_limits<double>::infinity());
    for (std::size_t i = fold; i < bank.left.size(); i += 5) {
      describe(i);
      score.Add(fixed::Logistic(model.Predict(x).Moderated()), bank.left[i], .2);
    }
    sum += score.Auc() / 5;
  }
  return sum;
}

// The whole learner with `variants.features: [linear, curves]`, one pass over four folds, a row a minute; the fifth by what
// is served at the end. Knots at quantiles of the four.
struct Served {
  double auc = 0;
  int curves = 0;   // folds in which they lead at the end
  std::vector<ResponseLearner::Driver> drivers{};
};

Served ServedFolds(const BankCustomers& bank, bool race) {
  Served served;
  const std::size_t numbers = bank.numbers[0].size(), flags = bank.flags[0].size();
  for (std::size_t fold = 0; fold < 5; ++fold) {
    std::vector<HatBasis> bases;
    std::vector<double> mean(numbers), deviation(numbers);
    auto frame = std::make_shared<FeatureFrame>();
    for (const char* name : {"bias", "card", "active", "Germany", "Spain", "male", "credit_score", "age", "tenure", "balance", "products",
                             "salary"}) {
      frame->features.push_back({name});
    }
    for (std::size_t j = 0; j < numbers; ++j) {
      std::vector<double> values;
      for (std::size_t i = 0; i < bank.left.size(); ++i) {
        if (i % 5 != fold) values.push_back(bank.numbers[i][j]);
      }
      double squares = 0;
      const double n = static_cast<double>(values.size());
      for (const double v : values) mean[j] += v / n;
      for (const double v : values) squares += (v - mean[j]) * (v - mean[j]) / n;
      deviation[j] = std::sqrt(squares);
      bases.push_back(HatBasis::Of(values));
      for (std::size_t k = 0; k < bases[j].size(); ++k) {
        frame->features.push_back({"~" + std::to_string(frame->features.size()), 0, 1, kCurveFeatures});
      }
    }
    const auto describe = [&](std::size_t i) {
      std::vector<float> x(1, 1.0F);
      x.insert(x.end(), bank.flags[i].begin(), bank.flags[i].end());
      for (std::size_t j = 0; j < numbers; ++j) x.push_back(static_cast<float>((bank.numbers[i][j] - mean[j]) / deviation[j]));
      for (std::size_t j = 0; j < numbers; ++j) {
        const std::size_t from = x.size();
        x.resize(from + bases[j].size());
        bases[j].Expand(bank.numbers[i][j], std::span(x).subspan(from));
        for (std::size_t k = from; k < x.size(); ++k) x[k] *= std::sqrt(10.0F);
      }
      return x;
    };
    RaceSpec spec = race ? RaceSpec{} : RaceSpec::None();
    if (race) spec.features = {kPlainFeatures, kCurveFeatures};
    ResponseLearner learner(frame, HalfLives{}, 7 * 86'400'000LL, spec);
    for (std::size_t i = 0; i < bank.left.size(); ++i) {
      if (i % 5 == fold) continue;
      Observation row;
      row.time = kStart + static_cast<EventTime>(i) * 60'000;
      row.to = kWholeWindow;
      row.instant = true;
      row.y = bank.left[i] ? 1 : 0;
      const std::vector<float> x = describe(i);
      row.served_logit = learner.Predict(x).Moderated();
      for (const ObservationKind kind : {ObservationKind::kInterval, ObservationKind::kMature}) {
        row.kind = kind;
        EXPECT_TRUE(learner.Apply(row, x));
      }
    }
    ProgressiveScore score(std::numeric_limits<double>::infinity());
    for (std::size_t i = fold; i < bank.left.size(); i += 5) {
      score.Add(fixed::Logistic(learner.calibrator().Apply(learner.Predict(describe(i)).Moderated())), bank.left[i], .2);
    }
    served.auc += score.Auc() / 5;
    served.curves += learner.race().features() == kCurveFeatures;
    if (fold == 4) served.drivers = learner.Drivers();
    EXPECT_EQ(learner.Drivers().size(), 1 + flags + numbers) << "drivers are the plain features";
  }
  return served;
}

TEST(Churn, B6TheRaceServesCurvesWhereTheyPay) {
  FixNumericPath();
  const BankCustomers bank = ReadBankChurn();
  if (bank.left.empty()) GTEST_SKIP() << "bank_churn is not there";
  const Served plain = ServedFolds(bank, false), raced = ServedFolds(bank, true);
  std::printf("B6 as served, 5 folds, one pass of 8,000: without a race AUC %.4f, race of [linear, curves] %.4f, curves lead in %d\n",
              plain.auc, raced.auc, raced.curves);
  for (const ResponseLearner::Driver& d : raced.drivers) {
    std::printf("  %-13s odds ratio %.3f [%.3f, %.3f]\n", d.feature.c_str(), std::exp(d.coefficient),
                std::exp(d.coefficient - 1.96 * d.standard_error), std::exp(d.coefficient + 1.96 * d.standard_error));
  }
  EXPECT_EQ(raced.curves, 5);
  EXPECT_GE(raced.auc, plain.auc + .05);
  EXPECT_GE(raced.auc, .868 - .02);
}

TEST(Churn, B6CurvesSeeWhoLeavesTheBank) {
  FixNumericPath();
  const BankCustomers bank = ReadBankChurn();
  if (bank.left.empty()) GTEST_SKIP() << "bank_churn is not there";
  const double linear = FiveFolds(bank, false), curves = FiveFolds(bank, true);
  std::printf("B6, 5 folds: linear AUC %.4f, with curves %.4f (LightGBM .868)\n", linear, curves);
  EXPECT_GE(curves, linear + .05);
  EXPECT_GE(curves, .868 - .02);
}

}  // namespace
}  // namespace offerstream
