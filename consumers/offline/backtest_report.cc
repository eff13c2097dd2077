#include "consumers/offline/backtest_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_page.h"
#include "consumers/offline/report/report_sections.h"

namespace offerstream {
namespace {

using report::Number;
using report::Quoted;

std::string Pair(const Interval& i) { return fmt::format("[{}, {}]", Number(i.low), Number(i.high)); }

std::string Short(double v) { return fmt::format("{:.5g}", v); }
std::string Short(const Interval& i) { return fmt::format("[{:.4g}, {:.4g}]", i.low, i.high); }

constexpr double kNormal95 = 1.959963984540054;

bool Has(const Interval& i) { return i.low != 0 || i.high != 0; }

/// Columns as wide as their widest cell, the first and the last to the left.
std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c + 1 == row.size()) out += row[c];
      else if (c == 0) out += fmt::format("{:<{}}  ", row[c], widths[c]);
      else out += fmt::format("{:>{}}  ", row[c], widths[c]);
    }
    out += '\n';
  }
  return out;
}

std::string LogText(const BacktestReport& report) {
  const LogReport& log = report.log;
  std::string out = fmt::format("The log earned {} {} a decision {} over {} decisions.\n", Short(log.value), report.currency,
                                Short(log.interval), log.weighed);
  std::string aside;
  const std::pair<std::uint64_t, std::string_view> reasons[] = {
      {log.early, "before --since"},
      {log.holdout, "in the holdout"},
      {log.invalid, "without a propensity in (0, 1]"},
      {log.unknown, "for offers the configuration does not know"},
      {log.late, "late (is the input in the order of time?)"},
      {log.repeated, "repeated"},
      {log.open, "whose windows had not closed"},
      {log.unlabelled, "whose goal is never told"},
      {log.unmet, "whose event is not in the input"},
  };
  for (const auto& [count, what] : reasons) {
    if (count > 0) aside += fmt::format("{}{} {}", aside.empty() ? "" : ", ", count, what);
  }
  return aside.empty() ? out : out + "Left out: " + aside + ".\n";
}

std::string PolicyTable(const BacktestReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"policy", "earns", "95 %", "against the log", "95 %", "n", "ESS", "mean w", "max w", "verdict"}};
  for (const PolicyReport& policy : report.policies) {
    const OffPolicyResult& r = policy.result;
    const OffPolicyEstimate& best = r.of(OffPolicyMethod::kSndr);
    rows.push_back({policy.name, Short(best.value), Short(best.interval), fmt::format("{:+.4g}", r.difference),
                    Short(r.difference_interval), fmt::format("{}", r.n), fmt::format("{:.1f}", r.ess),
                    fmt::format("{:.3f}", r.mean_weight), fmt::format("{:.4g}", r.max_weight), std::string(VerdictOf(r))});
  }
  return Table(rows);
}

std::string EstimatorTable(const BacktestReport& report) {
  std::vector<std::vector<std::string>> rows = {{"policy", "estimator", "earns", "95 % normal", "95 % bootstrap", "95 % Student", "also"}};
  for (const PolicyReport& policy : report.policies) {
    for (std::size_t m = 0; m < kOffPolicyMethods; ++m) {
      const auto method = static_cast<OffPolicyMethod>(m);
      const OffPolicyEstimate& e = policy.result.of(method);
      std::string also;
      if (method == OffPolicyMethod::kIps) also = "Bernstein " + Short(policy.result.bernstein);
      if (method == OffPolicyMethod::kSwitch) also = fmt::format("tau {:.4g}", e.parameter);
      if (method == OffPolicyMethod::kDrOs) also = fmt::format("lambda {:.4g}", e.parameter);
      rows.push_back({policy.name, std::string(Name(method)), Short(e.value), Short(e.normal),
                      Has(e.bootstrap) ? Short(e.bootstrap) : "-", Has(e.bootstrap) ? Short(e.student) : "-", also});
    }
    if (!policy.rejection) continue;
    const RejectionResult& r = *policy.rejection;
    rows.push_back({policy.name, "rejection", Short(r.value), Short(r.normal), "-", "-",
                    fmt::format("{} of {} accepted, M {:.4g}, {} above it", r.accepted, r.offered, r.bound, r.clipped)});
  }
  return Table(rows);
}

/// Batch learners beside the models of the log's own configuration; empty without any fitted.
std::string ChallengerTable(const StudiedModels& studied) {
  std::vector<std::vector<std::string>> rows = {
      {"model", "challenger", "labels", "AUC", "online", "log-loss", "online", "behind online by", "95 %", "verdict"}};
  for (const ModelReport& m : studied.models) {
    const ModelStudy* model = studied.study->Find(m.id);
    if (model == nullptr || model->challenge == nullptr) continue;
    for (const ChallengeStanding& s : model->challenge->standings()) {
      if (s.rows == 0) continue;
      const double half = kNormal95 * s.loss_gap_se;
      rows.push_back({m.id, std::string(Name(s.kind)), fmt::format("{}", s.rows), fmt::format("{:.4f}", s.challenger.score.Auc()),
                      fmt::format("{:.4f}", s.online.score.Auc()), fmt::format("{:.4f}", s.challenger.score.LogLoss()),
                      fmt::format("{:.4f}", s.online.score.LogLoss()), fmt::format("{:+.4f}", s.loss_gap),
                      fmt::format("[{:.4f}, {:.4f}]", s.loss_gap - half, s.loss_gap + half), std::string(report::VerdictOf(s))});
    }
  }
  return rows.size() > 1 ? '\n' + Table(rows) : "\nNo challenger was fitted: no model has labels enough (--challenger-every).\n";
}

