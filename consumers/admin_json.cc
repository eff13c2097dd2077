#include "consumers/admin_json.h"

#include <fmt/format.h>

#include "consumers/wire/feature_name.h"
#include "metrics/health.h"
#include "models/domain/affinity.h"
#include "models/domain/event_time.h"
#include "models/domain/random.h"
#include "models/domain/retention.h"

namespace offerstream {
namespace {

std::string Time(EventTime t) { return t == kNever || t == INT64_MAX ? "null" : JsonText(FormatTime(t)); }

std::string Number(double v) { return v == v && v - v == 0 ? fmt::format("{:.9g}", v) : "null"; }

/// Joins the results of `write` over `items` with commas in brackets.
template <typename Items, typename Write>
std::string Array(const Items& items, Write write) {
  std::string out = "[";
  for (const auto& item : items) {
    const std::string text = write(item);
    if (text.empty()) continue;
    if (out.size() > 1) out += ",";
    out += text;
  }
  return out + "]";
}

std::string OfferText(const CampaignPlan& plan, OfferIndex offer) {
  return offer.known() && offer.value < plan.offers.size() ? JsonText(plan.offers[offer.value].id) : "null";
}

std::string ChannelText(const CampaignPlan& plan, ChannelIndex channel) {
  return channel.known() && channel.value < plan.channels.size() ? JsonText(plan.channels[channel.value].id) : "null";
}

std::string_view ConsentText(Consent consent) {
  switch (consent) {
    case Consent::kUnknown: return "unknown";
    case Consent::kIn: return "in";
    case Consent::kOut: return "out";
    case Consent::kUnsubscribed: return "unsubscribed";
  }
  return "";
}

std::string AttributeJson(const CampaignPlan& plan, const AttributeSlot& slot) {
  const AttributeSpec& spec = plan.attributes[slot.attribute().value];
  const AttributeValue given = slot.value();
  std::string value = "null";
  if (given.type == AttributeValue::Type::kNumber) value = Number(given.number);
  if (given.type == AttributeValue::Type::kBool) value = given.number != 0 ? "true" : "false";
  if (given.type == AttributeValue::Type::kText) {
    value = fmt::format("\"#{:016x}\"", given.text);
    for (std::size_t i = 0; i < spec.level_hashes.size(); ++i) {
      if (spec.level_hashes[i] == given.text) value = JsonText(spec.levels[i]);
    }
  }
  return JsonText(spec.name) + ":" + value;
}

std::string ExposureJson(const CampaignPlan& plan, const Exposure& e) {
  std::string labels;
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    const PendingLabel& label = e.labels[o];
    if (o > 0) labels += ",";
    labels += fmt::format("{}:{{\"open\":{},\"converted\":{},\"probability\":{}}}", JsonText(plan.outcomes[o].id),
                          label.next_cut != kLabelClosed, label.converted, Number(label.probability));
  }
  return fmt::format("{{\"id\":\"{:016x}\",\"offer_id\":{},\"channel\":{},\"decided\":{},\"shown\":{},\"propensity\":{},\"outcomes\":{{{}}}}}",
                     e.id, OfferText(plan, e.offer), ChannelText(plan, e.channel), Time(e.decided), Time(e.shown),
                     Number(e.propensity), labels);
}

std::string CapStateJson(const CampaignPlan& plan, const CapState& cap) {
  return fmt::format("{{\"channel\":{},\"limit\":{},\"used\":{},\"remaining\":{},\"source\":\"{}\",\"resets_at\":{}}}",
                     ChannelText(plan, cap.channel), cap.limit, cap.used, cap.limit > cap.used ? cap.limit - cap.used : 0,
                     Name(cap.source), Time(cap.resets_at));
}

}  // namespace

