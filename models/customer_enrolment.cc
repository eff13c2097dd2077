// The experiments a customer is in: enrolment at the first decision, what is counted until the horizon, and the row that
// tells it. Nothing here depends on what was offered, so that arms can be compared.
#include <algorithm>
#include <limits>

#include "models/customer_change.h"
#include "models/domain/decay.h"
#include "models/deciding/label_resolver.h"

namespace offerstream {
namespace {

double Major(Money value) { return static_cast<double>(value) / 100; }

void CountUp(std::uint16_t& count) {
  if (count < std::numeric_limits<std::uint16_t>::max()) ++count;
}

}  // namespace

// Enrolled with the first decision a campaign runs at, whoever may be offered it then: eligibility, caps and consent change
// with what a customer was shown, and would make the arms differ.
void CustomerChange::Enrol(CustomerProfile& profile, EventTime at) {
  const Arm programme = experiment_.ArmNow(profile);
  const double before = DecayedTo(profile.value.d90, profile.value.touched, at, 90 * kDay);
  if ((profile.enrolled_in & CustomerProfile::kInProgramme) == 0) {
    profile.enrolled_in |= CustomerProfile::kInProgramme;
    Enrolment e;
    e.at = at;
    e.pre_value = before;
    e.allocation = experiment_.allocation();
    e.arm = static_cast<std::uint8_t>(programme);
    profile.enrolments.insert(profile.enrolments.begin(), e);
  }
  for (std::size_t c = 0; c < plan_.campaigns.size(); ++c) {
    const CampaignIndex campaign(c);
    if ((profile.enrolled_in >> c & 1) != 0 || at < plan_.campaigns[c].starts || at >= plan_.campaigns[c].ends) continue;
    profile.enrolled_in |= std::uint64_t{1} << c;
    if (experiment_.Nested(campaign) && programme == Arm::kHoldout) continue;
    Enrolment& e = profile.enrolments.emplace_back();
    e.at = at;
    e.pre_value = before;
    e.campaign = campaign;
    e.allocation = experiment_.allocation(campaign);
    e.arm = static_cast<std::uint8_t>(experiment_.ArmIn(campaign, profile.hash, programme));
  }
}

// Somebody else drew the arm. With the answers known (history) the row is told at once, else at the horizon.
void CustomerChange::EnrolByOthers(CustomerProfile& profile, const Event& event) {
  const std::uint64_t bit = std::uint64_t{1} << event.campaign.value;
  if ((profile.enrolled_in & bit) != 0) return;   // the first arm counts
  profile.enrolled_in |= bit;
  const double before = DecayedTo(profile.value.d90, profile.value.touched, event.time, 90 * kDay);
  if (event.outcomes_known == 0) {
    Enrolment& e = profile.enrolments.emplace_back();
    e.at = event.time;
    e.pre_value = before;
    e.campaign = event.campaign;
    e.arm = event.arm;
    return;
  }
  if (out_ == nullptr) return;
  Observation& row = LiftRow(plan_.campaigns[event.campaign.value].lift_model, profile.hash, event.time);
  row.arm = event.arm;
  row.instant = true;
  row.propensity = event.propensity;
  row.y = (event.outcomes_yes >> CampaignPlan::kConversion & 1) != 0 ? 1.0f : 0.0f;
  row.n = event.outcomes_yes >> CampaignPlan::kClick & 1;
  row.value = event.has_value ? event.value : 0;
  row.pre_value = before;
  const bool treated = event.kind == EventKind::kImpression && event.channel.value < plan_.channels.size();
  if (treated) row.cost = plan_.channels[event.channel.value].cost;
}

void CustomerChange::CountAnswer(CustomerProfile& profile, const Event& event, bool conversion) {
  const Money value = conversion && event.has_value ? event.value : 0;
  for (Enrolment& e : profile.enrolments) {
    if (event.time < e.at || event.time > e.at + plan_.experiment.horizon) continue;
    CountUp(conversion ? e.conversions : e.visits);
    e.value += value;
  }
}

void CustomerChange::CountCost(CustomerProfile& profile, EventTime at, ChannelIndex channel, OfferIndex offer) {
  const double cost = plan_.channels[channel.value].cost;
  if (cost == 0 || profile.enrolments.empty()) return;
  const CampaignIndex campaign = offer.value < plan_.offers.size() ? plan_.offers[offer.value].campaign : CampaignIndex{};
  for (Enrolment& e : profile.enrolments) {
    const bool paid = !e.campaign.known() || e.campaign == campaign;   // the programme pays for all
    if (paid && at >= e.at && at <= e.at + plan_.experiment.horizon) e.cost += cost;
  }
}

void CustomerChange::CampaignCost(CustomerProfile& profile, const Event& event) {
  // The pseudo-customer of a campaign keeps its spend like a customer's.
  const double cost = event.cost != 0 ? event.cost : Major(event.value);
  AddDecayed(profile.orders, 1, event.time);
  AddDecayed(profile.value, cost, event.time);
  if (out_ == nullptr || !event.campaign.known()) return;
  Observation& row = out_->observations.rows.emplace_back();
  row.kind = ObservationKind::kCost;
  row.model = plan_.campaigns[event.campaign.value].lift_model;
  row.time = event.time;
  row.cost = cost;
}

Observation& CustomerChange::LiftRow(IdHash model, IdHash customer, EventTime at) {
  Observation& row = out_->observations.rows.emplace_back();
  row.kind = ObservationKind::kLiftRow;
  row.model = model;
  row.time = at;
  row.customer = customer;
  return row;
}

void CustomerChange::TellEnrolment(const CustomerProfile& profile, const Enrolment& e) {
  const bool programme = !e.campaign.known();
  const IdHash model = programme ? LiftModel() : plan_.campaigns[e.campaign.value].lift_model;
  Observation& row = LiftRow(model, profile.hash, e.at + plan_.experiment.horizon);
  const Arm arm = e.arm == kArmUnknown ? experiment_.ArmOf(profile.hash) : static_cast<Arm>(e.arm);
  row.arm = static_cast<std::uint8_t>(arm);
  row.y = e.conversions > 0 ? 1.0f : 0.0f;
  row.n = e.visits;
  row.value = e.value;
  row.cost = e.cost;
  row.pre_value = e.pre_value;
  row.segment = e.allocation;
  if (programme) {
    if (e.allocation == experiment_.allocation()) row.propensity = experiment_.Share(arm);
    return;
  }
  row.exposure = ConvertedOn(profile, e.campaign, e.at);
  if (e.allocation == experiment_.allocation(e.campaign)) row.propensity = experiment_.Share(e.campaign, arm);
}

void CustomerChange::FireEnrolments(CustomerProfile& profile, EventTime due) {
  const auto over = [&](const Enrolment& e) { return e.at + plan_.experiment.horizon <= due; };
  for (const Enrolment& e : profile.enrolments) {
    if (!over(e)) continue;
    if (counters_ != nullptr) ++counters_->timers;
    if (out_ != nullptr) TellEnrolment(profile, e);
  }
  profile.enrolments.EraseIf(over);
}

/// Bit per offer of the campaign whose product the customer came to own within the horizon.
std::uint64_t CustomerChange::ConvertedOn(const CustomerProfile& profile, CampaignIndex campaign, EventTime from) const {
  std::uint64_t bits = 0;
  const auto& offers = plan_.campaigns[campaign.value].offers;
  for (std::size_t i = 0; i < std::min<std::size_t>(offers.size(), 64); ++i) {
    const ProductIndex product = plan_.offers[offers[i].value].product;
    if (product.value >= plan_.products.size()) continue;
    for (const OwnedProduct& owned : profile.owned) {
      if (owned.product != plan_.products[product.value].hash) continue;
      if (owned.since >= from && owned.since <= from + plan_.experiment.horizon) bits |= std::uint64_t{1} << i;
    }
  }
  return bits;
}

}  // namespace offerstream
