#include "consumers/wire/experiment_json.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "consumers/wire/event_mapping.h"
#include "models/domain/decision.h"
#include "models/domain/event_time.h"
#include "models/evaluating/lift_statistics.h"

namespace offerstream {
namespace {

constexpr double kFalseDiscoveries = .05;
constexpr std::string_view kMeasureNames[] = {"visit", "conversion", "revenue"};

std::string Number(double v) { return std::isfinite(v) ? fmt::format("{:.10g}", v) : "null"; }

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonText(text, out);
  return out;
}

std::string EffectJson(const LiftEffect& e) {
  if (!e.known) return "null";
  return fmt::format(
      "{{\"treated\":{},\"control\":{},\"difference\":{},\"standard_error\":{},\"low\":{},\"high\":{},\"relative\":{},"
      "\"relative_low\":{},\"relative_high\":{}}}",
      Number(e.treated), Number(e.control), Number(e.difference), Number(e.standard_error), Number(e.low), Number(e.high),
      Number(e.relative), Number(e.relative_low), Number(e.relative_high));
}

std::string OutcomeJson(const LiftOutcome& o) {
  std::string any = "null,\"log_evidence\":null";
  if (o.watched) {
    any = fmt::format("{{\"low\":{},\"high\":{}}},\"log_evidence\":{}", Number(o.anytime_low), Number(o.anytime_high),
                      Number(o.log_evidence));
  }
  return fmt::format("{{\"plain\":{},\"adjusted\":{},\"theta\":{},\"anytime\":{}}}", EffectJson(o.plain), EffectJson(o.adjusted),
                     Number(o.theta), any);
}

/// What is judged: revenue when it may be watched, else conversion.
const LiftOutcome& Judged(const LiftView& view) {
  const LiftOutcome& revenue = view.measures[static_cast<std::size_t>(LiftMeasure::kRevenue)];
  return revenue.watched ? revenue : view.measures[static_cast<std::size_t>(LiftMeasure::kConversion)];
}

const LiftView* ViewOf(const AdoptedModels* models, const CampaignSpec& campaign) {
  if (models == nullptr) return nullptr;
  const auto at = models->campaign_lifts.find(campaign.lift_model);
  return at == models->campaign_lifts.end() ? nullptr : at->second.get();
}

/// By campaign of the plan. A broken split discovers nothing.
std::vector<bool> DiscoveredOf(const CampaignPlan& plan, const AdoptedModels* models) {
  std::vector<double> evidence;
  for (const CampaignSpec& campaign : plan.campaigns) {
    const LiftView* view = ViewOf(models, campaign);
    const bool counts = view != nullptr && view->verdict != LiftVerdict::kBrokenSplit && Judged(*view).watched;
    evidence.push_back(counts ? Judged(*view).log_evidence : -1e9);
  }
  return Discoveries(evidence, kFalseDiscoveries);
}

std::string ArmsJson(const LiftView& view) {
  std::string arms;
  for (std::size_t a = 0; a < view.arms.size(); ++a) {
    const LiftView::Arm& arm = view.arms[a];
    arms += fmt::format(
        "{}{{\"arm\":\"{}\",\"customers\":{},\"planned\":{},\"visited\":{},\"converted\":{},\"revenue\":{},\"cost\":{}}}",
        a == 0 ? "" : ",", Name(static_cast<Arm>(a)), arm.customers, Number(arm.planned), arm.visited, arm.converted,
        Number(arm.revenue), Number(arm.cost));
  }
  return arms;
}

std::string RoiJson(const LiftView& view) {
  if (!view.roi_known) return "null";
  return fmt::format("{{\"value\":{},\"low\":{},\"high\":{}}}", Number(view.incremental_roi), Number(view.roi_low),
                     Number(view.roi_high));
}

std::string CampaignJson(const CampaignPlan& plan, const CampaignSpec& campaign, const LiftView* view, bool discovered) {
  std::string offers;
  for (const OfferIndex offer : campaign.offers) {
    offers += fmt::format("{}{}", offers.empty() ? "" : ",", Quoted(plan.offers[offer.value].id));
  }
  const auto own = plan.experiment.campaign_holdout.find(campaign.id);
  std::string out = fmt::format("{{\"campaign_id\":{},\"offers\":[{}],\"holdout\":{},\"nested\":{}", Quoted(campaign.id), offers,
                                own == plan.experiment.campaign_holdout.end() ? plan.experiment.holdout : own->second,
                                own != plan.experiment.campaign_holdout.end());
  if (view == nullptr) return out + ",\"customers\":0,\"verdict\":\"nothing_yet\"}";
  const LiftView::Arm& policy = view->arms[static_cast<std::size_t>(Arm::kPolicy)];
  const bool roi = view->cost > 0;
  const LiftOutcome& conversion = view->measures[static_cast<std::size_t>(LiftMeasure::kConversion)];
  const LiftEffect& e = conversion.adjusted;
  // A broken split has no verdict, so no figure that could be read as one.
  const bool shown = e.known && view->verdict != LiftVerdict::kBrokenSplit;
  const double low = conversion.watched ? conversion.anytime_low : LiftEffect::kUnknown;
  const double high = conversion.watched ? conversion.anytime_high : LiftEffect::kUnknown;
  const double earned = policy.revenue * plan.experiment.margin;
  out += fmt::format(
      ",\"customers\":{},\"spend\":{},\"revenue\":{},\"roi\":{},\"roas\":{},\"cost_per_conversion\":{},\"incremental_roi\":{},"
      "\"lift\":{},\"interval\":{},\"cost_per_incremental_conversion\":{},\"srm_p\":{},\"verdict\":\"{}\",\"discovered\":{}}}",
      policy.customers, Number(view->cost), Number(policy.revenue), roi ? Number((earned - view->cost) / view->cost) : "null",
      roi ? Number(policy.revenue / view->cost) : "null",
      policy.converted > 0 ? Number(view->cost / static_cast<double>(policy.converted)) : "null", RoiJson(*view),
      shown ? Number(e.difference) : "null", shown ? fmt::format("[{},{}]", Number(low), Number(high)) : "null",
      shown && e.difference > 0 ? Number(view->cost / (e.difference * static_cast<double>(policy.customers))) : "null",
      Number(view->sample_ratio_p), Name(view->verdict), discovered);
  return out;
}

}  // namespace

