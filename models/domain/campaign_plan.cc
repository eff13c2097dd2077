#include "models/domain/campaign_plan.h"

#include "models/domain/random.h"

namespace offerstream {

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
  model_hashes.clear();
  for (std::size_t m = 0; m < models(); ++m) model_hashes.push_back(H64(ModelId(ModelIndex(m))));
}

}  // namespace offerstream
