#include "models/deciding/arbitration.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iterator>
#include <string>

#include "models/deciding/explanation.h"
#include "models/deciding/exploration.h"
#include "models/domain/fixed_math.h"
#include "tests/support/fold_world.h"

namespace offerstream {
namespace {

// A view with a full covariance, and x with zeros in it.
std::shared_ptr<ResponseView> DenseView(const CampaignPlan& plan, ModelIndex m, Draws& draws) {
  auto view = View(plan, m, -2, 0);
  const std::size_t d = plan.features.size();
  std::vector<double> root(d * d);
  for (double& r : root) r = .1 * draws.Normal();
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      double sum = i == j ? .01 : 0;
      for (std::size_t k = 0; k < d; ++k) sum += root[i * d + k] * root[j * d + k];
      view->covariance[i * d + j] = static_cast<float>(sum);
    }
  }
  for (double& mean : view->mean) mean += .3 * draws.Normal();
  return view;
}

TEST(ScoreTable, PredictionIsTheQuadraticFormAndModeratedLogit) {
  auto plan = Shared(SmallPlan());
  Draws draws(1, 2, 3, Purpose::kSimulation);
  AdoptedModels models;
  models.responses.push_back(DenseView(*plan, ModelIndex(0), draws));
  models.responses[0] = [&] {
    auto v = std::make_shared<ResponseView>(*models.responses[0]);
    v->calibration_a = .1;
    v->calibration_b = .9;
    return v;
  }();
  ScoreTable table(plan);
  table.Adopt(models);
  const std::size_t d = plan->features.size();
  std::vector<float> x(d);
  for (std::size_t j = 0; j < d; ++j) x[j] = j % 3 == 1 ? 0.0f : static_cast<float>(draws.Normal());
  const LogitEstimate p = table.Predict(ModelIndex(0), FeatureRow(x));
  double z = 0, v = 0;
  for (std::size_t i = 0; i < d; ++i) {
    z += models.responses[0]->mean[i] * x[i];
    for (std::size_t j = 0; j < d; ++j) v += double{models.responses[0]->covariance[i * d + j]} * x[i] * x[j];
  }
  EXPECT_NEAR(p.mean, z, 1e-12);
  EXPECT_NEAR(p.variance, v, 1e-5 * v);
  EXPECT_NEAR(p.moderated, z / std::sqrt(1 + M_PI * v / 8), 1e-6);
  EXPECT_NEAR(p.probability, 1 / (1 + std::exp(-(.1 + .9 * p.moderated))), 1e-9);
  // The logit with one feature replaced is that of the changed x.
  for (const std::size_t at : {d - 1, std::size_t{1}}) {
    double mean = p.mean, variance = p.variance;
    table.Replace(ModelIndex(0), FeatureRow(x), at, .25f, mean, variance);
    std::vector<float> other = x;
    other[at] = .25f;
    const LogitEstimate replaced = table.Predict(ModelIndex(0), FeatureRow(other));
    EXPECT_NEAR(mean, replaced.mean, 1e-12);
    EXPECT_NEAR(variance, replaced.variance, 1e-5 * v);
  }
}

TEST(ScoreTable, AViewOfAnotherSchemaIsNotUsed) {
  auto plan = Shared(SmallPlan());
  AdoptedModels models;
  auto view = View(*plan, ModelIndex(0), -2, .1);
  view->schema_epoch = plan->features.epoch + 1;
  models.responses.push_back(view);
  ScoreTable table(plan);
  table.Adopt(models);
  EXPECT_EQ(table.model(ModelIndex(0)).view, nullptr);
  EXPECT_NEAR(table.mean(ModelIndex(0))[0], std::log(.05 / .95), 1e-12);
  EXPECT_EQ(table.diagonal(ModelIndex(0))[0], 1.0);
  EXPECT_EQ(table.diagonal(ModelIndex(0))[1], .1);
}

std::vector<Candidate> EveryOfferOn(const CampaignPlan& plan, std::size_t channels) {
  std::vector<Candidate> list;
  for (std::size_t o = 0; o < plan.offers.size(); ++o) {
    for (std::size_t c = 0; c < channels; ++c) {
      list.emplace_back();
      list.back().offer = OfferIndex(o);
      list.back().channel = ChannelIndex(c);
    }
  }
  return list;
}

