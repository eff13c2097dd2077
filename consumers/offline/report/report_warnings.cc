#include <fmt/format.h>

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"

namespace offerstream::report {
namespace {

constexpr double kManyLate = 0.1;

}  // namespace

std::string WarningsJson(const ReportParts& p) {
  std::vector<std::string> warnings;
  const auto warn = [&](std::string_view kind, const std::string& text) { warnings.push_back(Object{}.Text("kind", kind).Text("text", text).str()); };
  std::string leaks;
  for (const AttributeSpec& attribute : p.plan.attributes) {
    if (attribute.afterwards) leaks += (leaks.empty() ? "" : ", ") + attribute.name;
  }
  if (!leaks.empty()) {
    warn("leaky", fmt::format("LEAKY, for comparison only: {} is known only after the answer. No figure here is a forecast.", leaks));
  }
  std::uint64_t events = 0;
  for (const std::uint64_t n : p.counters.events) events += n;
  const std::uint64_t impressions = p.counters.events[static_cast<std::size_t>(EventKind::kImpression)];
  std::int64_t answered = 0;   // a window that closes in silence is an answer of no: one class alone teaches nothing
  for (const ModelReport& model : p.models) answered += model.positives;
  if (impressions > 0 && answered == 0) {
    warn("no_answers", fmt::format("Not one of {} impressions is known to have been answered: the mapping names no outcome, answers are missing, or their "
                                   "time is not over. Nothing can be said about who responds.", impressions));
  } else if (events > 0 && impressions == 0) {
    warn("no_impressions", "There are no impressions in it: nothing can be said about who responds.");
  }
  if (events > 0 && static_cast<double>(p.counters.late) > kManyLate * static_cast<double>(events)) {
    warn("out_of_order", fmt::format("{} of {} events came later than time.lateness allows: they count, but models learned in another order "
                                     "than things happened. Sort the file by time, or raise time.lateness.", p.counters.late, events));
  }
  return warnings.empty() ? "" : Array(warnings, [](const std::string& w) { return w; });
}

}  // namespace offerstream::report
