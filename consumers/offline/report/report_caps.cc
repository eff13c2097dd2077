#include <algorithm>

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"

namespace offerstream::report {
namespace {

constexpr std::int64_t kShownBeyondLeast = 30;

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

/// Impressions beyond the n-th of a window whose answers are known: what tells a cap from a guess.
std::int64_t ShownBeyond(const ReplayTally* tally, const CapCell& c, std::size_t n) {
  if (tally == nullptr) return 0;
  const auto found = tally->engagement().find({c.segment, c.channel.value});
  if (found == tally->engagement().end()) return 0;
  std::int64_t most = 0;
  for (const auto& outcome : found->second.by_ordinal) {
    std::int64_t beyond = 0;
    for (std::size_t i = n; i < outcome.size(); ++i) beyond += outcome[i].shown;
    most = std::max(most, beyond);
  }
  return most;
}

/// Why a cell's limit is no finding; empty when it is one.
std::string WhyUnclaimed(const CampaignPlan& plan, const CapCell& c, std::int64_t beyond_first, std::int64_t beyond) {
  if (!c.channel.known()) return "the channel is not in the configuration";
  const CapSpec& cap = plan.channels[c.channel.value].cap;
  if (!cap.learn) return "caps are not learned on this channel";
  if (beyond_first < kShownBeyondLeast) return "next to every impression was the first of its window, so nobody knows what a second would bring";
  if (c.limit == 0) return "too few answers yet, or predictions do not meet them";
  if (c.limit >= cap.max) return "no turning point is seen up to the hard maximum";
  if (beyond < kShownBeyondLeast) return "next to nobody was shown more, so nobody knows what more would bring";
  if (c.low <= 1 && c.high >= cap.max) return "its interval spans everything from one to the hard maximum";
  return {};
}

}  // namespace

std::string CapsJson(const ReportParts& p) {
  const CampaignPlan& plan = p.plan;
  const CapView* view = p.adopted.caps.get();
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
    const std::int64_t beyond = ShownBeyond(p.tally, c, c.limit);
    const std::string why = WhyUnclaimed(plan, c, ShownBeyond(p.tally, c, 1), beyond);
    out.Count("shown_beyond", beyond).Add("claimed", why.empty() ? "true" : "false");
    if (!why.empty()) out.Text("why_not", why);
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
