// Small plans and observation streams shared by the tests of the learning fold and its models.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/fixed_math.h"
#include "models/domain/observation.h"
#include "models/domain/random.h"
#include "models/learning_fold.h"

namespace offerstream::testing {

/// Two offers (loan pays on click, card on conversion), two channels, `dimension` features named f0, f1, ...
inline std::shared_ptr<CampaignPlan> SmallPlan(std::size_t dimension) {
  auto plan = std::make_shared<CampaignPlan>();
  plan->channels.resize(2);
  plan->channels[0].id = "push";
  plan->channels[1].id = "email";
  for (ChannelSpec& channel : plan->channels) {
    channel.cost = 0.05;
    channel.unsubscribe_value = 12;
  }
  plan->outcomes.resize(2);
  plan->outcomes[0].id = "click";
  plan->outcomes[1].id = "conversion";
  plan->outcomes[1].window = 30 * 86'400'000LL;
  for (const char* id : {"loan", "card"}) {
    OfferSpec offer;
    offer.id = id;
    offer.value = 40;
    offer.goal = OutcomeIndex(CampaignPlan::kConversion);
    offer.channels = {ChannelIndex(0), ChannelIndex(1)};
    plan->offers.push_back(offer);
  }
  for (std::size_t j = 0; j < dimension; ++j) {
    FeatureSpec feature;
    feature.kind = j == 0 ? FeatureKind::kBias : FeatureKind::kAttributeNumber;
    feature.name = "f" + std::to_string(j);
    plan->features.features.push_back(feature);
  }
  plan->segments.features = {ProfileNumber::kRecency, ProfileNumber::kFrequency};
  plan->segments.centre = {0, 0};
  plan->segments.scale = {1, 1};
  plan->features.epoch = 7;
  plan->features.candidate_begin = dimension;
  plan->Index();
  return plan;
}

/// One observation and its features.
struct Row {
  Observation observation{};
  std::vector<float> x{};
  std::shared_ptr<MovePlaces> places{};   // of a Move
};

/// Interval and Mature rows, alternately, of one response model; one exposure a minute; logit -2 + .8 x1 - .4 x2.
inline std::vector<Row> ResponseRows(IdHash model, std::size_t dimension, std::size_t count, std::uint64_t seed = 1,
                                     EventTime start = 1'700'000'000'000LL) {
  std::vector<Row> rows;
  Draws draws(seed, model, 0, Purpose::kSimulation);
  for (std::size_t i = 0; i < count; ++i) {
    Row row;
    row.observation.model = model;
    row.observation.time = start + static_cast<EventTime>(i) * 60'000;
    if (i % 2 == 1) {
      row.x = rows.back().x;
      row.observation.y = rows.back().observation.y;
      row.observation.kind = ObservationKind::kMature;
      row.observation.delay = row.observation.y > 0 ? static_cast<Duration>(draws.Uniform() * 86'400'000.0) : 0;
      row.observation.probability = 0.02 + 0.2 * draws.Uniform();
      row.observation.served_logit = fixed::Logit(row.observation.probability);
    } else {
      for (std::size_t j = 0; j < dimension; ++j) row.x.push_back(j == 0 ? 1.0F : static_cast<float>(draws.Normal()));
      double z = -2;
      if (dimension > 2) z += 0.8 * static_cast<double>(row.x[1]) - 0.4 * static_cast<double>(row.x[2]);
      row.observation.kind = ObservationKind::kInterval;
      row.observation.y = draws.Uniform() < fixed::Logistic(z) ? 1.0F : 0.0F;
      row.observation.to = i % 4 == 0 ? kWholeWindow : 86'400'000;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// CapRows of both outcomes over two segments and the two channels: p falls with n from about 6 %; V 40, about one
/// impression an hour.
inline std::vector<Row> CapRows(std::size_t count, std::uint64_t seed = 3) {
  std::vector<Row> rows(count);
  Draws draws(seed, 1, 1, Purpose::kSimulation);
  for (std::size_t i = 0; i < count; ++i) {
    Observation& o = rows[i].observation;
    o.kind = ObservationKind::kCapRow;
    o.model = H64("caps");
    o.time = 1'700'000'000'000LL + static_cast<EventTime>(i) * 1'800'000;
    o.outcome = static_cast<std::uint16_t>(i % 2);
    o.segment = 1 + static_cast<std::uint32_t>(draws.Below(2));
    o.channel = static_cast<std::uint16_t>(draws.Below(2));
    o.n = 1 + static_cast<std::uint32_t>(draws.Below(15));
    o.served_logit = -2.7 + 0.5 * draws.Normal();
    o.value = 4000;
    const double z = o.served_logit - 0.5 * fixed::Log(static_cast<double>(o.n));
    o.y = draws.Uniform() < fixed::Logistic(z) ? 1.0F : 0.0F;
    o.unsubscribed = draws.Uniform() < 0.01;
  }
  return rows;
}

}  // namespace offerstream::testing
