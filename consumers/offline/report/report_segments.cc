#include "consumers/offline/report/json_text.h"
#include "consumers/offline/report/report_sections.h"
#include "models/domain/event_time.h"

namespace offerstream::report {
namespace {

std::string_view Name(SegmentEventKind kind) {
  switch (kind) {
    case SegmentEventKind::kBirth: return "birth";
    case SegmentEventKind::kDeath: return "death";
    case SegmentEventKind::kSplit: return "split";
    case SegmentEventKind::kMerge: return "merge";
    case SegmentEventKind::kDrift: return "drift";
  }
  return "";
}

/// Natural units; what is the same for every customer says nothing and is left out.
std::string TraitsJson(const CampaignPlan& plan, const SegmentSurvey& s, const SegmentSurvey& all) {
  Object traits;
  for (std::size_t j = 0; j < kProfileNumbers; ++j) {
    if (all.numbers[j].Half() > 0) traits.Add(offerstream::Name(static_cast<ProfileNumber>(j)), MeanJson(s.numbers[j]));
  }
  for (std::size_t a = 0; a < plan.attributes.size(); ++a) {
    const AttributeSpec& spec = plan.attributes[a];
    if (spec.type == AttributeType::kCategory) {
      if (all.levels[a].back() == all.customers) continue;
      for (std::size_t l = 0; l < spec.levels.size(); ++l) {
        traits.Add(spec.name + "=" + spec.levels[l], ShareJson(static_cast<double>(s.levels[a][l]), static_cast<double>(s.customers)));
      }
    } else if (all.attributes[a].n > 0) {
      traits.Add(spec.name, MeanJson(s.attributes[a]));
    }
  }
  return traits.str();
}

/// By outcome: customers of the segment who ever said yes, of those that were shown anything.
std::string AnswersJson(const CampaignPlan& plan, const SegmentSurvey& s) {
  Object answers;
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    answers.Add(plan.outcomes[o].id, ShareJson(static_cast<double>(s.answered[o]), static_cast<double>(s.approached)));
  }
  return answers.str();
}

std::string ProfilesJson(const ReportParts& p, const SegmentView& view) {
  const SegmentSurvey all = p.survey == nullptr ? SegmentSurvey{} : p.survey->Everybody();
  return Array(view.macros, [&](const SegmentView::Macro& m) {
    Object profile;
    profile.Count("id", std::int64_t{m.id}).Real("share", m.share).Add("centre", Row(m.centre, Number));
    if (p.survey == nullptr) return profile.str();
    const auto found = p.survey->segments().find(m.id);
    if (found == p.survey->segments().end()) return profile.Count("customers", std::int64_t{0}).str();
    const SegmentSurvey& s = found->second;
    return profile.Count("customers", s.customers)
        .Add("of_all", ShareJson(static_cast<double>(s.customers), static_cast<double>(all.customers)))
        .Add("approached", ShareJson(static_cast<double>(s.approached), static_cast<double>(s.customers)))
        .Add("answers", AnswersJson(p.plan, s))
        .Add("traits", TraitsJson(p.plan, s, all)).str();
  });
}

/// The choice of k: what each k would give on the customers of the reservoir.
void AddChoice(const Segmenter& segmenter, Object& out) {
  const SegmentDiagnostics d = segmenter.Diagnose();
  std::vector<std::size_t> ks;
  for (std::size_t i = 0; i < d.inertia.size(); ++i) ks.push_back(i);
  std::int64_t n = 0;
  for (const auto& [id, size] : d.sizes) n += size;
  out.Add("elbow", Array(ks, [&](std::size_t i) {
    return Object{}.Count("k", static_cast<std::int64_t>(i + 1)).Real("inertia", d.inertia[i]).Real("silhouette", d.silhouette[i])
        .Real("bic", d.bic[i]).Add("prediction_strength", i < d.prediction_strength.size() ? Number(d.prediction_strength[i]) : "null").str();
  }));
  out.Count("elbow_k", static_cast<std::int64_t>(d.elbow)).Count("sample", n);
  out.Add("silhouette", Row(d.silhouette, Number)).Add("prediction_strength", Row(d.prediction_strength, Number));
  out.Count("moved", static_cast<std::int64_t>(d.moves)).Count("refused", static_cast<std::int64_t>(d.refused));
  out.Add("changes", Array(segmenter.events(), [](const SegmentEvent& e) {
    return Object{}.Text("what", Name(e.kind)).Text("time", FormatTime(e.time)).Count("segment", std::int64_t{e.segment})
        .Count("other", std::int64_t{e.other}).Real("amount", e.amount).str();
  }));
}

std::string HistoryJson(const ReplayTally& tally) {
  return Array(tally.days(), [](const SegmentDay& day) {
    Object shares;
    for (const auto& [id, share] : day.shares) shares.Real(std::to_string(id), share);
    return Object{}.Text("time", FormatTime(day.time)).Add("shares", shares.str()).str();
  });
}

std::string MovesJson(const ReplayTally& tally) {
  return Array(tally.moves(), [](const auto& move) {
    return Object{}.Count("from", std::int64_t{move.first.first}).Count("to", std::int64_t{move.first.second}).Count("n", move.second).str();
  });
}

}  // namespace

std::string SegmentsJson(const ReportParts& p) {
  const SegmentView* view = p.adopted.segments.get();
  Object out;
  out.Count("k", static_cast<std::int64_t>(view == nullptr ? 0 : view->macros.size()));
  if (view != nullptr) {
    out.Add("k_set", p.plan.segments.k > 0 ? "true" : "false");
    out.Add("features", Row(SegmentNames(p.plan), Quoted));
    out.Add("profiles", ProfilesJson(p, *view));
  } else {
    out.Add("profiles", "[]");
  }
  if (p.segmenter != nullptr) AddChoice(*p.segmenter, out);
  if (p.tally == nullptr || p.survey == nullptr) return out.str();
  if (!p.tally->days().empty()) out.Add("history", HistoryJson(*p.tally));
  if (!p.tally->moves().empty()) out.Add("moves", MovesJson(*p.tally));
  if (const std::string retargeting = RetargetingJson(p); !retargeting.empty()) out.Add("retargeting", retargeting);
  return out.str();
}

}  // namespace offerstream::report
