#include "consumers/offline/report/report_sections.h"

#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "metrics/health.h"
#include "models/domain/event_time.h"
#include "models/evaluating/proportion.h"

namespace offerstream::report {

std::string ShareJson(double k, double n) {
  const Proportion share = CountedShare(k, n);
  return Object{}.Real("rate", share.rate).Real("low", share.low).Real("high", share.high).Real("k", k).Real("n", n).str();
}

std::string MeanJson(const Moments& m) {
  return Object{}.Real("mean", m.Mean()).Real("low", m.Low()).Real("high", m.High()).Count("n", m.n).str();
}

std::string AboutJson(const ReportParts& p) {
  if (p.tally == nullptr || p.survey == nullptr) return {};
  const auto time = [](EventTime t) { return t == kNever ? "null" : Quoted(FormatTime(t)); };
  return Object{}.Text("version", OFFERSTREAM_VERSION).Text("app", p.plan.app_id).Text("currency", p.plan.currency)
      .Add("from", time(p.tally->from())).Add("to", time(p.tally->to())).Count("customers", p.survey->customers()).str();
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

}  // namespace offerstream::report
