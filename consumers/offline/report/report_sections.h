// The report's fields, each as JSON; ReportJson puts them together. One .cc a topic.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumers/offline/report/report.h"

namespace offerstream::report {

class Object;

/// {"mean", "low", "high", "n"} of a number over customers.
std::string MeanJson(const Moments& moments);
/// {"rate", "low", "high", "k", "n"} of a counted share, 95 % interval by Wilson.
std::string ShareJson(double k, double n);

// report_input.cc
/// Version, app, currency, first and last event time, customers.
std::string AboutJson(const ReportParts& parts);
/// Files, records, what was ignored or rejected and why.
std::string InputJson(const InputReport& input);
/// Events by kind, repeats, late ones, how answers were joined.
std::string EventsJson(const FoldCounters& counters);
// report_decisions.cc
/// Decisions by arm and outcome, exclusions by stage and reason, selections by offer and channel.
std::string DecisionsJson(const CampaignPlan& plan, const FoldCounters& counters);
/// Counts of the arms and the lift of the policy over the holdout; empty without.
std::string ExperimentJson(const LiftView* view);
// report_models.cc
/// One model: counts, quality, drivers; with a study, curves and challengers, too. `segments` names the segments in
/// features; null without.
std::string ModelJson(const ModelReport& model, const ModelStudy* study, const SegmentView* segments);
/// All of them, as the field "models"; `study` may be null.
std::string ModelsJson(const std::vector<ModelReport>& models, const Study* study, const SegmentView* segments);
/// Counts, AUC, log-loss, calibration, ALIFT and F1 (n, positives, auc, ...) of what was said before it was known.
void AddQuality(Object& out, const PredictionRecord& record);
/// "challenger ahead", "online ahead" or "no difference shown": by the 95 % interval of the log-loss on the same rows.
std::string_view VerdictOf(const ChallengeStanding& standing);
// report_studies.cc
/// Factors of the numeric features: loadings, communalities, eigenvalues beside chance; empty when there are none to look for.
std::string FactorsJson(const Study& study);
// report_churn.cc
/// Who stops buying and what they are worth: the hazard's quality and drivers, the reference model, value at risk by risk
/// and by recency; empty without purchases whose future is known.
std::string ChurnJson(const ChurnLedger& ledger);
// report_preferences.cc
/// What customers turn to, which items go together, and how often the next order was foreseen; empty without products.
std::string PreferencesJson(const PreferenceStudy& study, EventTime now);
// report_segments.cc
/// How many segments and why, what each is like, how they moved, whom to approach again.
std::string SegmentsJson(const ReportParts& parts);
// report_retargeting.cc
/// Customers who saw or clicked and did not convert, with what approaching them again should bring.
std::string RetargetingJson(const ReportParts& parts);
// report_caps.cc
/// The learned impression curves and caps, and which of the caps are found rather than guessed ("claimed").
std::string CapsJson(const ReportParts& parts);
/// Answers by segment, channel and ordinal of the impression; empty without any.
std::string EngagementJson(const ReportParts& parts);
// report_spending.cc
/// What each campaign cost and brought on each channel, and the return; empty without impressions.
std::string SpendingJson(const ReportParts& parts);
// report_reach.cc
/// Clicks and purchases against how many impressions a customer was shown, by channel and segment; empty without any.
std::string ReachJson(const ReportParts& parts);
// report_warnings.cc
/// What a reader must know before any figure: features known only afterwards, no answers, dates out of order; empty without.
std::string WarningsJson(const ReportParts& parts);
// report_customers.cc
/// Who owns what, by segment; empty when nobody owns anything.
std::string ProductsJson(const ReportParts& parts);
/// Deposits, withdrawals and purchases by segment; empty without any.
std::string TransactionsJson(const ReportParts& parts);

}  // namespace offerstream::report