// Every candidate by the definition, written out.
TEST(CandidateScorer, ScoresAsTheFormulasSayAndTheBestExactly) {
  CampaignPlan plan = SmallPlan();
  for (std::size_t o = 0; o < 14; ++o) {   // groups of twelve, of four and a rest
    OfferSpec offer = plan.offers[o % 3];
    offer.id = "more-" + std::to_string(o);
    offer.value = 10 + 3 * static_cast<double>(o);
    plan.offers.push_back(offer);
  }
  plan.Index();
  const auto shared = Shared(std::move(plan));
  Draws draws(1, 2, 5, Purpose::kSimulation);
  AdoptedModels models;
  for (std::size_t m = 0; m < shared->models(); ++m) models.responses.push_back(DenseView(*shared, ModelIndex(m), draws));
  ScoreTable table(shared);
  table.Adopt(models);
  CandidateScorer scorer(*shared, table);
  const std::size_t d = shared->features.size(), base = shared->features.candidate_begin;
  std::vector<std::vector<float>> x(2, std::vector<float>(d));
  for (std::size_t j = 0; j < d; ++j) {
    x[0][j] = j % 3 == 2 ? 0.0f : static_cast<float>(draws.Normal());
    x[1][j] = j < base ? x[0][j] : static_cast<float>(draws.Normal());
  }
  const double penalty[2] = {.1, .3};
  const std::vector<double> shift[2] = {{}, {.2, -.4}};
  scorer.SetCustomer(std::span<const float>(x[0]).first(base));
  for (std::size_t c = 0; c < 2; ++c) {
    scorer.SetChannel(ChannelIndex(c), std::span<const float>(x[c]).subspan(base), penalty[c], shift[c]);
  }
  std::vector<Candidate> list = EveryOfferOn(*shared, 2);
  scorer.Score(list);
  std::size_t exact = 0, best = 0;
  double ratio = 0, highest = -HUGE_VAL;
  for (std::size_t k = 0; k < list.size(); ++k) {
    const Candidate& c = list[k];
    const OfferSpec& offer = shared->offers[c.offer.value];
    const ModelIndex m = shared->ModelOf(c.offer, offer.goal);
    const ResponseView& view = *models.responses[m.value];
    const std::vector<float>& features = x[c.channel.value];
    double z = 0, whole = 0, diagonal = 0;
    for (std::size_t i = 0; i < d; ++i) {
      z += view.mean[i] * features[i];
      diagonal += double{view.covariance[i * d + i]} * features[i] * features[i];
      for (std::size_t j = 0; j < d; ++j) whole += double{view.covariance[i * d + j]} * features[i] * features[j];
    }
    const bool found = scorer.ExactVariance(c.offer, c.channel) >= 0;
    exact += found;
    const double g = c.probability * (1 - c.probability), said = c.probability_se * c.probability_se / (g * g);
    if (!found && ratio == 0) ratio = said / diagonal;
    const double v = found ? whole : ratio * diagonal;
    const double moved = c.channel.value == 0 ? 0 : shift[1][offer.goal.value];
    const double p = fixed::Logistic(view.calibration_a + moved + view.calibration_b * z / std::sqrt(1 + M_PI * v / 8));
    if (c.score > highest) {
      highest = c.score;
      best = k;
    }
    EXPECT_NEAR(c.probability, p, 1e-6);
    EXPECT_NEAR(c.probability_se, p * (1 - p) * std::sqrt(v), 1e-6);
    EXPECT_NEAR(c.score, p * offer.value * offer.lever - penalty[c.channel.value], 1e-4);
    EXPECT_NEAR(c.score_sd, offer.value * offer.lever * c.probability_se, 1e-9);
  }
  EXPECT_GE(exact, kExact);
  EXPECT_LT(exact, list.size());
  EXPECT_GE(scorer.ExactVariance(list[best].offer, list[best].channel), 0);
  EXPECT_GT(ratio, 0);
}