// What was said when the customer was looked at last, and what it would take along.
std::string BuyingJson(const CustomerProfile& p, EventTime now) {
  const Buying* bought = p.Bought();
  if (bought == nullptr) return "null";
  const bool looked = bought->looked != kNever;
  const double leave = 1 - static_cast<double>(bought->buys), spend = SpendsAYear(p, now);
  return fmt::format("{{\"first\":{},\"last\":{},\"orders\":{},\"spent\":{},\"looked\":{},\"leave_probability\":{},\"spend_a_year\":{},\"value_at_risk\":{}}}",
                     Time(bought->known.first), Time(bought->known.last), bought->known.orders,
                     Number(static_cast<double>(bought->known.spent) / 100), Time(bought->looked), looked ? Number(leave) : "null",
                     Number(spend), looked ? Number(leave * spend) : "null");
}

std::string CustomerJson(const CampaignPlan& plan, const CustomerView& view) {
  const CustomerProfile& p = view.profile;
  std::string channels, attributes;
  for (std::size_t c = 0; c < plan.channels.size(); ++c) {
    const ChannelProfile channel = p.channels.Of(ChannelIndex(c));
    if (c > 0) channels += ",";
    channels += fmt::format("{}:{{\"impressions_d30\":{},\"clicks_d30\":{},\"conversions_d30\":{},\"last_impression\":{},\"last_click\":{},\"consent\":\"{}\"}}",
                            JsonText(plan.channels[c].id), Number(channel.impressions.d30), Number(channel.clicks.d30),
                            Number(channel.conversions_d30), Time(channel.last_impression), Time(channel.last_click),
                            ConsentText(channel.consent));
  }
  for (const AttributeSlot& slot : p.attributes) {
    if (!attributes.empty()) attributes += ",";
    attributes += AttributeJson(plan, slot);
  }
  const std::string owned = Array(p.owned, [&](const OwnedProduct& o) {
    const auto at = plan.product_by_hash.find(o.product);
    const std::string id = at == plan.product_by_hash.end() ? fmt::format("\"#{:016x}\"", o.product)
                                                            : JsonText(plan.products[at->second.value].id);
    return fmt::format("{{\"product_id\":{},\"since\":{}}}", id, Time(o.since));
  });
  std::string affinity;
  if (plan.affinity) {
    std::vector<double> shares(plan.categories.size());
    AffinityShares(p.Affinity(), view.watermark, shares);
    for (std::size_t c = 0; c < shares.size(); ++c) {
      affinity += fmt::format("{}{}:{}", affinity.empty() ? ",\"affinity\":{" : ",", JsonText(plan.categories[c].id), Number(shares[c]));
    }
    affinity += "}";
  }
  if (plan.churn.on) affinity += ",\"churn\":" + BuyingJson(p, view.watermark);
  return fmt::format(
      "{{\"customer_id\":{},\"partition\":{},\"seq\":{},\"offset\":{},\"watermark\":{},\"first_seen\":{},\"last_event\":{},"
      "\"last_transaction\":{},\"orders_d90\":{},\"value_d90\":{},\"deposits_d30\":{},\"withdrawals_d30\":{},"
      "\"channels\":{{{}}},\"attributes\":{{{}}}{},\"owned\":{},\"caps\":{},\"exposures\":{}}}\n",
      JsonText(p.id), view.partition, view.seq, view.offset, Time(view.watermark), Time(p.first_seen), Time(p.last_event),
      Time(p.last_transaction), Number(p.orders.d90), Number(p.value.d90), Number(p.deposits.d30), Number(p.withdrawals.d30),
      channels, attributes, affinity, owned, Array(view.caps, [&](const CapState& cap) { return CapStateJson(plan, cap); }),
      Array(p.exposures, [&](const Exposure& e) { return ExposureJson(plan, e); }));
}

std::string ErasureRequestJson(const ErasureRequest& request) {
  return fmt::format("{{\"request_id\":{},\"customer\":\"{}\",\"receipts\":{},\"partitions\":[{}]}}\n", JsonText(request.id), request.customer,
                     JsonText(request.receipts), fmt::join(request.partitions, ","));
}

