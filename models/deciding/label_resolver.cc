#include "models/deciding/label_resolver.h"

#include <algorithm>
#include <cmath>

#include "models/deciding/sibling_prior.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

const IdHash kCapsHash = H64("caps"), kSegmentsHash = H64("segments"), kLiftHash = H64("lift"),
             kPreferencesHash = H64("preferences"), kChurnHash = H64("churn"), kItemsHash = H64("items");

Duration CutAge(Duration window, std::size_t cut) { return cut < CutsBelow(window) ? kLabelCuts[cut] : window; }

// The first cut at or after `cut` that is not merged into its successor; CutsBelow(window) is W itself.
std::uint8_t Unmerged(const PendingLabel& label, Duration window, std::size_t cut) {
  const std::size_t below = CutsBelow(window);
  while (cut < below && (label.mask >> cut & 1) == 0) ++cut;
  return static_cast<std::uint8_t>(cut);
}

// Rows of one exposure share one copy of its features in the batch's arena.
class RowWriter {
 public:
  RowWriter(ObservationBatch& out, std::span<const float> x) : out_(out), x_(x) {}
  RowWriter(ObservationBatch& out, const PackedFeatures& x) : out_(out), packed_(&x) {}
  Observation& Add(ObservationKind kind, IdHash model, EventTime time, std::uint64_t exposure) {
    Observation& row = out_.rows.emplace_back();
    row.kind = kind;
    row.model = model;
    row.time = time;
    row.exposure = exposure;
    return row;
  }
  Observation& AddWithFeatures(ObservationKind kind, IdHash model, EventTime time, std::uint64_t exposure) {
    if (!stored_) {
      begin_ = static_cast<std::uint32_t>(out_.arena.size());
      out_.arena.insert(out_.arena.end(), x_.begin(), x_.end());
      if (packed_ != nullptr) packed_->AppendTo(out_.arena);
      size_ = static_cast<std::uint32_t>(out_.arena.size()) - begin_;
      stored_ = true;
    }
    Observation& row = Add(kind, model, time, exposure);
    row.x_begin = begin_;
    row.x_size = size_;
    return row;
  }

 private:
  ObservationBatch& out_;
  std::span<const float> x_{};
  const PackedFeatures* packed_ = nullptr;
  bool stored_ = false;
  std::uint32_t begin_ = 0, size_ = 0;
};

Money GoalValue(const OfferSpec& offer) { return static_cast<Money>(std::nearbyint(offer.value * 100)); }

Observation& AddInterval(const CampaignPlan& plan, const Exposure& e, std::size_t o, EventTime time, Duration to,
                         float y, RowWriter& rows) {
  const IdHash model = plan.ModelHash(plan.ModelOf(e.offer, OutcomeIndex(o)));
  Observation& row = rows.AddWithFeatures(ObservationKind::kInterval, model, time, e.id);
  row.from = e.labels[o].last_cut;
  row.to = to;
  row.y = y;
  if (y > 0) row.delay = e.labels[o].delay;
  return row;
}

// What Mature and Cap rows of an exposure's outcome have in common.
struct Final {
  std::size_t outcome = 0;
  float y = 0;
  std::uint32_t n = 0, segment = 0;
  ChannelIndex channel{};
  Arm arm = Arm::kPolicy;
  bool lottery = false, unsubscribed = false, instant = false;
  double logit = 0, probability = 0, cap_logit = 0, propensity = 0;
  Duration delay = 0;
  Money value = 0;
};

void AddFinalRows(const CampaignPlan& plan, OfferIndex offer, std::uint64_t exposure, EventTime time, const Final& f,
                  RowWriter& rows) {
  const IdHash model = plan.ModelHash(plan.ModelOf(offer, OutcomeIndex(f.outcome)));
  Observation& mature = rows.AddWithFeatures(ObservationKind::kMature, model, time, exposure);
  mature.y = f.y;
  mature.delay = f.delay;
  mature.value = f.value;
  mature.served_logit = f.logit;
  mature.probability = f.probability;
  mature.propensity = f.propensity;
  mature.n = f.n;
  mature.segment = f.segment;
  mature.channel = f.channel.value;
  mature.outcome = static_cast<std::uint16_t>(f.outcome);
  mature.arm = static_cast<std::uint8_t>(f.arm);
  mature.instant = f.instant;
  if (!f.channel.known() || f.n == 0) return;
  Observation& cap = rows.Add(ObservationKind::kCapRow, kCapsHash, time, exposure);
  cap.y = f.y;
  // Only the outcome that is the goal pays: with goals of both kinds in a cell the others would be counted twice.
  const OfferSpec& shown = plan.offers[offer.value];
  cap.value = shown.goal.value == f.outcome ? GoalValue(shown) : 0;
  cap.served_logit = f.cap_logit;
  cap.n = f.n;
  cap.segment = f.segment;
  cap.channel = f.channel.value;
  cap.outcome = static_cast<std::uint16_t>(f.outcome);
  cap.lottery = f.lottery;
  cap.unsubscribed = f.unsubscribed;
  cap.instant = f.instant;
}