TEST(CandidateScorer, TellsWhatCandidatesOfOneOfferDoNotShare) {
  CampaignPlan small = SmallPlan();
  const auto plan = Shared(std::move(small));
  Draws draws(1, 2, 8, Purpose::kSimulation);
  AdoptedModels models;
  for (std::size_t m = 0; m < plan->models(); ++m) models.responses.push_back(DenseView(*plan, ModelIndex(m), draws));
  ScoreTable table(plan);
  table.Adopt(models);
  CandidateScorer scorer(*plan, table);
  const std::size_t d = plan->features.size(), base = plan->features.candidate_begin;
  std::vector<float> x(d);
  for (float& value : x) value = static_cast<float>(draws.Normal());
  std::vector<float> other = x;
  for (std::size_t j = base; j < d; ++j) other[j] = static_cast<float>(draws.Normal());
  scorer.SetCustomer(std::span<const float>(x).first(base));
  scorer.SetChannel(ChannelIndex(0), std::span<const float>(x).subspan(base), 0);
  scorer.SetChannel(ChannelIndex(1), std::span<const float>(other).subspan(base), 0);
  std::vector<Candidate> list(3);
  list[1].channel = ChannelIndex(1);
  list[0].offer = list[1].offer = OfferIndex(0);
  list[2].offer = OfferIndex(1);
  list[0].channel = list[2].channel = ChannelIndex(0);
  scorer.Score(list);
  std::vector<double> difference;
  scorer.ShareDoubt(list, 0, difference);
  EXPECT_EQ(difference[0], -1);
  EXPECT_EQ(difference[2], -1);
  // (g x - h x')P(g x - h x'), all of it exact among three candidates.
  const OfferSpec& offer = plan->offers[0];
  const ResponseView& view = *models.responses[plan->ModelOf(OfferIndex(0), offer.goal).value];
  const double worth = offer.value * offer.lever;
  const double h = worth * list[0].probability * (1 - list[0].probability);
  const double g = worth * list[1].probability * (1 - list[1].probability);
  double apart = 0, own = 0, others = 0;
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      const double p = view.covariance[i * d + j];
      apart += p * (double{other[i]} - double{x[i]}) * (double{other[j]} - double{x[j]});
      own += p * double{x[i]} * double{x[j]};
      others += p * double{other[i]} * double{other[j]};
    }
  }
  EXPECT_NEAR(difference[1], (g - h) * (g - h) * (own + others) / 2 + g * h * apart, 1e-4 * difference[1]);
}

TEST(FixedLanes, HaveTheBitsOfTheScalarFunctions) {
  Draws draws(1, 2, 6, Purpose::kSimulation);
  const double edges[] = {0.0, -0.0, 745.0, -745.0, -744.9, 709.7, 709.79, -1e300, 1e300, HUGE_VAL, -HUGE_VAL, 1e-320};
  for (std::size_t n = 0; n < 20'000; ++n) {
    const double x = n < std::size(edges) ? edges[n] : draws.Normal() * (n % 3 == 0 ? 1 : n % 3 == 1 ? 20 : 300);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(fixed::Exp(x)), std::bit_cast<std::uint64_t>(fixed::Exp(fixed::Same4(x))[n % 4])) << x;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(fixed::Logistic(x)), std::bit_cast<std::uint64_t>(fixed::Logistic(fixed::Same4(x))[n % 4])) << x;
  }
  EXPECT_TRUE(std::isnan(fixed::Exp(fixed::Same4(NAN))[0]));
}

TEST(SiblingPrior, PoolsMeansByPrecisionAndAddsTheirSpread) {
  auto plan = SmallPlan();
  auto a = View(plan, ModelIndex(1), -1, .1), b = View(plan, ModelIndex(3), -3, .1);
  const ResponseView* siblings[] = {a.get(), b.get()};
  const SiblingPrior prior = PoolSiblings(siblings, plan.features.size(), 7 * kDayLength);
  EXPECT_TRUE(prior.from_siblings);
  EXPECT_NEAR(prior.mean[0], -2, 1e-6);
  EXPECT_NEAR(prior.variance[0], 2, 1e-6);      // tau^2 = Var - mean P = 1.9, and P again
  EXPECT_NEAR(prior.variance[1], .1, 1e-6);     // no spread: only their own uncertainty
  EXPECT_NEAR(prior.delay_share[4], 1, 1e-12);  // four cuts below seven days, then W
}

TEST(SiblingPrior, MasksIntervalsThatHoldTooLittle) {
  std::array<double, kLabelCutsMax> share{};
  share = {.02, .04, .5, .9, 1};   // 1 h, 6 h, 1 d, 3 d, W = 7 d
  EXPECT_EQ(MergeMask(share, 7 * kDayLength) & 0xf, 0b1100);
}

std::vector<Candidate> Candidates(std::initializer_list<std::pair<double, double>> scores) {
  std::vector<Candidate> list;
  for (const auto& [score, sd] : scores) {
    Candidate c;
    c.offer = OfferIndex(list.size() % 3);
    c.channel = ChannelIndex(list.size() / 3);
    c.score = score;
    c.score_sd = sd;
    list.push_back(c);
  }
  return list;
}

