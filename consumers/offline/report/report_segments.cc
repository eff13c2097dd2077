#include "consumers/offline/report/report_sections.h"

#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "metrics/health.h"

namespace offerstream::report {

std::string SegmentsJson(const CampaignPlan& plan, const SegmentView* view) {
  if (view == nullptr) return "{\"k\": 0, \"profiles\": []}";
  return fmt::format("{{\"k\": {}, \"features\": {}, \"profiles\": {}}}", view->macros.size(),
                     Array(plan.segments.features, [](ProfileNumber n) { return JsonText(Name(n)); }),
                     Array(view->macros, [](const SegmentView::Macro& m) {
                       return fmt::format("{{\"id\": {}, \"share\": {}, \"centre\": {}}}", m.id, Number(m.share),
                                          Array(m.centre, [](double v) { return Number(v); }));
                     }));
}

}  // namespace offerstream::report
