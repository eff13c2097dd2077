#include "consumers/wire/decision_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/decision_format.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/feature_name.h"
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
  Impl(std::shared_ptr<const CampaignPlan> p, std::vector<std::string> input_topics)
      : plan(std::move(p)), compact(plan->compact_decisions) {
    for (const std::string& topic : input_topics) topics.Add(Quoted(topic));
    for (const ChannelSpec& channel : plan->channels) channels.Add(Quoted(channel.id));
    for (const std::string& placement : plan->decide.placements) placements.Add(Quoted(placement));
    for (const FeatureSpec& feature : plan->features.features) {
      features.Add(fmt::format("{{\"feature\":{},\"contribution\":", Quoted(feature.name)));
      const std::string channel =
          feature.kind == FeatureKind::kSegmentChannel ? "*channel=" + plan->channels[feature.index].id : "";
      after_segment.Add(Quoted(channel).substr(1) + ",\"contribution\":");
    }
    for (std::size_t o = 0; o < plan->offers.size(); ++o) RenderOffer(OfferIndex(o));
    for (std::size_t s = 0; s < kStages; ++s) {
      for (std::size_t r = 0; r < kExclusionReasons; ++r) {
        reasons.Add(fmt::format(",\"stage\":\"{}\",\"reason\":\"{}\",\"until\":", Name(static_cast<Stage>(s)),
                                Name(static_cast<ExclusionReason>(r))));
      }
    }
    for (const ChannelSpec& channel : plan->channels) {
      windows.Add(fmt::format("\"{}\"", DurationText(channel.cap.window)));
      caps.Add(fmt::format(",\"cap\":{{\"channel\":{},\"limit\":", Quoted(channel.id)));
    }
    source = "/offerstream/" + plan->app_id;
    for (const auto* parts :
         {&topics, &channels, &placements, &features, &after_segment, &models, &windows, &caps, &pairs, &chosen, &worths, &reasons}) {
      for (std::size_t i = 0; i < parts->size(); ++i) part_bytes = std::max(part_bytes, (*parts)[i].size() + kCopyStep);
    }
  }

  void RenderOffer(OfferIndex o) {
    const OfferSpec& offer = plan->offers[o.value];
    const std::string id = Quoted(offer.id);
    const std::string product = offer.product.known() ? Quoted(plan->products[offer.product.value].id) : "null";
    models.Add(fmt::format(",\"model\":{{\"id\":{},\"version\":", Quoted(plan->ModelId(plan->ModelOf(o, offer.goal)))));
    for (std::size_t c = 0; c < plan->channels.size(); ++c) {
      const std::string channel = Quoted(plan->channels[c].id);
      pairs.Add(fmt::format("{{\"offer_id\":{},\"channel\":{}", id, channel));
      numbers.Add(fmt::format("{},", numbers.size()));
      chosen.Add(fmt::format("{{\"offer_id\":{},\"campaign_id\":{},\"channel\":{},\"product_id\":{}}}", id,
                             Quoted(offer.campaign_id), channel, product));
      const double value = offer.value, cost = plan->channels[c].cost;
      worths.Add(plan->compact_decisions ? fmt::format(",\"value\":{},\"cost\":{},\"price\":", value, cost)
                                         : fmt::format(",\"value\":{:.9f},\"cost\":{:.9f},\"price\":", value, cost));
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
    return pieces * one + d.features.size() * kJsonNumberBytes + 6 * (d.customer_id.size() + d.cause_event_id.size()) +
           kCopyStep;
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
    const std::size_t all = d.candidates.size(), shown = compact ? std::min(kCompactEntries, all) : all;
    std::array<std::size_t, kCompactEntries> best{};
    if (compact) FindBest(d.candidates, best);
    for (std::size_t i = 0; i < shown; ++i) {
      const Candidate& c = d.candidates[compact ? best[i] : i];
      if (i > 0) out.Char(',');
      out.Part(pairs[Pair(c.offer, c.channel)]);
      out.Text(",\"propensity\":");
      out.Fixed(c.propensity);
      out.Text(",\"score\":");
      Number<3>(c.score, out);
      out.Text(",\"probability\":");
      Number<3>(c.probability, out);
      out.Char('}');
    }
    out.Char(']');
    if (!compact) return;
    out.Text(",\"eligible\":[");
    for (const Candidate& c : d.candidates) out.Part(numbers[Pair(c.offer, c.channel)]);
    if (all > 0) out.Back();   // the last comma
    out.Char(']');
  }

  static void PartOrNull(const PaddedTexts& parts, std::size_t i, JsonCursor& out) {
    if (i < parts.size())
      out.Part(parts[i]);
    else
      out.Text("null");
  }

  // The best few by score, the first of equals first.
  static void FindBest(std::span<const Candidate> candidates, std::array<std::size_t, kCompactEntries>& best) {
    std::size_t found = 0;
    double least = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double score = candidates[i].score;
      if (found == best.size() && !(score > least)) continue;
      std::size_t at = std::min(found, best.size() - 1);
      for (; at > 0 && score > candidates[best[at - 1]].score; --at) best[at] = best[at - 1];
      best[at] = i;
      found = std::min(found + 1, best.size());
      least = candidates[best[found - 1]].score;
    }
  }

  // Nine decimals in a full decision; in a compact one as many as a reader has use for.
  template <unsigned Pairs>
  void Number(double value, JsonCursor& out) const {
    if (compact)
      out.Short<Pairs>(value);
    else
      out.Fixed(value);
  }

  void Excluded(const Decision& d, JsonCursor& out) {
    out.Text(",\"excluded\":[");
    const std::size_t shown = compact ? std::min(kCompactEntries, d.excluded.size()) : d.excluded.size();
    for (std::size_t i = 0; i < shown; ++i) {
      const Exclusion& e = d.excluded[i];
      if (i > 0) out.Char(',');
      out.Part(pairs[Pair(e.offer, e.channel)]);
      out.Part(reasons[static_cast<std::size_t>(e.stage) * kExclusionReasons + static_cast<std::size_t>(e.reason)]);
      out.QuotedTime(e.until);
      out.Char('}');
    }
    out.Text("],\"explain\":[");
    for (std::size_t i = 0; i < d.explain.size(); ++i) {
      if (i > 0) out.Char(',');
      if (d.explain[i].segment == 0) {
        out.Part(features[d.explain[i].feature]);
      } else {
        out.Text("{\"feature\":\"segment=");
        out.Unsigned(d.explain[i].segment);
        out.Part(after_segment[d.explain[i].feature]);
      }
      Number<2>(d.explain[i].contribution, out);
      out.Text(",\"sign_probability\":");
      Number<2>(d.explain[i].sign_probability, out);
      out.Char('}');
    }
    out.Char(']');
  }

  // What holds of the chosen offer's channel, the customer's segment and the model: null where there is none.
  void Circumstances(const Decision& d, OfferIndex offer, JsonCursor& out) {
    if (d.has_offer && d.cap.channel.known()) {
      out.Part(caps[d.cap.channel.value]);
      out.Unsigned(d.cap.limit);
      out.Text(",\"used\":");
      out.Unsigned(d.cap.used);
      out.Text(",\"window\":");
      out.Part(windows[d.cap.channel.value]);
      out.Text(",\"resets_at\":");
      out.QuotedTime(d.cap.resets_at);
      out.Text(",\"source\":\"");
      out.Text(Name(d.cap.source));
      out.Text("\"}");
    } else {
      out.Text(",\"cap\":null");
    }
    if (d.segment != 0) {
      out.Text(",\"segment\":{\"id\":");
      out.Unsigned(d.segment);
      out.Text(",\"version\":");
      out.Unsigned(d.segment_version);
      out.Text(",\"margin\":");
      Number<2>(d.segment_margin, out);
      out.Char('}');
    } else {
      out.Text(",\"segment\":null");
    }
    if (d.has_offer) {
      out.Part(models[offer.value]);
      out.Unsigned(d.model_version);
      out.Char('}');
    } else {
      out.Text(",\"model\":null");
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
    PartOrNull(placements, d.placement.value, out);
    out.Text(",\"mode\":\"live\",\"arm\":\"");
    out.Text(Name(d.arm));
    out.Text("\",\"offer\":");
    if (d.has_offer) {
      out.Part(chosen[Pair(c.offer, c.channel)]);
    } else {
      out.Text("null,\"reason\":\"");
      out.Text(Name(d.reason));
      out.Char('"');
    }
    out.Text(",\"score\":");
    Number<3>(c.score, out);
    out.Text(",\"propensity\":");
    out.Fixed(c.propensity);
    out.Text(d.explored ? ",\"explored\":true" : ",\"explored\":false");
    out.Text(",\"probability\":");
    Number<3>(c.probability, out);
    out.Text(",\"probability_se\":");
    Number<3>(c.probability_se, out);
    if (d.has_offer)
      out.Part(worths[Pair(c.offer, c.channel)]);
    else
      out.Text(compact ? ",\"value\":0,\"cost\":0,\"price\":" : ",\"value\":0.000000000,\"cost\":0.000000000,\"price\":");
    if (compact && d.price == 0)
      out.Char('0');
    else
      out.Fixed(d.price);
    Candidates(d, out);
    Excluded(d, out);
    Circumstances(d, c.offer, out);
    out.Text(",\"config_epoch\":");
    out.Unsigned(d.plan_epoch);
    if (!compact) {
      out.Text(",\"features\":[");
      for (std::size_t i = 0; i < d.features.size(); ++i) {
        if (i > 0) out.Char(',');
        out.Fixed(d.features[i]);
      }
      out.Char(']');
    }
    out.Text(",\"cause\":{\"topic\":");
    PartOrNull(topics, d.cause.input, out);
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
    JsonCursor value(Room(256 + kCopyStep + 6 * change.customer_id.size() + 2 * part_bytes), day);
    value.Text("{\"customer_id\":");
    value.Quoted(change.customer_id);
    value.Text(",\"channel\":");
    value.Part(channels[change.state.channel.value]);
    value.Text(",\"limit\":");
    value.Unsigned(change.state.limit);
    value.Text(",\"used\":");
    value.Unsigned(change.state.used);
    value.Text(",\"remaining\":");
    value.Unsigned(change.state.limit > change.state.used ? change.state.limit - change.state.used : 0);
    value.Text(",\"window\":");
    value.Part(windows[change.state.channel.value]);
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
  PaddedTexts topics{}, channels{}, placements{}, features{}, models{}, windows{}, caps{}, reasons{};
  PaddedTexts after_segment{};  // by feature: what follows a segment's id
  PaddedTexts pairs{}, numbers{}, chosen{}, worths{};  // by offer x channel
  std::size_t part_bytes = 0;  // the longest of them
  bool compact;
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
