#include "consumers/offline/report/report_sections.h"

#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "metrics/health.h"

namespace offerstream::report {

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

}  // namespace offerstream::report
