#include "consumers/offline/report.h"

#include <fmt/format.h>

#include "metrics/health.h"
#include "models/domain/decision.h"

namespace offerstream {
namespace {

std::string Number(double v) { return v == v && v - v == 0 ? fmt::format("{:.9g}", v) : "null"; }

/// Joins `write(item)` of every item with ",\n  " in brackets.
template <typename Items, typename Write>
std::string Array(const Items& items, Write write) {
  std::string out = "[";
  for (const auto& item : items) {
    out += out.size() > 1 ? ",\n    " : "\n    ";
    out += write(item);
  }
  return out + "]";
}

std::string InputJson(const InputReport& input) {
  std::string rejected;
  for (const auto& [reason, n] : input.rejected) {
    rejected += fmt::format("{}{}: {}", rejected.empty() ? "" : ", ", JsonText(reason), n);
  }
  return fmt::format("{{\"files\": {}, \"records\": {}, \"events\": {}, \"ignored\": {}, \"rejected\": {{{}}}}}",
                     Array(input.files, [](const std::string& f) { return JsonText(f); }), input.records, input.events,
                     input.ignored, rejected);
}

std::string EventsJson(const FoldCounters& counters) {
  std::string kinds;
  for (std::size_t k = 0; k < counters.events.size(); ++k) {
    if (counters.events[k] == 0) continue;
    kinds += fmt::format("{}\"{}\": {}", kinds.empty() ? "" : ", ", Name(static_cast<EventKind>(k)), counters.events[k]);
  }
  return fmt::format("{{\"kinds\": {{{}}}, \"duplicates\": {}, \"late\": {}, \"untriggered\": {}, \"joined_by_decision\": {}, "
                     "\"joined_by_window\": {}, \"not_joined\": {}, \"late_outcomes\": {}}}",
                     kinds, counters.duplicates, counters.late, counters.untriggered, counters.joined_by_decision,
                     counters.joined_by_window, counters.not_joined, counters.late_outcomes);
}

std::string DecisionsJson(const CampaignPlan& plan, const FoldCounters& counters) {
  std::string arms, exclusions, selections;
  std::uint64_t total = 0;
  for (std::size_t a = 0; a < counters.decisions.size(); ++a) {
    std::string outcomes;
    for (std::size_t r = 0; r < 6; ++r) {
      total += counters.decisions[a][r];
      const std::string_view name = r == 0 ? "offer" : Name(static_cast<NoOfferReason>(r));
      outcomes += fmt::format("{}\"{}\": {}", r == 0 ? "" : ", ", name, counters.decisions[a][r]);
    }
    arms += fmt::format("{}\"{}\": {{{}}}", a == 0 ? "" : ", ", Name(static_cast<Arm>(a)), outcomes);
  }
  for (std::size_t s = 0; s < kStages; ++s) {
    for (std::size_t r = 0; r < kExclusionReasons; ++r) {
      if (counters.exclusions[s][r] == 0) continue;
      exclusions += fmt::format("{}\"{}/{}\": {}", exclusions.empty() ? "" : ", ", Name(static_cast<Stage>(s)),
                                Name(static_cast<ExclusionReason>(r)), counters.exclusions[s][r]);
    }
  }
  for (std::size_t i = 0; i < counters.selections.size(); ++i) {
    if (counters.selections[i] == 0) continue;
    selections += fmt::format("{}{}: {}", selections.empty() ? "" : ", ",
                              JsonText(plan.offers[i / plan.channels.size()].id + "/" + plan.channels[i % plan.channels.size()].id),
                              counters.selections[i]);
  }
  return fmt::format("{{\"total\": {}, \"arms\": {{{}}}, \"excluded\": {{{}}}, \"selected\": {{{}}}}}", total, arms, exclusions, selections);
}

std::string ModelJson(const ModelReport& m) {
  return fmt::format(
      "{{\"id\": {}, \"version\": {}, \"observations\": {}, \"n\": {}, \"positives\": {}, \"auc\": {}, \"log_loss_ratio\": {}, "
      "\"calibration\": {}, \"rejected\": {}, \"drift_alarms\": {}, \"drivers\": {}}}",
      JsonText(m.id), m.version, m.observations, m.labels, m.positives, Number(m.auc), Number(m.log_loss_ratio),
      Number(m.calibration_ratio), m.rejected, m.drift_alarms, Array(m.drivers, [](const ModelReport::Driver& d) {
        return fmt::format("{{\"feature\": {}, \"coefficient\": {}, \"odds_ratio\": {}, \"low\": {}, \"high\": {}, \"z\": {}}}",
                           JsonText(d.feature), Number(d.coefficient), Number(d.odds_ratio), Number(d.low), Number(d.high), Number(d.z));
      }));
}

std::string SegmentsJson(const CampaignPlan& plan, const SegmentView* view) {
  if (view == nullptr) return "{\"k\": 0, \"profiles\": []}";
  return fmt::format("{{\"k\": {}, \"features\": {}, \"profiles\": {}}}", view->macros.size(),
                     Array(plan.segments.features, [](ProfileNumber n) { return JsonText(Name(n)); }),
                     Array(view->macros, [](const SegmentView::Macro& m) {
                       return fmt::format("{{\"id\": {}, \"share\": {}, \"centre\": {}}}", m.id, Number(m.share),
                                          Array(m.centre, [](double v) { return Number(v); }));
                     }));
}

std::string CapsJson(const CampaignPlan& plan, const CapView* view) {
  if (view == nullptr) return "[]";
  return Array(view->cells, [&](const CapCell& c) {
    return fmt::format("{{\"segment\": {}, \"channel\": {}, \"limit\": {}, \"low\": {}, \"high\": {}, \"impressions\": {}, \"points\": {}}}",
                       c.segment, c.channel.known() ? JsonText(plan.channels[c.channel.value].id) : "null", c.limit, c.low, c.high,
                       c.impressions, Array(c.points, [](const CapCell::Point& p) {
                         return fmt::format("{{\"n\": {}, \"click_rate\": {}, \"conversion_rate\": {}, \"unsubscribe_rate\": {}, \"net_value\": {}, \"se\": {}}}",
                                            p.n, Number(p.click_rate), Number(p.conversion_rate), Number(p.unsubscribe_rate),
                                            Number(p.net_value), Number(p.se));
                       }));
  });
}

std::string LiftJson(const LiftView* view) {
  if (view == nullptr) return "null";
  std::string arms;
  for (std::size_t a = 0; a < view->arms.size(); ++a) {
    arms += fmt::format("{}\"{}\": {{\"customers\": {}, \"converted\": {}, \"revenue\": {}}}", a == 0 ? "" : ", ",
                        Name(static_cast<Arm>(a)), view->arms[a].customers, view->arms[a].converted, Number(view->arms[a].revenue));
  }
  return fmt::format("{{\"arms\": {{{}}}, \"lift\": {}, \"low\": {}, \"high\": {}}}", arms, Number(view->lift),
                     Number(view->low), Number(view->high));
}

}  // namespace

std::string ReportJson(const ReportParts& p) {
  return fmt::format(
      "{{\n  \"input\": {},\n  \"events\": {},\n  \"decisions\": {},\n  \"models\": {},\n  \"segments\": {},\n  \"caps\": {},\n"
      "  \"experiment\": {}\n}}",
      InputJson(p.input), EventsJson(p.counters), DecisionsJson(p.plan, p.counters), Array(p.models, ModelJson),
      SegmentsJson(p.plan, p.adopted.segments.get()), CapsJson(p.plan, p.adopted.caps.get()), LiftJson(p.adopted.lift.get()));
}

}  // namespace offerstream
