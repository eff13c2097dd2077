// A14 through the decision fold: every customer of online_retail buys, and between purchases only its turn (every 28 days) tells
// the segments' owner where it has come to. Seeds: 1 by default, more with OFFERSTREAM_SEEDS.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "models/deciding/feature_map.h"
#include "models/domain/event_time.h"
#include "tests/support/fold_world.h"
#include "tests/support/retail_invoices.h"
#include "tests/support/segment_world.h"

namespace offerstream {
namespace {

using namespace offerstream::testing;

constexpr std::size_t kSettled = 2'000, kBatchRestarts = 5;
constexpr EventTime kLookEvery = 7 * kDayLength, kAdoptEvery = kHour;

struct Outcome {
  // Inertia over batch k-means' of the same k, mean over the looks: over the places last told, and where everybody is now.
  double told = 0, now = 0;
  double within_one = 0;                   // share of looks whose k is within 1 of the commonest
  std::size_t looks = 0;
  std::uint64_t turns = 0;
};

/// One run: a fold, the owner of the segments it tells, and looks at where everybody stands at that moment.
class Retail {
 public:
  Retail(Duration retell, std::uint64_t seed) : world_(PlanWith(retell)), features_(*world_.plan), draws_(seed, 14, 1, Purpose::kSimulation) {
    SegmentSettings settings = PlainSettings(3, seed);
    settings.centre = world_.plan->segments.centre;
    settings.scale = world_.plan->segments.scale;
    segmenter_ = std::make_unique<Segmenter>(settings);
    views_[0] = segmenter_->View(0);
  }

  void Buys(std::string_view customer, double amount, EventTime time) {
    Event& e = world_.script.Add(EventKind::kTransaction, std::string(customer), time);
    e.has_value = true;
    e.value = static_cast<Money>(amount * 100);
    Learn(world_.Apply(e));
    if (time >= adopt_at_) Adopt(time);
    if (time >= look_at_) Look(time);
  }

  Outcome End() const {
    Outcome end = outcome_;
    end.told /= static_cast<double>(std::max<std::size_t>(1, end.looks));
    end.now /= static_cast<double>(std::max<std::size_t>(1, end.looks));
    double best = 0;
    for (const auto& [k, count] : ks_) {
      double around = 0;
      for (std::size_t near : {k - 1, k, k + 1}) around += ks_.contains(near) ? ks_.at(near) : 0;
      best = std::max(best, around);
    }
    end.within_one = best / static_cast<double>(std::max<std::size_t>(1, end.looks));
    return end;
  }

 private:
  static CampaignPlan PlanWith(Duration retell) {
    CampaignPlan plan = SmallPlan();
    plan.segments.features = {ProfileNumber::kRecency, ProfileNumber::kFrequency, ProfileNumber::kMonetary};
    plan.segments.centre = {3, 1, 5};
    plan.segments.scale = {1, 1, 2};
    plan.segments.retell = retell;
    plan.decide.trigger_kinds = 0;
    plan.Index();
    return plan;
  }
  void Learn(const FoldOutput& out) {
    outcome_.turns += out.turn_count;
    for (const Observation& row : out.observations.rows) {
      if (row.kind == ObservationKind::kMove) segmenter_->Learn(row.customer, row.places->old_place, row.places->new_place);
    }
  }
  void Adopt(EventTime time) {
    adopt_at_ = time + kAdoptEvery;
    AdoptedModels models;
    models.responses.resize(world_.plan->models());
    view_ = segmenter_->View(++version_);
    models.segments = views_[view_->epoch] = view_;
    world_.fold.Begin(++seq_, 1'000'000);
    world_.fold.Adopt(models);
  }
  double Ratio(const Table& points) {
    const BatchFit batch = BatchKMeans(points, view_->macros.size(), kBatchRestarts, [&] { return draws_.Uniform(); });
    return Inertia(points, Centres(*view_)) / batch.inertia;
  }
  void Look(EventTime time) {
    look_at_ = time + kLookEvery;
    if (world_.memory.customers().size() < kSettled || view_ == nullptr || view_->macros.empty()) return;
    Table told{3, {}}, now{3, {}};
    std::vector<double> raw(3);
    std::vector<float> z(3);
    for (const auto& [id, profile] : world_.memory.customers()) {
      const SegmentView& then = *views_.at(profile->place.epoch);
      for (std::size_t j = 0; j < 3; ++j) {
        told.values.push_back((then.centre[j] + then.scale[j] * double{profile->place.z[j]} - view_->centre[j]) / view_->scale[j]);
      }
      features_.FillSegmentNumbers(*profile, time, raw);
      Standardise(*view_, raw, z);
      now.values.insert(now.values.end(), z.begin(), z.end());
    }
    outcome_.told += Ratio(told);
    outcome_.now += Ratio(now);
    ks_[view_->macros.size()] += 1;
    ++outcome_.looks;
  }

  FoldWorld world_;
  FeatureMap features_;
  Draws draws_;
  std::unique_ptr<Segmenter> segmenter_{};
  std::shared_ptr<SegmentView> view_{};
  std::map<std::uint32_t, std::shared_ptr<SegmentView>> views_{};   // by epoch
  Outcome outcome_{};
  std::map<std::size_t, double> ks_{};
  EventTime adopt_at_ = kNever, look_at_ = kNever;
  std::uint64_t version_ = 0;
  TxnSeq seq_ = 1;
};

/// Every purchase invoice of a known customer is one transaction.
void Feed(GzipLines& lines, Retail& retail) {
  EachInvoice(lines, [&](std::string_view customer, double amount, std::string_view date) {
    EventTime time = 0;
    if (!ParseRfc3339(std::string(date) + "Z", time)) time = 0;
    retail.Buys(std::string(customer), amount, time);
  });
}

TEST(TurnsAccuracy, A14OnlineRetailWhereTheSilentAreToldAtTheirTurn) {
  const std::string path = OFFERSTREAM_SOURCE_DIR "/../shared/data/online_retail/online_retail.csv.gz";
  const char* text = std::getenv("OFFERSTREAM_SEEDS");
  const int seeds = text != nullptr ? std::max(1, std::atoi(text)) : 1;
  double ratio = 0, now = 0, silent_now = 0, within = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    Retail told(Duration{28} * kDayLength, static_cast<std::uint64_t>(seed)), silent(Duration{10'000} * kDayLength, static_cast<std::uint64_t>(seed));
    for (Retail* retail : {&told, &silent}) {
      GzipLines lines(path);
      if (!lines.ok()) GTEST_SKIP() << "online_retail is not there: " << path;
      Feed(lines, *retail);
    }
    const Outcome with = told.End(), without = silent.End();
    std::printf("A14 seed %d: %zu looks, %llu turns; over told places %.4f (%.4f without turns), over where everybody is now %.4f (%.4f); "
                "k within 1 in %.2f (%.2f)\n", seed, with.looks, static_cast<unsigned long long>(with.turns), with.told, without.told,
                with.now, without.now, with.within_one, without.within_one);
    ASSERT_GE(with.looks, 15u);
    ratio += with.told / seeds;
    now += with.now / seeds;
    silent_now += without.now / seeds;
    within += with.within_one / seeds;
  }
  EXPECT_LE(ratio, 1.05);
  EXPECT_GE(within, 0.9);
  // What turns are for: between them recency grows unseen for 28 days at most, and not for ever.
  EXPECT_LE(now, 1.5);
  EXPECT_GE(silent_now, 2 * now);
}

}  // namespace
}  // namespace offerstream