std::string OffersJson(const CampaignPlan& plan) {
  return Array(plan.offers, [&](const OfferSpec& o) {
           return fmt::format("{{\"offer_id\":{},\"campaign_id\":{},\"goal\":{},\"value\":{},\"lever\":{},\"starts\":{},\"ends\":{},\"channels\":{}}}",
                              JsonText(o.id), JsonText(o.campaign_id),
                              o.goal.known() ? JsonText(plan.outcomes[o.goal.value].id) : "null", Number(o.value),
                              Number(o.lever), Time(o.starts), Time(o.ends),
                              Array(o.channels, [&](ChannelIndex c) { return ChannelText(plan, c); }));
         }) + "\n";
}

std::string SegmentsJson(const CampaignPlan& plan, const AdoptedModels* models) {
  if (models == nullptr || !models->segments) return "{\"version\":0,\"features\":[],\"segments\":[]}\n";
  const SegmentView& view = *models->segments;
  return fmt::format("{{\"version\":{},\"epoch\":{},\"features\":{},\"segments\":{}}}\n", view.version, view.epoch,
                     Array(SegmentNames(plan), [](const std::string& name) { return JsonText(name); }),
                     Array(view.macros, [](const SegmentView::Macro& m) {
                       return fmt::format("{{\"id\":{},\"share\":{},\"centre\":{}}}", m.id, Number(m.share),
                                          Array(m.centre, [](double v) { return Number(v); }));
                     }));
}

std::string PreferencesJson(const CampaignPlan& plan, const AdoptedModels* models) {
  if (models == nullptr || !models->preferences) return "{\"version\":0,\"segments\":[]}\n";
  const auto name = [&](IdHash category) {
    for (const CategorySpec& c : plan.categories) {
      if (c.hash == category) return JsonText(c.id);
    }
    return fmt::format("\"#{:016x}\"", category);
  };
  return fmt::format("{{\"version\":{},\"segments\":{}}}\n", models->preferences->version,
                     Array(models->preferences->segments, [&](const PreferenceView::Segment& s) {
                       return fmt::format("{{\"segment\":{},\"weight\":{},\"categories\":{}}}",
                                          s.segment == 0 ? "null" : fmt::to_string(s.segment), Number(s.weight),
                                          Array(s.shares, [&](const auto& share) {
                                            return fmt::format("{{\"category\":{},\"share\":{}}}", name(share.first), Number(share.second));
                                          }));
                     }));
}

std::string ChurnJson(const CampaignPlan& plan, const AdoptedModels* models) {
  const double days = static_cast<double>(plan.churn.horizon) / static_cast<double>(kDay);
  const ChurnView none;
  const ChurnView& view = models == nullptr || !models->churn ? none : *models->churn;
  return fmt::format(
      "{{\"version\":{},\"horizon_days\":{},\"labels\":{},\"bought\":{},\"auc\":{},\"log_loss_ratio\":{},\"calibration_ratio\":{},\"segments\":{}}}\n",
      view.version, plan.churn.on ? Number(days) : "null", view.labels, view.bought, Number(view.auc), Number(view.log_loss_ratio),
      Number(view.calibration_ratio), Array(view.segments, [](const ChurnView::Segment& s) {
        return fmt::format("{{\"segment\":{},\"customers\":{},\"leave_probability\":{},\"spend_a_year\":{},\"value_at_risk\":{}}}",
                           s.segment == 0 ? "null" : fmt::to_string(s.segment), s.customers, Number(s.leave), Number(s.spend),
                           Number(s.at_risk));
      }));
}

std::string SimilarItemsJson(const CampaignPlan& plan, const AdoptedModels* models, std::string_view item) {
  const ItemsView* view = models == nullptr ? nullptr : models->items.get();
  const ItemsView::Item* known = view == nullptr ? nullptr : view->Find(H64(item));
  if (known == nullptr) return {};
  const auto name = [&](IdHash hash) {
    const auto product = plan.product_by_hash.find(hash);
    return product == plan.product_by_hash.end() ? fmt::format("\"#{:016x}\"", hash) : JsonText(plan.products[product->second.value].id);
  };
  return fmt::format("{{\"version\":{},\"item\":{},\"bought\":{},\"similar\":{}}}\n", view->version, JsonText(item), Number(known->bought),
                     Array(known->similar, [&](const ItemsView::Similar& s) {
                       return fmt::format("{{\"item\":{},\"similarity\":{},\"together\":{}}}", name(s.item), Number(s.similarity), Number(s.together));
                     }));
}