TEST(Exploration, InverseGapFollowsItsFormula) {
  const CampaignPlan plan = SmallPlan();
  auto list = Candidates({{1.0, .3}, {.5, .4}, {1.0, .1}});
  list[2].score = .9;
  ExplorationScratch scratch;
  AssignPropensities(plan.explore, plan, list, 0, 0, scratch);
  const double r1 = .5 * .5 / (.3 * .3 + .4 * .4), r2 = .1 * .1 / (.3 * .3 + .1 * .1);
  const double p1 = 1 / (3 * (1 + 10 * r1)), p2 = 1 / (3 * (1 + 10 * r2));
  EXPECT_NEAR(list[1].propensity, .99 * p1 + .01 / 3, 1e-12);
  EXPECT_NEAR(list[2].propensity, .99 * p2 + .01 / 3, 1e-12);
  EXPECT_NEAR(list[0].propensity, .99 * (1 - p1 - p2) + .01 / 3, 1e-12);
}

TEST(Exploration, GreedyTakesTheBestAndNothingElse) {
  CampaignPlan plan = SmallPlan();
  plan.explore.policy = ExplorePolicy::kGreedy;
  auto list = Candidates({{1, .3}, {2, .4}, {1.5, .1}});
  ExplorationScratch scratch;
  AssignPropensities(plan.explore, plan, list, BestOf(list, plan, 1), 0, scratch);
  EXPECT_EQ(list[1].propensity, 1.0);
  EXPECT_EQ(DrawFrom(list, 0.0), 1u);
  EXPECT_EQ(DrawFrom(list, 0.999999), 1u);
}

TEST(Exploration, ThompsonMatchesTheProbabilityOfBeingBest) {
  CampaignPlan plan = SmallPlan();
  plan.explore.policy = ExplorePolicy::kThompson;
  plan.explore.lottery = 0;
  auto list = Candidates({{1.0, .5}, {.6, .5}, {0, 1.0}});
  ExplorationScratch scratch;
  AssignPropensities(plan.explore, plan, list, 0, 0, scratch);
  Draws draws(4, 5, 6, Purpose::kSimulation);
  std::array<double, 3> wins{};
  const int n = 200'000;
  for (int i = 0; i < n; ++i) {
    std::size_t best = 0;
    double top = -1e9;
    for (std::size_t a = 0; a < 3; ++a) {
      const double value = list[a].score + list[a].score_sd * draws.Normal();
      if (value > top) top = value, best = a;
    }
    wins[best] += 1.0 / n;
  }
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(list[a].propensity, wins[a], .01);
}

TEST(Exploration, TiesAreSettledByHashAndNotByPosition) {
  const CampaignPlan plan = SmallPlan();
  const auto list = Candidates({{1, .1}, {1, .1}, {1, .1}});
  std::array<int, 3> won{};
  for (std::uint64_t tie = 0; tie < 300; ++tie) ++won[BestOf(list, plan, tie)];
  for (const int n : won) EXPECT_GT(n, 60);
}

TEST(FastNormalCdf, IsGoodToSevenDigits) {
  for (double x = -5; x <= 5; x += .37) EXPECT_NEAR(FastNormalCdf(x), fixed::NormalCdf(x), 2e-7);
}

TEST(Explanation, GivesTheThreeLargestContributionsInOrder) {
  auto plan = Shared(SmallPlan());
  auto view = View(*plan, ModelIndex(0), -2, .04);
  view->mean[1] = .5;
  view->mean[3] = -2;
  view->mean[5] = 1;
  view->mean[7] = .1;
  view->feature_mean[5] = .5;
  AdoptedModels models;
  models.responses.push_back(view);
  ScoreTable table(plan);
  table.Adopt(models);
  std::vector<float> x(plan->features.size(), 1.0f);
  std::vector<Contribution> reasons;
  Explain(table, ModelIndex(0), x, reasons);
  ASSERT_EQ(reasons.size(), 3u);
  EXPECT_EQ(reasons[0].feature, 3);
  EXPECT_DOUBLE_EQ(reasons[0].contribution, -2);
  EXPECT_NEAR(reasons[0].sign_probability, 1, 1e-6);
  EXPECT_DOUBLE_EQ(reasons[1].contribution, .5);
  EXPECT_DOUBLE_EQ(reasons[2].contribution, .5);
  EXPECT_NEAR(reasons[1].sign_probability, fixed::NormalCdf(.5 / .2), 1e-6);
}

}  // namespace
}  // namespace offerstream
