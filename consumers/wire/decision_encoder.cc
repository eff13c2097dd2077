#include "consumers/wire/decision_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/decision_format.h"
#include "consumers/wire/event_mapping.h"
#include "models/domain/event_time.h"

namespace offerstream {

namespace {

void AppendUnsigned(std::uint64_t value, std::string& out) {
  char digits[20];
  char* at = digits + sizeof(digits);
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.append(at, static_cast<std::size_t>(digits + sizeof(digits) - at));
}

void AppendInteger(std::int64_t value, std::string& out) {
  if (value < 0) out += '-';
  AppendUnsigned(value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value), out);
}

// Nine fixed decimals, rounded half to even: twice as fast as the shortest digits, and every record alike. JSON knows
// no infinity: what is not finite is null.
void AppendFixed(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // Beyond, the scaled number is no exact integer of a double any more.
  if (std::abs(value) >= 9e6) {
    fmt::format_to(std::back_inserter(out), "{:.9f}", value);
    return;
  }
  const double scaled = std::nearbyint(value * 1e9);
  std::uint64_t digits = static_cast<std::uint64_t>(std::abs(scaled));
  if (scaled < 0) out += '-';
  AppendUnsigned(digits / 1'000'000'000, out);
  digits %= 1'000'000'000;
  char text[10];
  text[0] = '.';
  for (int i = 9; i > 0; --i, digits /= 10) text[i] = static_cast<char>('0' + digits % 10);
  out.append(text, sizeof(text));
}

void AppendHex16(std::uint64_t value, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  char text[16];
  for (int i = 15; i >= 0; --i, value >>= 4) text[i] = kHex[value & 15];
  out.append(text, sizeof(text));
}

void AppendQuotedTime(EventTime time, std::string& out) {
  if (time == kNever || time == INT64_MAX) {
    out += "null";
    return;
  }
  out += '"';
  AppendTime(time, out);
  out += '"';
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonText(text, out);
  return out;
}

}  // namespace

std::string DecisionIdText(DecisionId id) {
  std::string out;
  AppendHex16(id, out);
  return out;
}

struct DecisionEncoder::Impl {
  Impl(std::shared_ptr<const CampaignPlan> p, std::vector<std::string> input_topics) : plan(std::move(p)) {
    for (const std::string& topic : input_topics) topics.push_back(Quoted(topic));
    for (const ChannelSpec& channel : plan->channels) channels.push_back(Quoted(channel.id));
    for (const std::string& placement : plan->decide.placements) placements.push_back(Quoted(placement));
    for (const FeatureSpec& feature : plan->features.features) features.push_back(Quoted(feature.name));
    for (std::size_t o = 0; o < plan->offers.size(); ++o) {
      const OfferSpec& offer = plan->offers[o];
      offers.push_back(Quoted(offer.id));
      models.push_back(Quoted(plan->ModelId(plan->ModelOf(OfferIndex(o), offer.goal))));
      for (std::size_t c = 0; c < plan->channels.size(); ++c) {
        pairs.push_back(fmt::format("{{\"offer_id\":{},\"channel\":{}", offers[o], channels[c]));
        const std::string product = offer.product.known() ? Quoted(plan->products[offer.product.value].id) : "null";
        chosen.push_back(fmt::format("{{\"offer_id\":{},\"campaign_id\":{},\"channel\":{},\"product_id\":{}}}",
                                     offers[o], Quoted(offer.campaign_id), channels[c], product));
      }
    }
    for (std::size_t s = 0; s < kStages; ++s) {
      for (std::size_t r = 0; r < kExclusionReasons; ++r) {
        reasons.push_back(fmt::format(",\"stage\":\"{}\",\"reason\":\"{}\",\"until\":", Name(static_cast<Stage>(s)),
                                      Name(static_cast<ExclusionReason>(r))));
      }
    }
    for (const ChannelSpec& channel : plan->channels)
      windows.push_back(fmt::format("\"{}\"", DurationText(channel.cap.window)));
    source = "/offerstream/" + plan->app_id;
  }

  std::size_t Pair(OfferIndex offer, ChannelIndex channel) const {
    return std::size_t{offer.value} * channels.size() + channel.value;
  }

  void Candidates(const Decision& d, std::string& out) {
    out += ",\"candidates\":[";
    const std::size_t shown =
        plan->compact_decisions ? std::min(kCompactEntries, d.candidates.size()) : d.candidates.size();
    order.resize(d.candidates.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
    if (plan->compact_decisions) {
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                        [&](std::uint32_t a, std::uint32_t b) {
                          return d.candidates[a].score != d.candidates[b].score
                                     ? d.candidates[a].score > d.candidates[b].score
                                     : a < b;
                        });
    }
    for (std::size_t i = 0; i < shown; ++i) {
      const Candidate& c = d.candidates[order[i]];
      if (i > 0) out += ',';
      out += pairs[Pair(c.offer, c.channel)];
      out += ",\"propensity\":";
      AppendFixed(c.propensity, out);
      out += ",\"score\":";
      AppendFixed(c.score, out);
      out += ",\"probability\":";
      AppendFixed(c.probability, out);
      out += '}';
    }
    out += ']';
    if (!plan->compact_decisions) return;
    out += ",\"eligible\":[";
    for (std::size_t i = 0; i < d.candidates.size(); ++i) {
      if (i > 0) out += ',';
      AppendUnsigned(Pair(d.candidates[i].offer, d.candidates[i].channel), out);
    }
    out += ']';
  }

