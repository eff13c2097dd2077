// What a replay found: as one JSON object, and as one page made from that object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "consumers/offline/report/customer_survey.h"
#include "consumers/offline/report/replay_tally.h"
#include "consumers/offline/study.h"
#include "models/domain/campaign_plan.h"
#include "models/fold_output.h"
#include "models/learning/segmenter.h"
#include "models/learning_fold.h"
#include "models/model_view.h"

namespace offerstream {

/// What was read.
struct InputReport {
  std::vector<std::string> files{};
  std::uint64_t records = 0, events = 0, ignored = 0;
  std::map<std::string, std::uint64_t> rejected{};   ///< by reason
};

/// Everything a report is made of; views of the caller's data.
struct ReportParts {
  const CampaignPlan& plan;
  const InputReport& input;
  const FoldCounters& counters;
  const std::vector<ModelReport>& models;
  const AdoptedModels& adopted;
  const Study* study = nullptr;            ///< null: no studies were made
  const ReplayTally* tally = nullptr;      ///< null: nothing was counted on the way
  const CustomerSurvey* survey = nullptr;  ///< null: nobody was looked at; REQUIRES: a tally
  const Segmenter* segmenter = nullptr;    ///< null: no segments
};

/// One JSON object, a top-level field a line and group, readable for people. Rates come with the counts they are made of.
/// A field stands only where there is something to say; consumers/offline/report/README.md says how to add one.
std::string ReportJson(const ReportParts& parts);

}  // namespace offerstream
