// A1: one offer, labels known at once, the settings every configuration gets.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/response_learner.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

struct Said {
  double p;
  float y;
};

double Auc(std::vector<Said> said) {
  std::sort(said.begin(), said.end(), [](const Said& a, const Said& b) { return a.p < b.p; });
  double ranks = 0, positives = 0;
  for (std::size_t i = 0; i < said.size();) {
    std::size_t j = i;
    while (j < said.size() && said[j].p == said[i].p) ++j;
    const double rank = 0.5 * static_cast<double>(i + 1 + j);
    for (; i < j; ++i) {
      if (said[i].y > 0) {
        ranks += rank;
        ++positives;
      }
    }
  }
  const double negatives = static_cast<double>(said.size()) - positives;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

TEST(Bank, DefaultsRankAndCalibrateInFileOrder) {
  FixNumericPath();
  const accuracy::BankRows bank = accuracy::ReadBankRows();
  if (bank.x.empty()) GTEST_SKIP() << "bank_marketing is not there";
  auto frame = std::make_shared<FeatureFrame>();
  frame->features.resize(bank.x[0].size());
  ResponseLearner learner(frame, HalfLives{}, 30 * 86'400'000LL);
  std::vector<Said> said;
  double loss = 0, raw_loss = 0, predicted = 0, raw = 0, outcome = 0;
  std::vector<Said> raw_said;
  for (std::size_t i = 0; i < bank.x.size(); ++i) {
    const double logit = learner.Predict(bank.x[i]).Moderated();
    const double p = fixed::Logistic(learner.calibrator().Apply(logit));
    if (i >= 2000) {
      const bool y = bank.y[i] > 0;
      said.push_back({p, bank.y[i]});
      raw_said.push_back({logit, bank.y[i]});
      loss -= std::log(y ? p : 1 - p);
      const double q = fixed::Logistic(logit);
      raw_loss -= std::log(y ? q : 1 - q);
      predicted += p;
      raw += q;
      outcome += y;
    }
    Observation row;
    row.time = 1'209'600'000'000LL + static_cast<EventTime>(i) * 60'000;
    row.y = bank.y[i];
    row.instant = true;
    row.to = kWholeWindow;
    row.served_logit = logit;
    row.probability = p;
    row.kind = ObservationKind::kInterval;
    ASSERT_TRUE(learner.Apply(row, bank.x[i]));
    row.kind = ObservationKind::kMature;
    ASSERT_TRUE(learner.Apply(row, bank.x[i]));
  }
  const double n = static_cast<double>(said.size());
  const double auc = Auc(said);
  const std::vector<Said> late(said.begin() + 18'000, said.end());
  std::printf("A1, d %zu: AUC %.4f, log-loss %.4f, calibration %.3f; rows > 20,000: AUC %.4f; uncalibrated: AUC %.4f, "
              "log-loss %.4f, calibration %.3f; %lld drift alarms\n",
              bank.x[0].size(), auc, loss / n, predicted / outcome, Auc(late), Auc(raw_said), raw_loss / n, raw / outcome,
              static_cast<long long>(learner.detector().alarms()));
  EXPECT_GE(auc, .793);
  EXPECT_LE(loss / n, .284);
  EXPECT_GE(predicted / outcome, .95);
  EXPECT_LE(predicted / outcome, 1.05);
  EXPECT_EQ(learner.rejected(), 0);
}

// A1's race: what is served must not cost more than a thousandth against the best of its members run alone. The members:
// three paces and three prior variances around the default.
TEST(Bank, ARaceOfPacesAndVariancesServesNearlyTheBestOfItsMembers) {
  FixNumericPath();
  const accuracy::BankRows bank = accuracy::ReadBankRows();
  if (bank.x.empty()) GTEST_SKIP() << "bank_marketing is not there";
  const auto run = [&](const RaceSpec& spec, double pace, double width, double* auc) {
    auto frame = std::make_shared<FeatureFrame>();
    frame->features.resize(bank.x[0].size());
    ResponseLearner learner(frame, {7 * 24 / pace, 28 * 24 / pace}, 30 * 86'400'000LL, spec);
    if (width != 1) {
      Observation birth;   // a prior of its own: as siblings would leave it
      birth.kind = ObservationKind::kBirth;
      birth.time = 1'209'600'000'000LL;
      std::vector<float> prior(2 * bank.x[0].size(), 0.0F);
      prior[0] = static_cast<float>(fixed::Logit(.05));
      for (std::size_t j = bank.x[0].size(); j < prior.size(); ++j) prior[j] = static_cast<float>(.1 * width);
      prior[bank.x[0].size()] = 1;
      EXPECT_TRUE(learner.Apply(birth, prior));
    }
    double loss = 0;
    std::vector<Said> said;
    for (std::size_t i = 0; i < bank.x.size(); ++i) {
      Observation row;
      row.served_logit = learner.Predict(bank.x[i]).Moderated();
      row.probability = fixed::Logistic(learner.calibrator().Apply(row.served_logit));
      if (i >= 2000) {
        loss -= std::log(bank.y[i] > 0 ? row.probability : 1 - row.probability);
        said.push_back({row.probability, bank.y[i]});
      }
      row.time = 1'209'600'000'000LL + static_cast<EventTime>(i) * 60'000;
      row.y = bank.y[i];
      row.instant = true;
      row.to = kWholeWindow;
      for (const ObservationKind kind : {ObservationKind::kInterval, ObservationKind::kMature}) {
        row.kind = kind;
        EXPECT_TRUE(learner.Apply(row, bank.x[i]));
      }
    }
    *auc = Auc(said);
    return loss / static_cast<double>(bank.x.size() - 2000);
  };
  double auc = 0, best = 1;
  for (const auto& [pace, width] : {std::pair(1.0, 1.0), {.25, 1.0}, {4.0, 1.0}, {1.0, 3.0}}) {
    const double loss = run(RaceSpec::None(), pace, width, &auc);
    std::printf("A1, alone: pace %.2f, prior variance %.2f: AUC %.4f, log-loss %.4f\n", pace, .1 * width, auc, loss);
    best = std::min(best, loss);
  }
  for (const bool pool : {false, true}) {
    const double loss = run({true, true, pool, {kPlainFeatures}}, 1, 1, &auc);
    std::printf("A1, race of paces and variances, %s: AUC %.4f, log-loss %.4f\n", pool ? "pool" : "leader", auc, loss);
    EXPECT_LE(loss, best + .001);
    EXPECT_GE(auc, .793);
  }
}

}  // namespace
}  // namespace offerstream