  void Excluded(const Decision& d, std::string& out) {
    out += ",\"excluded\":[";
    const std::size_t shown =
        plan->compact_decisions ? std::min(kCompactEntries, d.excluded.size()) : d.excluded.size();
    for (std::size_t i = 0; i < shown; ++i) {
      const Exclusion& e = d.excluded[i];
      if (i > 0) out += ',';
      out += pairs[Pair(e.offer, e.channel)];
      out += reasons[static_cast<std::size_t>(e.stage) * kExclusionReasons + static_cast<std::size_t>(e.reason)];
      AppendQuotedTime(e.until, out);
      out += '}';
    }
    out += "],\"explain\":[";
    for (std::size_t i = 0; i < d.explain.size(); ++i) {
      out += i > 0 ? ",{\"feature\":" : "{\"feature\":";
      out += features[d.explain[i].feature];
      out += ",\"contribution\":";
      AppendFixed(d.explain[i].contribution, out);
      out += ",\"sign_probability\":";
      AppendFixed(d.explain[i].sign_probability, out);
      out += '}';
    }
    out += ']';
  }

  // What holds of the chosen offer's channel, the customer's segment and the model: null where there is none.
  void Circumstances(const Decision& d, OfferIndex offer, std::string& out) {
    out += ",\"cap\":";
    if (d.has_offer && d.cap.channel.known()) {
      out += "{\"channel\":" + channels[d.cap.channel.value] + ",\"limit\":";
      AppendUnsigned(d.cap.limit, out);
      out += ",\"used\":";
      AppendUnsigned(d.cap.used, out);
      out += ",\"window\":" + windows[d.cap.channel.value] + ",\"resets_at\":";
      AppendQuotedTime(d.cap.resets_at, out);
      out += ",\"source\":\"";
      out += Name(d.cap.source);
      out += "\"}";
    } else {
      out += "null";
    }
    out += ",\"segment\":";
    if (d.segment != 0) {
      out += "{\"id\":";
      AppendUnsigned(d.segment, out);
      out += ",\"version\":";
      AppendUnsigned(d.segment_version, out);
      out += ",\"margin\":";
      AppendFixed(d.segment_margin, out);
      out += '}';
    } else {
      out += "null";
    }
    out += ",\"model\":";
    if (d.has_offer) {
      out += "{\"id\":" + models[offer.value] + ",\"version\":";
      AppendUnsigned(d.model_version, out);
      out += '}';
    } else {
      out += "null";
    }
  }

  void Encode(const Decision& d, std::string& out) {
    const Candidate none;
    const Candidate& c = d.has_offer ? d.candidates[d.chosen] : none;
    out += "{\"schema\":\"";
    out += kDecisionSchema;
    out += "\",\"decision_id\":\"";
    AppendHex16(d.id, out);
    out += "\",\"customer_id\":";
    AppendJsonText(d.customer_id, out);
    out += ",\"event_time\":";
    AppendQuotedTime(d.event_time, out);
    out += ",\"valid_until\":";
    AppendQuotedTime(d.valid_until, out);
    out += ",\"placement\":";
    out += d.placement.known() ? placements[d.placement.value] : std::string("null");
    out += ",\"mode\":\"live\",\"arm\":\"";
    out += Name(d.arm);
    out += "\",\"offer\":";
    if (d.has_offer) {
      out += chosen[Pair(c.offer, c.channel)];
    } else {
      out += "null,\"reason\":\"";
      out += Name(d.reason);
      out += '"';
    }
    const auto number = [&](std::string_view key, double value) {
      out += key;
      AppendFixed(value, out);
    };
    number(",\"score\":", c.score);
    number(",\"propensity\":", c.propensity);
    out += d.explored ? ",\"explored\":true" : ",\"explored\":false";
    number(",\"probability\":", c.probability);
    number(",\"probability_se\":", c.probability_se);
    number(",\"value\":", d.has_offer ? plan->offers[c.offer.value].value : 0);
    number(",\"cost\":", d.has_offer ? plan->channels[c.channel.value].cost : 0);
    number(",\"price\":", d.price);
    Candidates(d, out);
    Excluded(d, out);
    Circumstances(d, c.offer, out);
    out += ",\"config_epoch\":";
    AppendUnsigned(d.plan_epoch, out);
    if (!plan->compact_decisions) {
      out += ",\"features\":[";
      for (std::size_t i = 0; i < d.features.size(); ++i) {
        if (i > 0) out += ',';
        AppendFixed(d.features[i], out);
      }
      out += ']';
    }
    out += ",\"cause\":{\"topic\":";
    out += d.cause.input < topics.size() ? topics[d.cause.input] : std::string("null");
    out += ",\"partition\":";
    AppendInteger(d.cause.partition, out);
    out += ",\"offset\":";
    AppendInteger(d.cause.offset, out);
    out += ",\"event_id\":";
    AppendJsonText(d.cause_event_id, out);
    out += "}}";
  }

