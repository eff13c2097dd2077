#include "consumers/metrics_page.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "metrics/prometheus_exporter.h"

namespace offerstream {
namespace {

double Seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; }

void AddProcess(MetricsPage& page) {
  long pages_total = 0, pages_resident = 0;
  std::ifstream("/proc/self/statm") >> pages_total >> pages_resident;
  page.Set("process_resident_memory_bytes", static_cast<double>(pages_resident) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  page.Set("process_cpu_seconds_total", Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  int fds = 0;
  if (DIR* dir = opendir("/proc/self/fd")) {
    while (readdir(dir) != nullptr) ++fds;
    closedir(dir);
    page.Set("process_open_fds", fds - 3);  // ".", ".." and the directory itself
  }
}

/// Sums of all shards, so that a series does not depend on how many threads work.
struct Totals {
  ShardView shard{};
  FoldCounters fold{};
  double lag = 0;
  std::uint64_t cached = 0, dirty = 0, timers = 0, tail = 0, partitions = 0;
};


void AddShard(const ShardView& from, ShardView& to) {
  to.committed += from.committed;
  to.aborted += from.aborted;
  to.unknown += from.unknown;
  for (const auto& [cause, n] : from.recycles) to.recycles[cause] += n;
  to.rebalances += from.rebalances;
  to.retention_alarms += from.retention_alarms;
  to.records += from.records;
  to.record_bytes += from.record_bytes;
  to.key_mismatches += from.key_mismatches;
  to.timestamps_from_record += from.timestamps_from_record;
  for (const auto& [reason, n] : from.rejected) to.rejected[reason] += n;
  to.dead_letters += from.dead_letters;
  to.profile_rows += from.profile_rows;
  to.busy_seconds += from.busy_seconds;
  to.commit_seconds += from.commit_seconds;
  to.store_seconds += from.store_seconds;
  to.event_to_decision_ms.resize(std::max(to.event_to_decision_ms.size(), from.event_to_decision_ms.size()));
  for (std::size_t i = 0; i < from.event_to_decision_ms.size(); ++i) to.event_to_decision_ms[i] += from.event_to_decision_ms[i];
  to.event_to_decision_sum_ms += from.event_to_decision_sum_ms;
  to.last_commit_wall_ms = std::max(to.last_commit_wall_ms, from.last_commit_wall_ms);
}

Totals Sum(const std::vector<ShardView>& shards, MetricsPage& page) {
  Totals sum;
  for (const ShardView& shard : shards) {
    AddShard(shard, sum.shard);
    for (const PartitionView& p : shard.partitions) {
      ++sum.partitions;
      sum.fold.Add(p.counters);
      sum.cached += p.profiles_cached;
      sum.dirty += p.profiles_dirty;
      sum.timers += p.timers;
      sum.tail += p.tail_events;
      if (p.lag >= 0) page.Set("offerstream_consumer_lag_records", {std::to_string(p.partition)}, static_cast<double>(p.lag));
    }
  }
  return sum;
}

void AddInput(const Totals& sum, MetricsPage& page) {
  for (std::size_t i = 0; i < sum.fold.events.size(); ++i) {
    page.Set("offerstream_events_total", {Name(static_cast<EventKind>(i))}, static_cast<double>(sum.fold.events[i]));
  }
  page.Set("offerstream_records_total", static_cast<double>(sum.shard.records));
  page.Set("offerstream_event_bytes_total", static_cast<double>(sum.shard.record_bytes));
  for (int c = 0; c <= static_cast<int>(Code::kUnsupportedEncoding); ++c) {
    const std::string reason(ReasonText(static_cast<Code>(c)));
    const auto at = sum.shard.rejected.find(reason);
    page.Set("offerstream_events_rejected_total", {reason}, at == sum.shard.rejected.end() ? 0.0 : static_cast<double>(at->second));
  }
  page.Set("offerstream_events_duplicate_total", static_cast<double>(sum.fold.duplicates));
  page.Set("offerstream_events_late_total", static_cast<double>(sum.fold.late));
  page.Set("offerstream_events_untriggered_total", static_cast<double>(sum.fold.untriggered));
  page.Set("offerstream_key_mismatches_total", static_cast<double>(sum.shard.key_mismatches));
  page.Set("offerstream_timestamps_from_record_total", static_cast<double>(sum.shard.timestamps_from_record));
  page.Set("offerstream_dead_letter_records_total", static_cast<double>(sum.shard.dead_letters));
}

void AddTransactions(const Totals& sum, MetricsPage& page) {
  page.Set("offerstream_consumer_assigned_partitions", static_cast<double>(sum.partitions));
  page.Set("offerstream_consumer_rebalances_total", static_cast<double>(sum.shard.rebalances));
  page.Set("offerstream_transactions_total", {"committed"}, static_cast<double>(sum.shard.committed));
  page.Set("offerstream_transactions_total", {"aborted"}, static_cast<double>(sum.shard.aborted));
  page.Set("offerstream_transactions_total", {"unknown"}, static_cast<double>(sum.shard.unknown));
  double recycles = 0;
  for (const auto& [cause, n] : sum.shard.recycles) recycles += static_cast<double>(n);
  page.Set("offerstream_producer_recycles_total", recycles);
  page.Set("offerstream_retention_alarms_total", static_cast<double>(sum.shard.retention_alarms));
  page.Set("offerstream_last_commit_timestamp_seconds", static_cast<double>(sum.shard.last_commit_wall_ms) * 1e-3);
  page.Set("offerstream_worker_busy_seconds_total", sum.shard.busy_seconds);
  page.Set("offerstream_commit_wait_seconds_total", sum.shard.commit_seconds);
  page.Set("offerstream_store_seconds_total", sum.shard.store_seconds);
  page.Set("offerstream_profile_rows_total", static_cast<double>(sum.shard.profile_rows));
  page.SetHistogram("offerstream_event_to_decision_seconds", kLatencyBoundsMs, 1e-3, sum.shard.event_to_decision_ms,
                    sum.shard.event_to_decision_sum_ms * 1e-3);
}

void AddDecisions(const Totals& sum, const CampaignPlan& plan, std::uint32_t max_offers, MetricsPage& page) {
  for (int arm = 0; arm < 3; ++arm) {
    for (int reason = 0; reason < 6; ++reason) {
      const std::string_view outcome = reason == 0 ? "offer" : Name(static_cast<NoOfferReason>(reason));
      page.Set("offerstream_decisions_total", {Name(static_cast<Arm>(arm)), outcome},
               static_cast<double>(sum.fold.decisions[static_cast<std::size_t>(arm)][static_cast<std::size_t>(reason)]));
    }
  }
  for (std::size_t s = 0; s < kStages; ++s) {
    for (std::size_t r = 0; r < kExclusionReasons; ++r) {
      if (sum.fold.exclusions[s][r] == 0) continue;
      page.Set("offerstream_exclusions_total", {Name(static_cast<Stage>(s)), Name(static_cast<ExclusionReason>(r))},
               static_cast<double>(sum.fold.exclusions[s][r]));
    }
  }
  std::vector<double> other(plan.channels.size());
  for (std::size_t i = 0; i < sum.fold.selections.size() && !plan.channels.empty(); ++i) {
    const std::size_t offer = i / plan.channels.size(), channel = i % plan.channels.size();
    if (offer >= plan.offers.size() || sum.fold.selections[i] == 0) continue;
    if (offer >= max_offers) {
      other[channel] += static_cast<double>(sum.fold.selections[i]);
    } else {
      page.Set("offerstream_offer_selections_total", {plan.offers[offer].id, plan.channels[channel].id},
               static_cast<double>(sum.fold.selections[i]));
    }
  }
  for (std::size_t c = 0; c < other.size(); ++c) {
    if (other[c] > 0) page.Set("offerstream_offer_selections_total", {"other", plan.channels[c].id}, other[c]);
  }
  page.Set("offerstream_label_joins_total", {"decision"}, static_cast<double>(sum.fold.joined_by_decision));
  page.Set("offerstream_label_joins_total", {"window"}, static_cast<double>(sum.fold.joined_by_window));
  page.Set("offerstream_label_joins_total", {"none"}, static_cast<double>(sum.fold.not_joined));
  page.Set("offerstream_label_joins_total", {"late"}, static_cast<double>(sum.fold.late_outcomes));
  page.Set("offerstream_timers_total", static_cast<double>(sum.fold.timers));
}

/// What may be watched: the effect on conversion with the spend before taken out, and the interval that holds at any time.
/// A broken split has no lift.
void AddCampaigns(const AdoptedModels& models, const CampaignPlan& plan, MetricsPage& page) {
  const auto add = [&page](const std::string& id, const LiftView& view) {
    page.Set("offerstream_sample_ratio_mismatch_p", {id}, view.sample_ratio_p);
    const LiftOutcome& conversion = view.measures[static_cast<std::size_t>(LiftMeasure::kConversion)];
    if (!conversion.watched || view.verdict == LiftVerdict::kBrokenSplit) return;
    page.Set("offerstream_campaign_lift_ratio", {id, "estimate"}, conversion.adjusted.difference);
    page.Set("offerstream_campaign_lift_ratio", {id, "low"}, conversion.anytime_low);
    page.Set("offerstream_campaign_lift_ratio", {id, "high"}, conversion.anytime_high);
  };
  if (models.lift) add("programme", *models.lift);
  for (const CampaignSpec& campaign : plan.campaigns) {
    const auto view = models.campaign_lifts.find(campaign.lift_model);
    if (view != models.campaign_lifts.end()) add(campaign.id, *view->second);
  }
}

void AddLearning(const ServiceView& service, const CampaignPlan& plan, MetricsPage& page) {
  const LearnerView learner = service.learner();
  if (learner.lag >= 0) page.Set("offerstream_learner_lag_records", static_cast<double>(learner.lag));
  for (const ModelReport& m : learner.models) {
    page.Set("offerstream_observations_total", {m.id}, static_cast<double>(m.observations));
    page.Set("offerstream_model_log_loss_ratio", {m.id}, m.log_loss_ratio);
    page.Set("offerstream_model_calibration_ratio", {m.id}, m.calibration_ratio);
    page.Set("offerstream_model_auc_ratio", {m.id}, m.auc);
    page.Set("offerstream_model_version", {m.id}, static_cast<double>(m.version));
    page.Set("offerstream_model_rejected_updates_total", {m.id}, static_cast<double>(m.rejected));
    page.Set("offerstream_drift_alarms_total", {m.id}, static_cast<double>(m.drift_alarms));
  }
  const auto models = service.models();
  if (!models) return;
  if (models->caps) {
    for (const CapCell& cell : models->caps->cells) {
      if (cell.limit == 0 || !cell.channel.known() || cell.channel.value >= plan.channels.size()) continue;
      page.Set("offerstream_cap_limit", {std::to_string(cell.segment), plan.channels[cell.channel.value].id}, cell.limit);
    }
  }
  if (models->segments) {
    page.Set("offerstream_segments", static_cast<double>(models->segments->macros.size()));
    for (const auto& macro : models->segments->macros) {
      page.Set("offerstream_segment_share_ratio", {std::to_string(macro.id)}, macro.share);
    }
  }
  if (models->churn) {
    for (const ChurnView::Segment& s : models->churn->segments) {
      const std::string id = s.segment == 0 ? "all" : std::to_string(s.segment);
      page.Set("offerstream_churn_leave_ratio", {id}, s.leave);
      page.Set("offerstream_churn_value_at_risk", {id}, s.at_risk);
    }
  }
  AddCampaigns(*models, plan, page);
  for (const BudgetSpec& budget : plan.budgets) {
    const auto view = models->budgets.find(budget.model);
    if (view == models->budgets.end() || view->second->periods.empty()) continue;
    const double amount = static_cast<double>(view->second->amount);
    page.Set("offerstream_budget_spent_ratio", {budget.id},
             amount > 0 ? static_cast<double>(view->second->periods.back().spent) / amount : 0.0);
    page.Set("offerstream_budget_price", {budget.id}, view->second->price);
  }
  if (models->lift) {
    page.Set("offerstream_lift_ratio", {"estimate"}, models->lift->lift);
    page.Set("offerstream_lift_ratio", {"low"}, models->lift->low);
    page.Set("offerstream_lift_ratio", {"high"}, models->lift->high);
  }
}

}  // namespace

std::string RenderMetrics(const ServiceView& service, const AdminRoutes& routes, std::uint32_t metrics_max_offers) {
  MetricsPage page;
  const auto plan = service.plan();
  page.Set("offerstream_build_info", {OFFERSTREAM_VERSION}, 1);
  page.Set("offerstream_config_info", {std::to_string(plan->epoch), fmt::format("{:016x}", plan->digest)}, 1);
  const ReloadView reload = service.reload();
  page.Set("offerstream_config_last_reload_successful", reload.successful ? 1 : 0);
  page.Set("offerstream_config_last_reload_success_timestamp_seconds", static_cast<double>(reload.success_wall_ms) * 1e-3);
  page.Set("offerstream_ready", service.readiness().ready ? 1 : 0);
  const Totals sum = Sum(service.shards(), page);
  AddInput(sum, page);
  AddTransactions(sum, page);
  AddDecisions(sum, *plan, metrics_max_offers, page);
  AddLearning(service, *plan, page);
  page.Set("offerstream_profiles_cached", static_cast<double>(sum.cached));
  page.Set("offerstream_profiles_dirty", static_cast<double>(sum.dirty));
  page.Set("offerstream_timers_pending", static_cast<double>(sum.timers));
  page.Set("offerstream_checkpoint_tail_events", static_cast<double>(sum.tail));
  for (const auto& [family, size] : service.StateSizes()) {
    page.Set("offerstream_state_bytes", {family}, static_cast<double>(size.first));
    page.Set("offerstream_state_keys", {family}, static_cast<double>(size.second));
  }
  page.Set("offerstream_disk_free_bytes", static_cast<double>(service.DiskFree()));
  for (const auto& [key, count] : routes.Counts()) {
    page.Set("offerstream_http_requests_total", {key.first, std::to_string(key.second)}, static_cast<double>(count));
  }
  AddProcess(page);
  return page.Text();
}

}  // namespace offerstream
