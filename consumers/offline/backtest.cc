#include "consumers/offline/backtest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "models/deciding/label_resolver.h"

namespace offerstream {
namespace {

constexpr double kMinorPerMajor = 100;
// What of our own decisions is really shown, before any is known: as if so many had been.
constexpr double kShownPrior = 20;

bool IsPropensity(double p) { return p > 0 && p <= 1; }

}  // namespace

struct Backtest::Impl {
  // One policy: its plan's way of counting what would be earned, and its sums.
  struct Policy {
    std::string name{};
    std::unique_ptr<PolicyFollower> follower{};
    OffPolicyEstimator estimator;
    std::vector<double> value{}, worth{};   // by offer: what its goal earns by the base; what its own score counted
    std::vector<double> cost{};             // by channel, by the base
    std::unique_ptr<RejectionReplay> rejection{};
    std::uint64_t declined = 0;
  };

  Impl(std::shared_ptr<const CampaignPlan> b, std::shared_ptr<const EventMapping> mapping,
       const std::vector<NamedPolicy>& named, const DecisionLog* l, BacktestOptions o)
      : base(std::move(b)), log(l), options(std::move(o)), logged(options.seed, options.replicates) {
    for (const OfferSpec& offer : base->offers) longest = std::max(longest, base->outcomes[offer.goal.value].window);
    report.currency = base->currency;
    const auto follower = [&](std::shared_ptr<const CampaignPlan> plan, PolicyFollower::Asked asked, LockstepSink sink) {
      return std::make_unique<PolicyFollower>(std::move(plan), mapping, options.topic, options.reject_key_mismatch, log, std::move(asked),
                                              std::move(sink));
    };
    const auto plan = FollowingPlan(*base, *base);
    LockstepSink sink{.observation = [this](const Observation& row) { Learned(row); }};
    if (!options.study.challengers.empty()) {
      report.studied.study = std::make_unique<Study>(plan, options.study);
      sink.label = [this](const Observation& row, std::span<const float> x, const Event&) {
        StudiedModels& studied = report.studied;
        if (studied.status) studied.status = studied.study->Label(row, x);
      };
    }
    own = follower(plan, [this](const Event& e, const LoggedChoice& c, const Decision&) { return Logged(e, c); }, std::move(sink));
    for (std::size_t p = 0; p < named.size(); ++p) {
      Policy& policy = policies.emplace_back(Policy{.estimator = OffPolicyEstimator(options.seed, options.replicates)});
      policy.name = named[p].name;
      Price(*named[p].plan, policy);
      policy.follower = follower(
          FollowingPlan(*named[p].plan, *base),
          [this, p](const Event& e, const LoggedChoice& c, const Decision& d) { return Asked(p, e, c, d); }, {});
      if (p < options.bounds.size()) policy.rejection = std::make_unique<RejectionReplay>(options.seed, options.bounds[p]);
    }
  }

  // One yardstick for all policies: the base's values and costs; what the base does not know counts as the policy says.
  void Price(const CampaignPlan& plan, Policy& policy) const {
    for (const OfferSpec& offer : plan.offers) {
      const auto known = base->offer_by_hash.find(offer.hash);
      policy.value.push_back(known == base->offer_by_hash.end() ? offer.value : base->offers[known->second.value].value);
      policy.worth.push_back(offer.value * offer.lever);
    }
    for (const ChannelSpec& channel : plan.channels) {
      const auto known = base->channel_by_hash.find(channel.hash);
      policy.cost.push_back(known == base->channel_by_hash.end() ? channel.cost : base->channels[known->second.value].cost);
    }
  }

