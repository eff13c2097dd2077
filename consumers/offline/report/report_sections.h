// The report's fields, each as JSON; ReportJson puts them together. One .cc a topic.
#pragma once

#include <string>

#include "consumers/offline/report/report.h"

namespace offerstream::report {

// report_input.cc
/// Files, records, what was ignored or rejected and why.
std::string InputJson(const InputReport& input);
/// Events by kind, repeats, late ones, how answers were joined.
std::string EventsJson(const FoldCounters& counters);
// report_decisions.cc
/// Decisions by arm and outcome, exclusions by stage and reason, selections by offer and channel.
std::string DecisionsJson(const CampaignPlan& plan, const FoldCounters& counters);
/// Counts of the arms and the lift of the policy over the holdout; null without.
std::string ExperimentJson(const LiftView* view);
// report_models.cc
/// One model: counts, quality, drivers; with a study, curves and challengers, too.
std::string ModelJson(const ModelReport& model, const ModelStudy* study);
// report_studies.cc
/// Factors of the numeric features: loadings, communalities, eigenvalues beside chance; empty when there are none to look for.
std::string FactorsJson(const Study& study);
// report_churn.cc
/// Who stops buying and what they are worth: the hazard's quality and drivers, the reference model, value at risk by risk
/// and by recency; empty without purchases whose future is known.
std::string ChurnJson(const ChurnLedger& ledger);
// report_segments.cc
/// How many segments, and what each is like.
std::string SegmentsJson(const CampaignPlan& plan, const SegmentView* view);
// report_caps.cc
/// The learned impression curves and caps.
std::string CapsJson(const CampaignPlan& plan, const CapView* view);

}  // namespace offerstream::report
