#include "consumers/offline/report/report_sections.h"

#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "metrics/health.h"
#include "models/domain/decision.h"

namespace offerstream::report {

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

std::string ExperimentJson(const LiftView* view) {
  if (view == nullptr) return {};
  Object arms;
  for (std::size_t a = 0; a < view->arms.size(); ++a) {
    const LiftView::Arm& arm = view->arms[a];
    arms.Add(Name(static_cast<Arm>(a)),
             Object{}.Count("customers", arm.customers).Count("converted", arm.converted)
                 .Add("share", ShareJson(static_cast<double>(arm.converted), static_cast<double>(arm.customers)))
                 .Real("revenue", arm.revenue).str());
  }
  return Object{}.Add("arms", arms.str()).Real("lift", view->lift).Real("low", view->low).Real("high", view->high).str();
}

}  // namespace offerstream::report