  /// A logged choice, seen by the log's own configuration: becomes a row. Always learned from.
  bool Logged(const Event& event, const LoggedChoice& choice) {
    if (choice.foreign && log != nullptr) return true;   // the bank's own campaigns beside our decisions
    ++report.log.decisions;
    if (event.time < options.since) {
      ++report.log.early;
      return true;
    }
    if (choice.arm == Arm::kHoldout) {
      ++report.log.holdout;
      return true;
    }
    if (choice.has_offer && !IsPropensity(choice.propensity)) {
      ++report.log.invalid;
      return true;
    }
    if (choice.has_offer && !choice.offer.known()) {
      ++report.log.unknown;
      return true;
    }
    if (event.time < own->watermark()) {
      ++report.log.late;
      return true;
    }
    LoggedRow* row = rows.Add(choice.id);
    if (row == nullptr) {
      ++report.log.repeated;
      return true;
    }
    row->customer = event.customer_hash;
    row->has_offer = choice.has_offer;
    row->foreign = choice.foreign;
    row->propensity = choice.has_offer ? choice.propensity : 1;
    // Every row waits as long as the slowest could need, or those with good news would be counted first.
    row->ripe_at = event.time + longest + (choice.foreign ? 0 : base->decide.valid_for);
    row->judged.resize(policies.size());
    return true;
  }

  /// What the log's own configuration learned: outcomes of rows.
  void Learned(const Observation& o) {
    if (o.kind != ObservationKind::kMature && o.kind != ObservationKind::kCapRow) return;
    LoggedRow* row = rows.Find(o.exposure);
    if (row == nullptr) return;
    if (o.kind == ObservationKind::kCapRow) {
      // A mature row stands before its cap row, so the goal is known here: an opt-out counts once, with the goal's.
      if (o.unsubscribed && o.outcome == goal && row->labelled && o.channel < base->channels.size()) {
        row->reward -= base->channels[o.channel].unsubscribe_value;
      }
      return;
    }
    const OfferIndex offer = OfferOf(o.model);
    if (!offer.known()) return;
    const OfferSpec& spec = base->offers[offer.value];
    goal = spec.goal.value;
    if (o.outcome != goal) return;
    const bool from_event = base->outcomes[goal].value_from_event && o.value > 0;
    const double value = from_event ? static_cast<double>(o.value) / kMinorPerMajor : spec.value;
    row->labelled = true;
    row->reward = (o.y > 0 ? value : 0) - (o.channel < base->channels.size() ? base->channels[o.channel].cost : 0);
    if (o.instant) row->ripe_at = kNever;
  }

  OfferIndex OfferOf(IdHash model) {
    if (offer_of.empty()) {
      for (std::size_t m = 0; m < base->models(); ++m) offer_of[base->ModelHash(ModelIndex(m))] = base->OfferOf(ModelIndex(m));
    }
    const auto at = offer_of.find(model);
    return at == offer_of.end() ? OfferIndex{} : at->second;
  }

  /// What a policy would have done at a logged choice. True: it learns from it.
  bool Asked(std::size_t p, const Event& event, const LoggedChoice& choice, const Decision& decision) {
    LoggedRow* row = choice.foreign && log != nullptr ? nullptr : rows.Find(choice.id);
    if (row == nullptr) return true;
    Policy& policy = policies[p];
    Judged& judged = row->judged[p];
    judged.seen = true;
    judged.declines = decision.candidates.empty();
    const double shown = row->foreign ? 1 : (shown_rows + kShownPrior) / (offered_rows + kShownPrior);
    double mass = 0, mass_q = 0;
    for (const Candidate& c : decision.candidates) {
      // What the score took off for customers who would leave is in it; levers and thumbs on the scale are not.
      const double lost = c.probability * policy.worth[c.offer.value] - c.score;
      const double q = shown * (c.probability * policy.value[c.offer.value] - lost - policy.cost[c.channel.value]);
      judged.expected += c.propensity * q;
      if (!row->has_offer || c.offer != choice.offer || (choice.channel.known() && c.channel != choice.channel)) continue;
      mass += c.propensity;
      mass_q += c.propensity * q;
    }
    judged.weight = row->has_offer ? mass / row->propensity : 0;   // where the log made no offer, an offer is unseen
    judged.predicted = mass > 0 ? mass_q / mass : 0;
    if (policy.rejection == nullptr) return true;
    judged.accepted = policy.rejection->Accept(judged.declines ? 1 : judged.weight, event.customer_hash, choice.id);
    return judged.accepted && !judged.declines;
  }

  /// Rows whose outcome is final go to the estimators, in the order they were logged.
  void Settle() {
    const EventTime watermark = own->watermark();
    while (!rows.empty() && rows.front().ripe_at <= watermark) {
      Settle(rows.front());
      rows.Pop();
    }
  }