void CloseLabel(const CampaignPlan& plan, Exposure& e, std::size_t o, EventTime due, RowWriter* rows) {
  PendingLabel& label = e.labels[o];
  label.next_cut = kLabelClosed;
  if (rows == nullptr) return;
  Final f;
  f.outcome = o;
  f.y = label.converted ? 1.0f : 0.0f;
  f.n = e.ordinal;
  f.segment = e.segment;
  f.channel = e.channel;
  f.arm = static_cast<Arm>(e.arm);
  f.lottery = e.lottery;
  f.unsubscribed = e.unsubscribed;
  f.logit = label.logit;
  f.probability = label.probability;
  f.cap_logit = label.cap_logit;
  f.propensity = e.propensity;
  f.delay = label.delay;
  f.value = label.value;
  AddFinalRows(plan, e.offer, e.id, due, f, *rows);
}

void FireLabel(const CampaignPlan& plan, Exposure& e, std::size_t o, EventTime due, RowWriter* rows) {
  PendingLabel& label = e.labels[o];
  const Duration window = plan.outcomes[o].window;
  const std::size_t below = CutsBelow(window);
  while (label.next_cut != kLabelClosed && e.shown + CutAge(window, label.next_cut) <= due) {
    const Duration age = CutAge(window, label.next_cut);
    const EventTime at = e.shown + age;
    const bool last = label.next_cut == below;
    if (!label.converted || label.hold) {   // a held conversion is told at its interval's end
      if (rows != nullptr) AddInterval(plan, e, o, at, age, label.converted ? 1.0f : 0.0f, *rows).held = label.converted;
      label.last_cut = age;
      if (label.converted) label.hold = false;
    }
    if (last) {
      CloseLabel(plan, e, o, at, rows);
    } else {
      label.next_cut = label.converted ? static_cast<std::uint8_t>(below) : Unmerged(label, window, label.next_cut + 1u);
    }
  }
}

bool Matches(const CampaignPlan& plan, const Exposure& e, const Event& event) {
  if (event.channel.known() && e.channel != event.channel) return false;
  if (event.offer.known()) return e.offer == event.offer;
  if (event.offer_hash != 0) return false;   // an offer the plan does not know
  if (event.product.known()) return plan.offers[e.offer.value].product == event.product;
  return event.product_hash == 0;
}

}  // namespace

IdHash CapsModel() { return kCapsHash; }
IdHash SegmentsModel() { return kSegmentsHash; }
IdHash LiftModel() { return kLiftHash; }
IdHash PreferencesModel() { return kPreferencesHash; }
IdHash ChurnOwner() { return kChurnHash; }
IdHash ItemsOwner() { return kItemsHash; }

void OpenLabels(const CampaignPlan& plan, EventTime shown, Exposure& exposure) {
  exposure.shown = shown;
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    PendingLabel& label = exposure.labels[o];
    label.last_cut = 0;
    label.next_cut = Answerable(o) ? Unmerged(label, plan.outcomes[o].window, 0) : kLabelClosed;
  }
  exposure.next_due = ExposureDue(plan, exposure);
}

EventTime ExposureDue(const CampaignPlan& plan, const Exposure& exposure) {
  if (!exposure.Shown()) return exposure.valid_until;
  EventTime due = INT64_MAX;
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    const PendingLabel& label = exposure.labels[o];
    if (label.next_cut == kLabelClosed) continue;
    due = std::min(due, exposure.shown + CutAge(plan.outcomes[o].window, label.next_cut));
  }
  return due;
}

