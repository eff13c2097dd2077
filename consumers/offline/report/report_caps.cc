#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"

namespace offerstream::report {
namespace {

std::string PointJson(const CapCell::Point& p) {
  return Object{}.Count("n", std::int64_t{p.n}).Real("click_rate", p.click_rate).Real("conversion_rate", p.conversion_rate)
      .Real("unsubscribe_rate", p.unsubscribe_rate).Real("net_value", p.net_value).Real("se", p.se).str();
}

std::string ChannelJson(const CampaignPlan& plan, ChannelIndex channel) {
  return channel.known() ? Quoted(plan.channels[channel.value].id) : "null";
}

/// Impressions, answers and their share with its interval; "n" is the impressions.
std::string AnswersJson(const Answers& a) { return ShareJson(static_cast<double>(a.answered), static_cast<double>(a.shown)); }

std::string OrdinalsJson(const CampaignPlan& plan, const EngagementCell& cell) {
  std::vector<std::size_t> ordinals;
  for (std::size_t i = 0; i < EngagementCell::kOrdinals; ++i) {
    for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
      if (cell.by_ordinal[o][i].shown == 0) continue;
      ordinals.push_back(i);
      break;
    }
  }
  return Array(ordinals, [&](std::size_t i) {
    Object row;
    row.Count("n", static_cast<std::int64_t>(i + 1)).Add("and_later", i + 1 == EngagementCell::kOrdinals ? "true" : "false");
    for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
      if (cell.by_ordinal[o][i].shown > 0) row.Add(plan.outcomes[o].id, AnswersJson(cell.by_ordinal[o][i]));
    }
    return row.str();
  });
}

}  // namespace

std::string CapsJson(const CampaignPlan& plan, const CapView* view) {
  if (view == nullptr) return "[]";
  return Array(view->cells, [&](const CapCell& c) {
    const bool known = c.channel.known();
    Object out;
    out.Count("segment", std::int64_t{c.segment}).Add("channel", ChannelJson(plan, c.channel)).Count("limit", std::int64_t{c.limit})
        .Count("low", std::int64_t{c.low}).Count("high", std::int64_t{c.high}).Count("impressions", c.impressions);
    if (known) {
      const CapSpec& cap = plan.channels[c.channel.value].cap;
      out.Count("max", std::int64_t{cap.max}).Real("window_days", static_cast<double>(cap.window) / 86'400'000.0);
      out.Add("learn", cap.learn ? "true" : "false");
    }
    return out.Add("points", Array(c.points, PointJson)).str();
  });
}

std::string EngagementJson(const ReportParts& p) {
  if (p.tally == nullptr || p.tally->engagement().empty()) return {};
  return Array(p.tally->engagement(), [&](const auto& entry) {
    const auto& [place, cell] = entry;
    Object out;
    out.Count("segment", std::int64_t{place.first}).Text("channel", p.plan.channels[place.second].id);
    std::size_t longest = 0;
    for (std::size_t o = 0; o < p.plan.outcomes.size(); ++o) {
      const Answers total = cell.Total(o);
      if (total.shown == 0) continue;
      out.Add(p.plan.outcomes[o].id, AnswersJson(total));
      if (p.plan.outcomes[o].window >= p.plan.outcomes[longest].window) longest = o;
    }
    // Who leaves is told with every outcome; the one that waits longest knows most.
    const Answers left = cell.Total(longest);
    out.Add("unsubscribe", ShareJson(static_cast<double>(left.unsubscribed), static_cast<double>(left.shown)));
    return out.Add("by_impression", OrdinalsJson(p.plan, cell)).str();
  });
}

}  // namespace offerstream::report
