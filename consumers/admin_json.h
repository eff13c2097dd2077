// Small JSON bodies of the HTTP interface, one function per resource. Not for the hot path.
#pragma once

#include <string>

#include "consumers/service_view.h"

namespace offerstream {

/// A customer: profile, caps now, open exposures; ids as texts where the plan knows them, else 16 hex digits.
std::string CustomerJson(const CampaignPlan& plan, const CustomerView& view);
/// What was asked for, and where the receipt will be.
std::string ErasureRequestJson(const ErasureRequest& request);
std::string OffersJson(const CampaignPlan& plan);
/// Segments with share and centre (standardised), by id.
std::string SegmentsJson(const CampaignPlan& plan, const AdoptedModels* models);
/// Shares of product categories of everybody and by segment; empty unless features.affinity is on.
std::string PreferencesJson(const CampaignPlan& plan, const AdoptedModels* models);
/// Who is about to stop buying and what is at risk, of everybody and by segment; empty unless the plan looks (churn).
std::string ChurnJson(const CampaignPlan& plan, const AdoptedModels* models);
/// The items bought together with one, most similar first; empty text when nothing is known of it.
std::string SimilarItemsJson(const CampaignPlan& plan, const AdoptedModels* models, std::string_view item);
/// Learned impression curves per segment and channel.
std::string CapsJson(const CampaignPlan& plan, const AdoptedModels* models);
std::string ModelsJson(const LearnerView& learner);
/// Drivers of one model; empty when there is no such model. `models` know which segment a segment's feature means now.
std::string DriversJson(const LearnerView& learner, std::string_view model_id, const AdoptedModels* models);
std::string PipelineJson(const ServiceView& service);
/// The plan in force.
std::string ConfigJson(const CampaignPlan& plan);

}  // namespace offerstream