std::string ExperimentJson(const CampaignPlan& plan, const LiftView& view, bool discovered) {
  std::string measures, offers;
  for (std::size_t m = 0; m < kLiftMeasures; ++m) {
    measures += fmt::format("{}\"{}\":{}", m == 0 ? "" : ",", kMeasureNames[m], OutcomeJson(view.measures[m]));
  }
  for (const LiftView::Offer& o : view.offers) {
    const auto known = plan.offer_by_hash.find(o.offer);
    if (known == plan.offer_by_hash.end()) continue;
    offers += fmt::format("{}{{\"offer_id\":{},\"conversion\":{}}}", offers.empty() ? "" : ",",
                          Quoted(plan.offers[known->second.value].id), EffectJson(o.conversion));
  }
  return fmt::format(
      "{{\"version\":{},\"arms\":[{}],\"lift\":{},\"low\":{},\"high\":{},\"measures\":{{{}}},\"offers\":[{}],\"srm_p\":{},"
      "\"verdict\":\"{}\",\"discovered\":{},\"cost\":{},\"incremental_roi\":{}}}",
      view.version, ArmsJson(view), Number(view.lift), Number(view.low), Number(view.high), measures, offers,
      Number(view.sample_ratio_p), Name(view.verdict), discovered, Number(view.cost), RoiJson(view));
}

std::string ExperimentsJson(const CampaignPlan& plan, const AdoptedModels* models) {
  const std::vector<bool> discovered = DiscoveredOf(plan, models);
  std::string campaigns;
  for (std::size_t c = 0; c < plan.campaigns.size(); ++c) {
    const LiftView* view = ViewOf(models, plan.campaigns[c]);
    campaigns += fmt::format("{}{{\"campaign_id\":{},\"experiment\":{}}}", c == 0 ? "" : ",", Quoted(plan.campaigns[c].id),
                             view == nullptr ? "null" : ExperimentJson(plan, *view, discovered[c]));
  }
  const LiftView* programme = models == nullptr ? nullptr : models->lift.get();
  // The programme's own fields stand at the top, as before there were campaigns.
  std::string out = programme == nullptr ? "{\"version\":0,\"arms\":[]}" : ExperimentJson(plan, *programme, false);
  out.pop_back();
  return out + fmt::format(",\"campaigns\":[{}]}}", campaigns);
}

std::string BudgetsJson(const CampaignPlan& plan, const AdoptedModels& models) {
  std::string out = "[";
  for (const BudgetSpec& budget : plan.budgets) {
    const auto found = models.budgets.find(budget.model);
    const BudgetView* view = found == models.budgets.end() ? nullptr : found->second.get();
    const BudgetView::Period* period = view == nullptr || view->periods.empty() ? nullptr : &view->periods.back();
    Micros granted = 0;
    if (period != nullptr) {
      for (const auto& [holder, money] : period->granted) granted += money;
    }
    out += fmt::format(
        "{}{{\"budget_id\":{},\"amount\":{},\"period\":{},\"spent\":{},\"granted\":{},\"holders\":{},\"price\":{}}}", out.size() > 1 ? "," : "",
        Quoted(budget.id), Number(budget.amount), period == nullptr ? "null" : Quoted(FormatTime(period->begin)),
        period == nullptr ? "0" : Number(static_cast<double>(period->spent) * 1e-6), Number(static_cast<double>(granted) * 1e-6),
        period == nullptr ? 0 : period->granted.size(), view == nullptr || !view->priced ? "null" : Number(view->price));
  }
  return out + "]";
}

std::string CampaignsJson(const CampaignPlan& plan, const AdoptedModels* models) {
  const std::vector<bool> discovered = DiscoveredOf(plan, models);
  std::string out = "[";
  for (std::size_t c = 0; c < plan.campaigns.size(); ++c) {
    out += (c == 0 ? "\n    " : ",\n    ") + CampaignJson(plan, plan.campaigns[c], ViewOf(models, plan.campaigns[c]), discovered[c]);
  }
  return out + "]";
}

}  // namespace offerstream