std::string LogJson(const LogReport& log) {
  return fmt::format(
      "{{\"decisions\": {}, \"weighed\": {}, \"early\": {}, \"holdout\": {}, \"invalid_propensity\": {}, \"unknown_offer\": {}, \"late\": {}, \"repeated\": {}, "
      "\"open\": {}, \"unlabelled\": {}, \"unmet\": {}, \"value\": {}, \"interval\": {}}}",
      log.decisions, log.weighed, log.early, log.holdout, log.invalid, log.unknown, log.late, log.repeated, log.open, log.unlabelled, log.unmet,
      Number(log.value), Pair(log.interval));
}

std::string EstimateJson(const OffPolicyResult& result, OffPolicyMethod method) {
  const OffPolicyEstimate& e = result.of(method);
  std::string out = fmt::format("\"{}\": {{\"value\": {}, \"normal\": {}", Name(method), Number(e.value), Pair(e.normal));
  if (Has(e.bootstrap)) out += ", \"bootstrap\": " + Pair(e.bootstrap) + ", \"student\": " + Pair(e.student);
  if (method == OffPolicyMethod::kIps) out += ", \"bernstein\": " + Pair(result.bernstein);
  if (method == OffPolicyMethod::kSwitch) out += ", \"tau\": " + Number(e.parameter);
  if (method == OffPolicyMethod::kDrOs) out += ", \"lambda\": " + Number(e.parameter);
  return out + "}";
}

std::string PolicyJson(const PolicyReport& policy) {
  const OffPolicyResult& r = policy.result;
  std::string estimates;
  for (std::size_t m = 0; m < kOffPolicyMethods; ++m) {
    estimates += (m == 0 ? "\n      " : ",\n      ") + EstimateJson(r, static_cast<OffPolicyMethod>(m));
  }
  const OffPolicyEstimate& best = r.of(OffPolicyMethod::kSndr);
  std::string rejection = "null";
  if (policy.rejection) {
    const RejectionResult& x = *policy.rejection;
    rejection = fmt::format("{{\"value\": {}, \"normal\": {}, \"offered\": {}, \"accepted\": {}, \"bound\": {}, \"clipped\": {}}}",
                            Number(x.value), Pair(x.normal), x.offered, x.accepted, Number(x.bound), x.clipped);
  }
  return fmt::format(
      "    {{\"name\": {}, \"value\": {}, \"interval\": {}, \"difference\": {}, \"difference_interval\": {},\n"
      "     \"n\": {}, \"ess\": {}, \"mean_weight\": {}, \"mean_weight_se\": {}, \"max_weight\": {}, \"freedom\": {}, \"declined\": {},\n"
      "     \"verdict\": \"{}\", \"refusal\": {},\n     \"estimates\": {{{}}},\n     \"rejection\": {}}}",
      Quoted(policy.name), Number(best.value), Pair(best.interval), Number(r.difference), Pair(r.difference_interval), r.n,
      Number(r.ess), Number(r.mean_weight), Number(r.mean_weight_se), Number(r.max_weight), Number(r.freedom), policy.declined, VerdictOf(r),
      r.refusal.empty() ? "null" : Quoted(r.refusal), estimates, rejection);
}

}  // namespace

std::string_view VerdictOf(const OffPolicyResult& result) {
  if (!result.supported) return "no verdict";
  if (result.difference_interval.low > 0) return "earns more";
  return result.difference_interval.high < 0 ? "earns less" : "no difference shown";
}

bool PassesGate(const OffPolicyResult& result) { return result.supported && result.difference_interval.high >= 0; }

std::string BacktestText(const BacktestReport& report) {
  std::string out = LogText(report) + '\n' + PolicyTable(report);
  for (const PolicyReport& policy : report.policies) {
    if (!policy.result.refusal.empty()) out += fmt::format("\n{}: no verdict. {}\n", policy.name, policy.result.refusal);
  }
  out += '\n' + EstimatorTable(report);
  return report.studied.study == nullptr ? out : out + ChallengerTable(report.studied);
}

std::string BacktestJson(const BacktestReport& report) {
  std::string policies;
  for (const PolicyReport& policy : report.policies) policies += (policies.empty() ? "\n" : ",\n") + PolicyJson(policy);
  const StudiedModels& studied = report.studied;
  const std::string models =
      studied.study == nullptr ? "" : ",\n  \"models\": " + report::ModelsJson(studied.models, studied.study.get(), studied.segments.get());
  return fmt::format("{{\n  \"input\": {},\n  \"currency\": {},\n  \"log\": {},\n  \"policies\": [{}\n  ]{}\n}}\n",
                     report::InputJson(report.input), Quoted(report.currency), LogJson(report.log), policies, models);
}

std::string BacktestPage(const BacktestReport& report) { return ReportPage(BacktestJson(report)); }

}  // namespace offerstream
