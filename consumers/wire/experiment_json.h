// Experiments as JSON: one form for the HTTP interface and for the report of a replay.
#pragma once

#include <string>

#include "models/domain/campaign_plan.h"
#include "models/model_view.h"

namespace offerstream {

/// One experiment: arms, effects of policy against holdout with intervals, sample ratio, verdict, incremental return.
/// `discovered`: it is among the discoveries of e-BH over all campaigns at 5 %.
std::string ExperimentJson(const CampaignPlan& plan, const LiftView& view, bool discovered);
/// The programme (null: none yet) and every campaign of the plan, those without customers too.
std::string ExperimentsJson(const CampaignPlan& plan, const AdoptedModels* models);
/// Campaigns: offers, holdout, spend, revenue, return, incremental return, lift with interval, sample ratio; a JSON list.
std::string CampaignsJson(const CampaignPlan& plan, const AdoptedModels* models);

/// Budgets: amount, spent and granted in the newest period, price; a JSON list.
std::string BudgetsJson(const CampaignPlan& plan, const AdoptedModels& models);

}  // namespace offerstream