void FireExposure(const CampaignPlan& plan, EventTime due, Exposure& exposure, ObservationBatch* out) {
  if (!exposure.Shown()) {   // decided, never shown: gives its cap slot back
    if (exposure.valid_until <= due) exposure.next_due = INT64_MAX;
    return;
  }
  if (out != nullptr) {
    RowWriter rows(*out, exposure.x);
    for (std::size_t o = 0; o < plan.outcomes.size(); ++o) FireLabel(plan, exposure, o, due, &rows);
  } else {
    for (std::size_t o = 0; o < plan.outcomes.size(); ++o) FireLabel(plan, exposure, o, due, nullptr);
  }
  exposure.next_due = ExposureDue(plan, exposure);
}

Exposure* FindDisplayed(CustomerProfile& profile, const Event& event) {
  for (auto e = profile.exposures.rbegin(); e != profile.exposures.rend(); ++e) {
    if (event.decision_id != 0) {
      if (e->id == event.decision_id) return &*e;
      continue;
    }
    if (e->Shown() || !event.offer.known() || e->offer != event.offer || e->valid_until <= event.time) continue;
    if (event.channel.known() && e->channel != event.channel) continue;
    return &*e;
  }
  return nullptr;
}

Exposure* FindAnswered(const CampaignPlan& plan, CustomerProfile& profile, const Event& event, Duration window,
                       Joined& how) {
  how = Joined::kNot;
  Exposure* latest = nullptr;
  for (Exposure& e : profile.exposures) {
    if (event.decision_id != 0) {
      if (e.id != event.decision_id) continue;
      if (!e.Shown() || event.time < e.shown) return nullptr;   // an impression is never invented from an answer
      how = Joined::kByDecision;
      return &e;
    }
    if (!e.Shown() || event.time < e.shown || event.time - e.shown > window || !Matches(plan, e, event)) continue;
    if (latest == nullptr || e.shown >= latest->shown) latest = &e;
  }
  if (latest != nullptr) how = Joined::kByWindow;
  return latest;
}

Joined ResolveOutcome(const CampaignPlan& plan, CustomerProfile& profile, const Event& event, OutcomeIndex outcome,
                      ObservationBatch* out, Exposure*& exposure) {
  exposure = nullptr;
  const std::size_t o = outcome.value;
  const Duration window = plan.outcomes[o].window;
  Joined how{};
  Exposure* found = FindAnswered(plan, profile, event, window, how);
  if (found == nullptr) return how;
  PendingLabel& label = found->labels[o];
  if (label.converted) return Joined::kNot;   // a second outcome: the label is closed
  const Duration age = event.time - found->shown;
  if (age > window || label.next_cut == kLabelClosed) return Joined::kTooLate;
  exposure = found;
  label.converted = true;
  label.delay = age;
  label.value = event.has_value ? event.value : 0;
  if (!label.hold) {
    if (out != nullptr) {
      RowWriter rows(*out, found->x);
      AddInterval(plan, *found, o, event.time, CutAge(window, label.next_cut), 1.0f, rows);
    }
    label.next_cut = static_cast<std::uint8_t>(CutsBelow(window));   // only the window's end is left
  }
  found->next_due = ExposureDue(plan, *found);
  return how;
}

void EmitKnownOutcomes(const CampaignPlan& plan, const Event& event, const DecisionFact& fact, std::uint64_t exposure,
                       std::uint32_t ordinal, std::span<const float> x, ObservationBatch& out) {
  RowWriter rows(out, x);
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    if ((event.outcomes_known >> o & 1) == 0) continue;
    const ServedLabel& served = fact.served[o];
    Final f;
    f.outcome = o;
    f.y = (event.outcomes_yes >> o & 1) != 0 ? 1.0f : 0.0f;
    f.n = fact.channel.known() ? ordinal : 0;
    f.segment = fact.segment;
    f.channel = fact.channel;
    f.arm = fact.arm;
    f.lottery = fact.lottery;
    f.instant = true;
    f.logit = served.logit;
    f.probability = served.probability;
    f.cap_logit = served.cap_logit;
    f.propensity = fact.propensity;
    f.value = f.y > 0 && event.has_value ? event.value : 0;
    const IdHash model = plan.ModelHash(plan.ModelOf(fact.offer, OutcomeIndex(o)));
    Observation& row = rows.AddWithFeatures(ObservationKind::kInterval, model, event.time, exposure);
    row.to = kWholeWindow;
    row.y = f.y;
    AddFinalRows(plan, fact.offer, exposure, event.time, f, rows);
  }
}

}  // namespace offerstream
