#include "consumers/wire/decision_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/decision_format.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/json_cursor.h"
#include "models/domain/event_time.h"

namespace offerstream {

namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonText(text, out);
  return out;
}

}  // namespace

std::string DecisionIdText(DecisionId id) { return fmt::format("{:016x}", id); }

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
    for (const auto* parts :
         {&topics, &channels, &placements, &features, &models, &windows, &pairs, &chosen, &reasons}) {
      for (const std::string& part : *parts) part_bytes = std::max(part_bytes, part.size());
    }
  }

  /// The buffer with at least so many bytes. Its old content is lost.
  char* Room(std::size_t bytes) {
    if (buffer.size() < bytes) buffer.resize(bytes);
    return buffer.data();
  }

  /// More than the decision's record can take: parts, numbers and times of every piece.
  std::size_t BytesOf(const Decision& d) const {
    const std::size_t pieces = 16 + d.candidates.size() + d.excluded.size() + d.explain.size();
    const std::size_t one = 128 + 2 * part_bytes + 4 * kJsonNumberBytes + 2 * kJsonTimeBytes;
    return pieces * one + d.features.size() * kJsonNumberBytes + 6 * (d.customer_id.size() + d.cause_event_id.size());
  }

  void Append(const Decision& d, std::string& text) {
    JsonCursor out(Room(BytesOf(d)), day);
    Encode(d, out);
    text.append(buffer.data(), out.at());
  }

  std::size_t Pair(OfferIndex offer, ChannelIndex channel) const {
    return std::size_t{offer.value} * channels.size() + channel.value;
  }

  void Candidates(const Decision& d, JsonCursor& out) {
    out.Text(",\"candidates\":[");
    const std::size_t shown =
        plan->compact_decisions ? std::min(kCompactEntries, d.candidates.size()) : d.candidates.size();
    order.resize(d.candidates.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      // The best few by score, the first of equals first: most are beaten by the last of them at once.
      std::size_t at = i;
      if (plan->compact_decisions) {
        at = std::min<std::size_t>(i, shown);
        while (at > 0 && d.candidates[i].score > d.candidates[order[at - 1]].score) --at;
        if (at >= shown) continue;
        for (std::size_t k = std::min<std::size_t>(i, shown - 1); k > at; --k) order[k] = order[k - 1];
      }
      order[at] = i;
    }
    for (std::size_t i = 0; i < shown; ++i) {
      const Candidate& c = d.candidates[order[i]];
      if (i > 0) out.Char(',');
      out.Text(pairs[Pair(c.offer, c.channel)]);
      out.Text(",\"propensity\":");
      out.Fixed(c.propensity);
      out.Text(",\"score\":");
      out.Fixed(c.score);
      out.Text(",\"probability\":");
      out.Fixed(c.probability);
      out.Char('}');
    }
    out.Char(']');
    if (!plan->compact_decisions) return;
    out.Text(",\"eligible\":[");
    for (std::size_t i = 0; i < d.candidates.size(); ++i) {
      if (i > 0) out.Char(',');
      out.Unsigned(Pair(d.candidates[i].offer, d.candidates[i].channel));
    }
    out.Char(']');
  }

  void Excluded(const Decision& d, JsonCursor& out) {
    out.Text(",\"excluded\":[");
    const std::size_t shown =
        plan->compact_decisions ? std::min(kCompactEntries, d.excluded.size()) : d.excluded.size();
    for (std::size_t i = 0; i < shown; ++i) {
      const Exclusion& e = d.excluded[i];
      if (i > 0) out.Char(',');
      out.Text(pairs[Pair(e.offer, e.channel)]);
      out.Text(reasons[static_cast<std::size_t>(e.stage) * kExclusionReasons + static_cast<std::size_t>(e.reason)]);
      out.QuotedTime(e.until);
      out.Char('}');
    }
    out.Text("],\"explain\":[");
    for (std::size_t i = 0; i < d.explain.size(); ++i) {
      out.Text(i > 0 ? ",{\"feature\":" : "{\"feature\":");
      out.Text(features[d.explain[i].feature]);
      out.Text(",\"contribution\":");
      out.Fixed(d.explain[i].contribution);
      out.Text(",\"sign_probability\":");
      out.Fixed(d.explain[i].sign_probability);
      out.Char('}');
    }
    out.Char(']');
  }

  // What holds of the chosen offer's channel, the customer's segment and the model: null where there is none.
  void Circumstances(const Decision& d, OfferIndex offer, JsonCursor& out) {
    out.Text(",\"cap\":");
    if (d.has_offer && d.cap.channel.known()) {
      out.Text("{\"channel\":");
      out.Text(channels[d.cap.channel.value]);
      out.Text(",\"limit\":");
      out.Unsigned(d.cap.limit);
      out.Text(",\"used\":");
      out.Unsigned(d.cap.used);
      out.Text(",\"window\":");
      out.Text(windows[d.cap.channel.value]);
      out.Text(",\"resets_at\":");
      out.QuotedTime(d.cap.resets_at);
      out.Text(",\"source\":\"");
      out.Text(Name(d.cap.source));
      out.Text("\"}");
    } else {
      out.Text("null");
    }
    out.Text(",\"segment\":");
    if (d.segment != 0) {
      out.Text("{\"id\":");
      out.Unsigned(d.segment);
      out.Text(",\"version\":");
      out.Unsigned(d.segment_version);
      out.Text(",\"margin\":");
      out.Fixed(d.segment_margin);
      out.Char('}');
    } else {
      out.Text("null");
    }
    out.Text(",\"model\":");
    if (d.has_offer) {
      out.Text("{\"id\":");
      out.Text(models[offer.value]);
      out.Text(",\"version\":");
      out.Unsigned(d.model_version);
      out.Char('}');
    } else {
      out.Text("null");
    }
  }

  void Encode(const Decision& d, JsonCursor& out) {
    const Candidate none;
    const Candidate& c = d.has_offer ? d.candidates[d.chosen] : none;
    out.Text("{\"schema\":\"");
    out.Text(kDecisionSchema);
    out.Text("\",\"decision_id\":\"");
    out.Hex16(d.id);
    out.Text("\",\"customer_id\":");
    out.Quoted(d.customer_id);
    out.Text(",\"event_time\":");
    out.QuotedTime(d.event_time);
    out.Text(",\"valid_until\":");
    out.QuotedTime(d.valid_until);
    out.Text(",\"placement\":");
    out.Text(d.placement.known() ? std::string_view(placements[d.placement.value]) : "null");
    out.Text(",\"mode\":\"live\",\"arm\":\"");
    out.Text(Name(d.arm));
    out.Text("\",\"offer\":");
    if (d.has_offer) {
      out.Text(chosen[Pair(c.offer, c.channel)]);
    } else {
      out.Text("null,\"reason\":\"");
      out.Text(Name(d.reason));
      out.Char('"');
    }
    const auto number = [&](std::string_view key, double value) {
      out.Text(key);
      out.Fixed(value);
    };
    number(",\"score\":", c.score);
    number(",\"propensity\":", c.propensity);
    out.Text(d.explored ? ",\"explored\":true" : ",\"explored\":false");
    number(",\"probability\":", c.probability);
    number(",\"probability_se\":", c.probability_se);
    number(",\"value\":", d.has_offer ? plan->offers[c.offer.value].value : 0);
    number(",\"cost\":", d.has_offer ? plan->channels[c.channel.value].cost : 0);
    number(",\"price\":", d.price);
    Candidates(d, out);
    Excluded(d, out);
    Circumstances(d, c.offer, out);
    out.Text(",\"config_epoch\":");
    out.Unsigned(d.plan_epoch);
    if (!plan->compact_decisions) {
      out.Text(",\"features\":[");
      for (std::size_t i = 0; i < d.features.size(); ++i) {
        if (i > 0) out.Char(',');
        out.Fixed(d.features[i]);
      }
      out.Char(']');
    }
    out.Text(",\"cause\":{\"topic\":");
    out.Text(d.cause.input < topics.size() ? std::string_view(topics[d.cause.input]) : "null");
    out.Text(",\"partition\":");
    out.Integer(d.cause.partition);
    out.Text(",\"offset\":");
    out.Integer(d.cause.offset);
    out.Text(",\"event_id\":");
    out.Quoted(d.cause_event_id);
    out.Text("}}");
  }

  void EncodeCap(const CapChange& change, std::string& key, std::string& text) {
    key.clear();
    text.clear();
    key.append("customer|")
        .append(change.customer_id)
        .append("|")
        .append(plan->channels[change.state.channel.value].id);
    if (change.tombstone) return;
    JsonCursor value(Room(256 + 6 * change.customer_id.size() + 2 * part_bytes), day);
    value.Text("{\"customer_id\":");
    value.Quoted(change.customer_id);
    value.Text(",\"channel\":");
    value.Text(channels[change.state.channel.value]);
    value.Text(",\"limit\":");
    value.Unsigned(change.state.limit);
    value.Text(",\"used\":");
    value.Unsigned(change.state.used);
    value.Text(",\"remaining\":");
    value.Unsigned(change.state.limit > change.state.used ? change.state.limit - change.state.used : 0);
    value.Text(",\"window\":");
    value.Text(windows[change.state.channel.value]);
    value.Text(change.capped ? ",\"capped\":true" : ",\"capped\":false");
    value.Text(",\"resets_at\":");
    value.QuotedTime(change.state.resets_at);
    value.Text(",\"source\":\"");
    value.Text(Name(change.state.source));
    value.Text("\",\"segment\":");
    value.Unsigned(change.segment);
    value.Text(",\"next_impression_value\":");
    value.Fixed(change.next_impression_value);
    // A customer's caps change with its events: their time orders the records of a key.
    value.Text(",\"version\":");
    value.Integer(change.time);
    value.Char('}');
    text.assign(buffer.data(), value.at());
  }

  void EncodeCapCell(const CapCell& cell, std::uint64_t version, std::string& key, std::string& text) {
    key = fmt::format("segment|{}|{}", cell.segment, plan->channels[cell.channel.value].id);
    JsonCursor value(Room(256 + cell.points.size() * (128 + 5 * kJsonNumberBytes)), day);
    value.Text("{\"limit\":");
    value.Unsigned(cell.limit);
    value.Text(",\"low\":");
    value.Unsigned(cell.low);
    value.Text(",\"high\":");
    value.Unsigned(cell.high);
    value.Text(",\"impressions\":");
    value.Integer(cell.impressions);
    value.Text(",\"points\":[");
    for (std::size_t i = 0; i < cell.points.size(); ++i) {
      const CapCell::Point& point = cell.points[i];
      value.Text(i > 0 ? ",{\"n\":" : "{\"n\":");
      value.Unsigned(point.n);
      const std::pair<std::string_view, double> numbers[] = {{",\"click_rate\":", point.click_rate},
                                                             {",\"conversion_rate\":", point.conversion_rate},
                                                             {",\"unsubscribe_rate\":", point.unsubscribe_rate},
                                                             {",\"net_value\":", point.net_value},
                                                             {",\"se\":", point.se}};
      for (const auto& [name, number] : numbers) {
        value.Text(name);
        value.Fixed(number);
      }
      value.Char('}');
    }
    value.Text("],\"version\":");
    value.Unsigned(version);
    value.Char('}');
    text.assign(buffer.data(), value.at());
  }

  std::shared_ptr<const CampaignPlan> plan;
  // Everything that is constant while the plan is in force, as JSON.
  std::vector<std::string> topics{}, channels{}, placements{}, features{}, offers{}, models{}, windows{};
  std::vector<std::string> pairs{}, chosen{}, reasons{};
  std::size_t part_bytes = 0;  // the longest of them
  std::vector<std::uint32_t> order{};
  std::vector<char> buffer{};  // a record is written here, where no piece has to ask for room, and then appended
  JsonDay day{};
  std::string source{}, id{}, time{}, subject{};
  std::vector<std::pair<std::string_view, std::string_view>> headers{};
};

DecisionEncoder::DecisionEncoder(std::shared_ptr<const CampaignPlan> plan, std::vector<std::string> topics)
    : impl_(std::make_unique<Impl>(std::move(plan), std::move(topics))) {}
DecisionEncoder::~DecisionEncoder() = default;

void DecisionEncoder::EncodeDecision(const Decision& decision, std::string& out) { impl_->Append(decision, out); }

const std::vector<std::pair<std::string_view, std::string_view>>& DecisionEncoder::Headers(const Decision& decision) {
  Impl& i = *impl_;
  i.id.clear();
  fmt::format_to(std::back_inserter(i.id), "{:016x}", decision.id);
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
