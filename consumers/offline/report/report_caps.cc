#include "consumers/offline/report/report_sections.h"

#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "metrics/health.h"

namespace offerstream::report {

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

}  // namespace offerstream::report