  void Settle(const LoggedRow& row) {
    if (row.foreign && !row.labelled) {
      ++report.log.unlabelled;
      return;
    }
    if (!row.foreign && row.has_offer) {
      ++offered_rows;
      shown_rows += row.labelled ? 1 : 0;
    }
    ++report.log.weighed;
    logged.Add({.unit = row.customer, .weight = 1, .reward = row.reward});
    for (std::size_t p = 0; p < policies.size(); ++p) {
      const Judged& judged = row.judged[p];
      if (!judged.seen) continue;
      Policy& policy = policies[p];
      policy.declined += judged.declines ? 1 : 0;
      policy.estimator.Add({.unit = row.customer, .weight = judged.weight, .reward = row.reward, .predicted = judged.predicted,
                            .expected = judged.expected, .declines = judged.declines});
      if (judged.accepted) policy.rejection->Add(judged.declines ? 0 : row.reward);
    }
  }

  void Count(const DecodedBatch& batch) {
    InputReport& input = report.input;
    ++input.records;
    const Decoded& decoded = batch.records.front();
    if (decoded.bad) {
      ++input.rejected[std::string(ReasonText(decoded.reason))];
      ++report.rejected_details[fmt::format("{}: {}", ReasonText(decoded.reason), decoded.detail)];
      return;
    }
    if (decoded.size == 0) ++input.ignored;
    for (std::uint32_t e = decoded.begin; e < decoded.begin + decoded.size; ++e) {
      ++(batch.events[e].kind == EventKind::kIgnore ? input.ignored : input.events);
    }
  }

  std::shared_ptr<const CampaignPlan> base;
  const DecisionLog* log;
  BacktestOptions options;
  OffPolicyEstimator logged;           // the log itself: every weight 1
  LoggedRows rows{};
  std::vector<Policy> policies{};
  std::unique_ptr<PolicyFollower> own{};
  std::map<IdHash, OfferIndex> offer_of{};   // by model
  std::uint16_t goal = 0;              // of the mature row last seen
  Duration longest = 0;
  double shown_rows = 0, offered_rows = 0;
  std::int64_t offset = 0;
  BacktestReport report{};
};

Backtest::Backtest(std::shared_ptr<const CampaignPlan> base, std::shared_ptr<const EventMapping> mapping,
                   const std::vector<NamedPolicy>& policies, const DecisionLog* log, BacktestOptions options)
    : impl_(std::make_unique<Impl>(std::move(base), std::move(mapping), policies, log, std::move(options))) {}
Backtest::~Backtest() = default;

InputReport& Backtest::input() { return impl_->report.input; }

void Backtest::Apply(Record record) {
  record.cause.offset = impl_->offset++;
  impl_->Count(impl_->own->Apply(record));
  for (Impl::Policy& policy : impl_->policies) policy.follower->Apply(record);
  impl_->Settle();
}

BacktestReport Backtest::Finish() {
  Impl& self = *impl_;
  LogReport& log = self.report.log;
  log.open = self.rows.size();
  if (self.log != nullptr) log.unmet = self.log->size() - std::min<std::uint64_t>(self.log->size(), self.own->met());
  const OffPolicyResult all = self.logged.Result();
  log.value = all.logged_value;
  log.interval = all.of(OffPolicyMethod::kIps).interval;
  if (StudiedModels& studied = self.report.studied; studied.study != nullptr) {
    if (studied.status) studied.status = self.own->Finish();
    if (studied.status) studied.status = studied.study->Finish();
    studied.models = self.own->engine().Reports();
    studied.segments = self.own->engine().models().segments;
  }
  for (const Impl::Policy& policy : self.policies) {
    PolicyReport& found = self.report.policies.emplace_back();
    found.name = policy.name;
    found.result = policy.estimator.Result();
    found.declined = policy.declined;
    if (policy.rejection == nullptr) continue;
    const RejectionReplay& replay = *policy.rejection;
    found.rejection = {replay.Value(), replay.bound(), replay.Normal(), replay.offered(), replay.accepted(), replay.clipped()};
  }
  return std::move(self.report);
}

}  // namespace offerstream
