#include "consumers/offline/report/report.h"

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"
#include "consumers/wire/experiment_json.h"

namespace offerstream {

std::string ReportJson(const ReportParts& p) {
  // A part that others fill adds its field here and its section to page/ (README.md).
  const std::pair<const char*, std::string> fields[] = {
      {"about", report::AboutJson(p)},
      {"warnings", report::WarningsJson(p)},
      {"input", report::InputJson(p.input)},
      {"events", report::EventsJson(p.counters)},
      {"decisions", report::DecisionsJson(p.plan, p.counters)},
      {"models", report::ModelsJson(p.models, p.study, p.adopted.segments.get())},
      {"segments", report::SegmentsJson(p)},
      {"caps", report::CapsJson(p)},
      {"engagement", report::EngagementJson(p)},
      {"reach", report::ReachJson(p)},
      {"products", report::ProductsJson(p)},
      {"transactions", report::TransactionsJson(p)},
      {"factors", p.study == nullptr ? "" : report::FactorsJson(*p.study)},
      {"churn", p.study == nullptr ? "" : report::ChurnJson(p.study->churn())},
      {"preferences", p.study == nullptr ? "" : report::PreferencesJson(p.study->preferences(), p.study->now())},
      {"experiment", report::ExperimentJson(p.adopted.lift.get())},
      {"experiments", ExperimentsJson(p.plan, &p.adopted)},
      {"spending", report::SpendingJson(p)},
      {"campaigns", CampaignsJson(p.plan, &p.adopted)},
      {"budgets", BudgetsJson(p.plan, p.adopted)},
  };
  std::string out = "{";
  for (const auto& [name, json] : fields) {
    if (json.empty()) continue;
    out += out.size() > 1 ? ",\n  " : "\n  ";
    out.append(report::Quoted(name)).append(": ").append(json);
  }
  return out + "\n}";
}

}  // namespace offerstream