  void EncodeCap(const CapChange& change, std::string& key, std::string& value) {
    key.clear();
    value.clear();
    key.append("customer|")
        .append(change.customer_id)
        .append("|")
        .append(plan->channels[change.state.channel.value].id);
    if (change.tombstone) return;
    value += "{\"customer_id\":";
    AppendJsonText(change.customer_id, value);
    value += ",\"channel\":" + channels[change.state.channel.value] + ",\"limit\":";
    AppendUnsigned(change.state.limit, value);
    value += ",\"used\":";
    AppendUnsigned(change.state.used, value);
    value += ",\"remaining\":";
    AppendUnsigned(change.state.limit > change.state.used ? change.state.limit - change.state.used : 0, value);
    value += ",\"window\":" + windows[change.state.channel.value];
    value += change.capped ? ",\"capped\":true" : ",\"capped\":false";
    value += ",\"resets_at\":";
    AppendQuotedTime(change.state.resets_at, value);
    value += ",\"source\":\"";
    value += Name(change.state.source);
    value += "\",\"segment\":";
    AppendUnsigned(change.segment, value);
    value += ",\"next_impression_value\":";
    AppendFixed(change.next_impression_value, value);
    // A customer's caps change with its events: their time orders the records of a key.
    value += ",\"version\":";
    AppendInteger(change.time, value);
    value += '}';
  }

  void EncodeCapCell(const CapCell& cell, std::uint64_t version, std::string& key, std::string& value) {
    key = fmt::format("segment|{}|{}", cell.segment, plan->channels[cell.channel.value].id);
    value = "{\"limit\":";
    AppendUnsigned(cell.limit, value);
    value += ",\"low\":";
    AppendUnsigned(cell.low, value);
    value += ",\"high\":";
    AppendUnsigned(cell.high, value);
    value += ",\"impressions\":";
    AppendInteger(cell.impressions, value);
    value += ",\"points\":[";
    for (std::size_t i = 0; i < cell.points.size(); ++i) {
      const CapCell::Point& point = cell.points[i];
      value += i > 0 ? ",{\"n\":" : "{\"n\":";
      AppendUnsigned(point.n, value);
      const std::pair<std::string_view, double> numbers[] = {{",\"click_rate\":", point.click_rate},
                                                             {",\"conversion_rate\":", point.conversion_rate},
                                                             {",\"unsubscribe_rate\":", point.unsubscribe_rate},
                                                             {",\"net_value\":", point.net_value},
                                                             {",\"se\":", point.se}};
      for (const auto& [name, number] : numbers) {
        value += name;
        AppendFixed(number, value);
      }
      value += '}';
    }
    value += "],\"version\":";
    AppendUnsigned(version, value);
    value += '}';
  }

  std::shared_ptr<const CampaignPlan> plan;
  // Everything that is constant while the plan is in force, as JSON.
  std::vector<std::string> topics{}, channels{}, placements{}, features{}, offers{}, models{}, windows{};
  std::vector<std::string> pairs{}, chosen{}, reasons{};
  std::vector<std::uint32_t> order{};
  std::string source{}, id{}, time{}, subject{};
  std::vector<std::pair<std::string_view, std::string_view>> headers{};
};

DecisionEncoder::DecisionEncoder(std::shared_ptr<const CampaignPlan> plan, std::vector<std::string> topics)
    : impl_(std::make_unique<Impl>(std::move(plan), std::move(topics))) {}
DecisionEncoder::~DecisionEncoder() = default;

void DecisionEncoder::EncodeDecision(const Decision& decision, std::string& out) { impl_->Encode(decision, out); }

const std::vector<std::pair<std::string_view, std::string_view>>& DecisionEncoder::Headers(const Decision& decision) {
  Impl& i = *impl_;
  i.id.clear();
  AppendHex16(decision.id, i.id);
  i.time.clear();
  AppendTime(decision.event_time, i.time);
  i.subject.assign(decision.customer_id);
  i.headers.assign({{"ce_specversion", "1.0"},
                    {"ce_id", i.id},
                    {"ce_type", kDecisionType},
                    {"ce_source", i.source},
                    {"ce_time", i.time},
                    {"ce_subject", i.subject},
                    {"content-type", "application/json"}});
  return i.headers;
}

void DecisionEncoder::EncodeCap(const CapChange& change, std::string& key, std::string& value) {
  impl_->EncodeCap(change, key, value);
}

void DecisionEncoder::EncodeCapCell(const CapCell& cell, std::uint64_t version, std::string& key, std::string& value) {
  impl_->EncodeCapCell(cell, version, key, value);
}

}  // namespace offerstream
