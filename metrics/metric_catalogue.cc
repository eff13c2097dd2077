#include "metrics/metric_catalogue.h"

#include <algorithm>
#include <array>

namespace offerstream {
namespace {

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;
constexpr auto kHistogram = MetricKind::kHistogram;

// name, kind, labels, most series, alert, help
constexpr auto kMetrics = std::to_array<MetricSpec>({
    {"offerstream_build_info", kGauge, "version", 1, "", "1; the labels tell the build."},
    {"offerstream_config_info", kGauge, "epoch,digest", 1, "", "1; the labels tell the plan in force."},
    {"offerstream_config_last_reload_successful", kGauge, "", 1, "ReloadFailed", "0 when the last reading of the configuration was refused; the plan before it holds."},
    {"offerstream_config_last_reload_success_timestamp_seconds", kGauge, "", 1, "", "Wall time of the last reading that was taken over; the start counts."},
    {"offerstream_ready", kGauge, "", 1, "NotReady", "1 when every assigned partition is recovered and the producer is sound."},

    {"offerstream_events_total", kCounter, "kind", 13, "NoEvents", "Events folded, by kind (repeats and late ones included)."},
    {"offerstream_event_bytes_total", kCounter, "", 1, "", "Bytes of input records read."},
    {"offerstream_records_total", kCounter, "", 1, "", "Input records read in committed transactions."},
    {"offerstream_events_rejected_total", kCounter, "reason", 10, "BadRecords", "Bad records, by reason."},
    {"offerstream_events_duplicate_total", kCounter, "", 1, "", "Repeats dropped within the dedup horizon."},
    {"offerstream_events_late_total", kCounter, "", 1, "LateEvents", "Events older than the watermark: applied, but they trigger no decision."},
    {"offerstream_events_untriggered_total", kCounter, "", 1, "", "Events that were no trigger, or came within the least interval."},
    {"offerstream_key_mismatches_total", kCounter, "", 1, "", "Records whose key is not the event's customer."},
    {"offerstream_timestamps_from_record_total", kCounter, "", 1, "", "Events without a time of their own."},
    {"offerstream_dead_letter_records_total", kCounter, "", 1, "DeadLetters", "Records written to the dead-letter topic."},

    {"offerstream_consumer_lag_records", kGauge, "partition", 4096, "LagGrows", "Stable end of the input less the committed position."},
    {"offerstream_consumer_assigned_partitions", kGauge, "", 1, "", "Partitions of the events topic assigned to this process."},
    {"offerstream_consumer_rebalances_total", kCounter, "", 1, "Rebalances", "Assignments and revocations."},

    {"offerstream_transactions_total", kCounter, "outcome", 3, "NoCommits", "Transactions, by outcome: committed, aborted, unknown."},
    {"offerstream_producer_recycles_total", kCounter, "", 1, "Recycles", "Transactional producers destroyed and made anew."},
    {"offerstream_last_commit_timestamp_seconds", kGauge, "", 1, "NoCommits", "Wall time of the last commit."},
    {"offerstream_worker_busy_seconds_total", kCounter, "", 1, "", "Time workers spent folding and encoding."},
    {"offerstream_commit_wait_seconds_total", kCounter, "", 1, "", "Time workers waited for Kafka to commit."},
    {"offerstream_store_seconds_total", kCounter, "", 1, "", "Time workers spent writing the store."},
    {"offerstream_profile_rows_total", kCounter, "", 1, "", "Profile rows written to changelog and store."},
    {"offerstream_event_to_decision_seconds", kHistogram, "", 1, "Latency", "From the record's timestamp to the commit of its decision."},

    {"offerstream_decisions_total", kCounter, "arm,outcome", 18, "NoDecisions", "Committed decisions; no offer counts too, with its reason."},
    {"offerstream_exclusions_total", kCounter, "stage,reason", 110, "", "Candidates excluded, by stage and reason."},
    {"offerstream_offer_selections_total", kCounter, "offer,channel", 3200, "", "Offers decided; past metrics.max_offers they count under offer=\"other\"."},
    {"offerstream_cap_limit", kGauge, "segment,channel", 192, "", "Learned impression cap."},
    {"offerstream_label_joins_total", kCounter, "how", 4, "", "Answers joined: decision, window, none, late."},
    {"offerstream_timers_total", kCounter, "", 1, "", "Event-time timers fired."},

    {"offerstream_observations_total", kCounter, "model", 4200, "", "Observations learned."},
    {"offerstream_learner_lag_records", kGauge, "", 1, "", "Records of the observations topic not learned yet, over all partitions."},
    {"offerstream_model_log_loss_ratio", kGauge, "model", 4200, "ModelWorse", "Decayed log-loss over that of the base rate; below 1 is better than knowing nothing."},
    {"offerstream_model_calibration_ratio", kGauge, "model", 4200, "Calibration", "Mean prediction over mean outcome of mature labels."},
    {"offerstream_model_auc_ratio", kGauge, "model", 4200, "", "Decayed AUC of predictions made before their label."},
    {"offerstream_model_version", kGauge, "model", 4200, "", "Observations offset of the adopted snapshot."},
    {"offerstream_model_rejected_updates_total", kCounter, "model", 4200, "ModelRejects", "Observations a model refused."},
    {"offerstream_drift_alarms_total", kCounter, "model", 4200, "Drift", "Drift alarms."},
    {"offerstream_segments", kGauge, "", 1, "", "Learned segments."},
    {"offerstream_segment_share_ratio", kGauge, "segment", 12, "", "Share of customers in a learned segment."},
    {"offerstream_lift_ratio", kGauge, "bound", 3, "", "Conversion rate of policy less holdout: estimate, low, high (95 %)."},
    {"offerstream_campaign_lift_ratio", kGauge, "campaign,bound", 192, "", "Conversion rate caused, adjusted for spend before: estimate, low, high (95 %, valid whenever looked at); programme and campaigns."},
    {"offerstream_budget_spent_ratio", kGauge, "budget", 64, "", "Share of a budget's amount spent in its newest period."},
    {"offerstream_budget_price", kGauge, "budget", 64, "", "What a unit of the budget's money must earn; 0 before there is a price."},
    {"offerstream_churn_leave_ratio", kGauge, "segment", 65, "", "Mean probability that a customer looked at within 28 days does not buy within churn.horizon; all and by segment."},
    {"offerstream_churn_value_at_risk", kGauge, "segment", 65, "", "What those customers spend a year, each times that probability, in major units; all and by segment."},
    {"offerstream_sample_ratio_mismatch_p", kGauge, "experiment", 64, "SampleRatio", "p of the customers in each arm given the planned shares."},

    {"offerstream_profiles_cached", kGauge, "", 1, "", "Profiles in memory."},
    {"offerstream_profiles_dirty", kGauge, "", 1, "", "Profiles changed since they were written."},
    {"offerstream_timers_pending", kGauge, "", 1, "", "Customers with a timer."},
    {"offerstream_checkpoint_tail_events", kGauge, "", 1, "TailGrows", "Events a restart would re-fold."},
    {"offerstream_retention_alarms_total", kCounter, "", 1, "", "Times a log's start came near what a restart would read; everything was written then."},
    {"offerstream_state_bytes", kGauge, "family", 8, "", "Bytes on disk."},
    {"offerstream_state_keys", kGauge, "family", 8, "", "Keys on disk (estimate)."},
    {"offerstream_disk_free_bytes", kGauge, "", 1, "DiskLow", "Free space where the state lies."},

    {"offerstream_http_requests_total", kCounter, "handler,code", 160, "", "HTTP requests answered."},
    {"process_resident_memory_bytes", kGauge, "", 1, "", "Resident memory."},
    {"process_cpu_seconds_total", kCounter, "", 1, "", "User and system CPU time."},
    {"process_open_fds", kGauge, "", 1, "", "Open file descriptors."},
});

std::string_view KindText(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return "";
}

}  // namespace

std::span<const MetricSpec> MetricCatalogue() { return kMetrics; }

const MetricSpec* FindMetric(std::string_view name) {
  const auto at = std::find_if(kMetrics.begin(), kMetrics.end(), [&](const MetricSpec& m) { return m.name == name; });
  return at == kMetrics.end() ? nullptr : &*at;
}

std::string MetricTable() {
  std::string out = "| metric | type | labels | most series | meaning |\n|---|---|---|---|---|\n";
  for (const MetricSpec& m : kMetrics) {
    out.append("| `").append(m.name).append("` | ").append(KindText(m.kind)).append(" | ").append(m.labels);
    out.append(" | ").append(std::to_string(m.series_max)).append(" | ").append(m.help).append(" |\n");
  }
  return out;
}

}  // namespace offerstream