std::string CapsJson(const CampaignPlan& plan, const AdoptedModels* models) {
  if (models == nullptr || !models->caps) return "{\"version\":0,\"cells\":[]}\n";
  return fmt::format("{{\"version\":{},\"cells\":{}}}\n", models->caps->version, Array(models->caps->cells, [&](const CapCell& c) {
                       return fmt::format(
                           "{{\"segment\":{},\"channel\":{},\"limit\":{},\"low\":{},\"high\":{},\"impressions\":{},\"points\":{}}}", c.segment,
                           ChannelText(plan, c.channel), c.limit, c.low, c.high, c.impressions, Array(c.points, [](const CapCell::Point& p) {
                             return fmt::format("{{\"n\":{},\"click_rate\":{},\"conversion_rate\":{},\"unsubscribe_rate\":{},\"net_value\":{},\"se\":{}}}",
                                                p.n, Number(p.click_rate), Number(p.conversion_rate), Number(p.unsubscribe_rate),
                                                Number(p.net_value), Number(p.se));
                           }));
                     }));
}

std::string ModelsJson(const LearnerView& learner) {
  return Array(learner.models, [](const ModelReport& m) {
           return fmt::format(
               "{{\"id\":{},\"version\":{},\"observations\":{},\"labels\":{},\"positives\":{},\"log_loss_ratio\":{},\"calibration_ratio\":{},"
               "\"auc\":{},\"rejected\":{},\"drift_alarms\":{},\"coefficient_hash\":\"{:016x}\"}}",
               JsonText(m.id), m.version, m.observations, m.labels, m.positives, Number(m.log_loss_ratio),
               Number(m.calibration_ratio), Number(m.auc), m.rejected, m.drift_alarms, m.coefficient_hash);
         }) + "\n";
}

std::string DriversJson(const LearnerView& learner, std::string_view model_id, const AdoptedModels* models) {
  const SegmentView* segments = models == nullptr ? nullptr : models->segments.get();
  for (const ModelReport& m : learner.models) {
    if (m.id != model_id) continue;
    return fmt::format("{{\"id\":{},\"version\":{},\"drivers\":{}}}\n", JsonText(m.id), m.version,
                       Array(m.drivers, [segments](const ModelReport::Driver& d) {
                         return fmt::format("{{\"feature\":{},\"coefficient\":{},\"odds_ratio\":{},\"low\":{},\"high\":{},\"z\":{}}}",
                                            JsonText(FeatureName(d.feature, segments)), Number(d.coefficient), Number(d.odds_ratio), Number(d.low),
                                            Number(d.high), Number(d.z));
                       }));
  }
  return {};
}

std::string PipelineJson(const ServiceView& service) {
  const LearnerView learner = service.learner();
  return fmt::format("{{\"ready\":{},\"shards\":{},\"learner\":{{\"ready\":{},\"lag\":{},\"observations\":{},\"rounds\":{}}}}}\n",
                     service.readiness().ready, Array(service.shards(), [](const ShardView& s) {
                       return fmt::format("{{\"shard\":{},\"committed\":{},\"aborted\":{},\"unknown\":{},\"records\":{},\"decisions\":{},\"dead_letters\":{},\"partitions\":{}}}",
                                          s.shard, s.committed, s.aborted, s.unknown, s.records, s.decisions, s.dead_letters,
                                          Array(s.partitions, [](const PartitionView& p) {
                                            return fmt::format("{{\"partition\":{},\"ready\":{},\"seq\":{},\"lag\":{},\"tail_events\":{},\"watermark\":{}}}",
                                                               p.partition, p.ready, p.seq, p.lag, p.tail_events, Time(p.watermark));
                                          }));
                     }), learner.ready, learner.lag, learner.observations, learner.rounds);
}

std::string ConfigJson(const CampaignPlan& plan) {
  return fmt::format("{{\"epoch\":{},\"digest\":\"{:016x}\",\"plan\":{}}}\n", plan.epoch, plan.digest, JsonText(plan.text));
}

}  // namespace offerstream
