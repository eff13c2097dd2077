#include "models/domain/campaign_plan.h"

#include <algorithm>
#include <cmath>

#include "models/domain/random.h"

namespace offerstream {

Micros MicrosOf(double major) {
  constexpr double kMicrosPerMajor = 1e6, kRounding = 1e-6;   // what is a whole number but for rounding stays it
  return static_cast<Micros>(std::ceil(major * kMicrosPerMajor - kRounding));
}

std::string_view Name(ProfileNumber number) {
  switch (number) {
    case ProfileNumber::kRecency: return "recency";
    case ProfileNumber::kFrequency: return "frequency";
    case ProfileNumber::kMonetary: return "monetary";
    case ProfileNumber::kDeposits: return "deposits";
    case ProfileNumber::kWithdrawals: return "withdrawals";
    case ProfileNumber::kNetFlow: return "net_flow";
    case ProfileNumber::kTenure: return "tenure";
    case ProfileNumber::kProductsOwned: return "products_owned";
    case ProfileNumber::kDaysSinceClick: return "days_since_click";
    case ProfileNumber::kClickRate: return "click_rate";
    case ProfileNumber::kEngagement: return "engagement";
    case ProfileNumber::kImpressions: return "impressions";
  }
  return "";
}

std::string CampaignPlan::ModelId(ModelIndex model) const {
  return offers[OfferOf(model).value].id + "/" + outcomes[OutcomeOf(model).value].id;
}

IdHash CampaignPlan::ModelHash(ModelIndex model) const {
  return model.value < model_hashes.size() ? model_hashes[model.value] : H64(ModelId(model));
}

void CampaignPlan::Index() {
  const auto index = [](auto& table, auto& by_hash, auto make) {
    by_hash.clear();
    for (std::size_t i = 0; i < table.size(); ++i) {
      by_hash.emplace(table[i].hash, make(i));
    }
  };
  for (auto& c : channels) c.hash = H64(c.id);
  consent.attributes.assign(channels.size(), AttributeIndex{});
  for (std::size_t c = 0; consent.from_attributes && c < channels.size(); ++c) {
    const std::string name = "consent_" + channels[c].id;
    std::size_t at = 0;
    while (at < attributes.size() && attributes[at].name != name) ++at;
    if (at == attributes.size()) {
      AttributeSpec spec;
      spec.name = name;
      spec.type = AttributeType::kBool;
      attributes.push_back(std::move(spec));
    }
    consent.attributes[c] = AttributeIndex(at);
  }
  for (auto& p : products) p.hash = H64(p.id);
  for (auto& o : offers) o.hash = H64(o.id);
  for (auto& a : attributes) {
    a.hash = H64(a.name);
    a.level_hashes.clear();
    for (const auto& level : a.levels) a.level_hashes.push_back(H64(level));
  }
  index(channels, channel_by_hash, [](std::size_t i) { return ChannelIndex(i); });
  index(products, product_by_hash, [](std::size_t i) { return ProductIndex(i); });
  index(offers, offer_by_hash, [](std::size_t i) { return OfferIndex(i); });
  index(attributes, attribute_by_hash, [](std::size_t i) { return AttributeIndex(i); });
  IndexCategories();
  IndexCampaigns();
  for (auto& b : budgets) {
    b.hash = H64(b.id);
    b.model = H64("budget/" + b.id);
  }
  model_hashes.clear();
  for (std::size_t m = 0; m < models(); ++m) model_hashes.push_back(H64(ModelId(ModelIndex(m))));
}

void CampaignPlan::IndexCategories() {
  categories.clear();
  for (ProductSpec& product : products) {
    product.category_index = CategoryIndex{};
    if (product.category.empty()) continue;
    std::size_t at = 0;
    while (at < categories.size() && categories[at].id != product.category) ++at;
    if (at == categories.size()) categories.push_back({product.category, H64(product.category)});
    product.category_index = CategoryIndex(at);
  }
}

void CampaignPlan::IndexCampaigns() {
  campaigns.clear();
  for (std::size_t o = 0; o < offers.size(); ++o) {
    OfferSpec& offer = offers[o];
    offer.campaign = CampaignIndex{};
    if (offer.campaign_id.empty()) continue;
    auto at = std::find_if(campaigns.begin(), campaigns.end(), [&](const CampaignSpec& c) { return c.id == offer.campaign_id; });
    if (at == campaigns.end()) {
      if (campaigns.size() == kCampaignsMax) continue;
      CampaignSpec campaign;
      campaign.id = offer.campaign_id;
      campaign.hash = H64(campaign.id);
      campaign.lift_model = H64("lift/" + campaign.id);
      at = campaigns.insert(campaigns.end(), std::move(campaign));
    }
    offer.campaign = CampaignIndex(static_cast<std::size_t>(at - campaigns.begin()));
    at->offers.emplace_back(o);
    at->starts = std::min(at->starts, offer.starts);
    at->ends = std::max(at->ends, offer.ends);
  }
}

std::vector<std::string> SegmentNames(const CampaignPlan& plan) {
  std::vector<std::string> names;
  for (const ProfileNumber number : plan.segments.features) names.emplace_back(Name(number));
  for (const AttributeIndex attribute : plan.segments.attributes) names.push_back(plan.attributes[attribute.value].name);
  return names;
}

}  // namespace offerstream
