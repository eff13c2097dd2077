// From the checked tree of a configuration to the campaign plan; references are resolved here.
#pragma once

#include <memory>
#include <span>

#include "consumers/config/yaml_document.h"
#include "models/domain/campaign_plan.h"

namespace offerstream {

/// Builds the plan. REQUIRES: CheckSettings has seen `root` (its mistakes are not told again). Bad references and
/// whatever the table cannot see are added to `mistakes`; the plan is then incomplete and must be dropped.
std::shared_ptr<CampaignPlan> BuildPlan(const YamlNode& root, std::uint32_t epoch, Mistakes& mistakes);

/// The plan's features from section `features`; REQUIRES: channels, products, attributes and segments are set.
void BuildFeatures(const YamlNode& root, CampaignPlan& plan, Mistakes& mistakes);

/// A condition of `eligible`; attributes, products and segments are resolved against `plan`.
Condition ReadCondition(const YamlNode& node, const CampaignPlan& plan, Mistakes& mistakes);

/// A profile number with the centre and scale it is standardised by unless the configuration says otherwise.
struct ScaledNumber {
  ProfileNumber number = ProfileNumber::kRecency;
  double centre = 0, scale = 1;
  AttributeIndex attribute{};   ///< known: this attribute instead
};
/// Reads a list of names or {name, center, scale} (features.profile, segments.features); the default of `path` when
/// absent. `attributes`: those of type number may stand in the list as well, under their names.
std::vector<ScaledNumber> ReadScaledNumbers(const YamlNode* parent, std::string_view path, Mistakes& mistakes,
                                            std::span<const AttributeSpec> attributes = {});

/// Canonical text of a plan: reads back to the identical plan; CampaignPlan.text.
std::string PlanText(const CampaignPlan& plan);

/// The default window of an outcome: clicks 7 days, conversions 30 days, others 7 days.
Duration OutcomeWindow(std::string_view outcome);

}  // namespace offerstream
