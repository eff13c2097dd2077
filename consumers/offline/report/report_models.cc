#include "consumers/offline/report/report_sections.h"

#include <algorithm>
#include <cmath>

#include "consumers/offline/report/json_text.h"
#include "consumers/wire/feature_name.h"
#include "models/evaluating/agreement.h"
#include "models/evaluating/multiple_testing.h"
#include "models/evaluating/proportion.h"

namespace offerstream::report {
namespace {

constexpr std::size_t kCurvePoints = 40, kCalibrationParts = 10, kImportancesShown = 30, kTop = 5;
constexpr double kNormal95 = 1.959963984540054;

std::string F1Json(const PredictionRecord& record) {
  const HonestF1::Standing& h = record.honest.standing();
  const ProgressiveScore::F1 best = record.score.BestF1();
  Object hindsight;
  hindsight.Real("threshold", best.threshold).Real("f1", best.f1).Real("precision", best.precision).Real("recall", best.recall);
  const Proportion precision = CountedShare(static_cast<double>(h.hits), static_cast<double>(h.shown));
  const Proportion recall = CountedShare(static_cast<double>(h.hits), static_cast<double>(h.positives));
  Object out;
  out.Real("threshold", h.threshold).Real("f1", h.f1()).Real("precision", h.precision()).Real("recall", h.recall());
  out.Real("precision_low", precision.low).Real("precision_high", precision.high).Real("recall_low", recall.low).Real("recall_high", recall.high);
  return out.Count("n", h.judged).Count("shown", h.shown).Count("positives", h.positives).Add("hindsight", hindsight.str()).str();
}

// Some forty thresholds, evenly spaced in the share of customers they choose.
std::string ThresholdsJson(const ProgressiveScore& score) {
  const std::vector<ProgressiveScore::Bin> bins = score.Bins();
  double all = 0, positives = 0;
  for (const auto& bin : bins) {
    all += bin.positives + bin.negatives;
    positives += bin.positives;
  }
  std::vector<std::string> points;
  double shown = 0, hits = 0, next = 0;
  for (std::size_t k = 0; k < bins.size(); ++k) {
    shown += bins[k].positives + bins[k].negatives;
    hits += bins[k].positives;
    if (shown < next && k + 1 < bins.size()) continue;
    next = shown + all / static_cast<double>(kCurvePoints);
    Object point;
    const Proportion caught = CountedShare(hits, positives);
    point.Real("threshold", bins[k].floor).Real("share", shown / all).Real("n", std::nearbyint(shown)).Real("caught", caught.rate);
    point.Real("low", caught.low).Real("high", caught.high);
    points.push_back(point.Real("precision", hits / shown).Real("f1", 2 * hits / (shown + positives)).str());
  }
  return Array(points, [](const std::string& p) { return p; });
}

// Tenths by prediction: what was said and what came, with Wilson's interval.
std::string CalibrationJson(const ProgressiveScore& score) {
  const std::vector<ProgressiveScore::Bin> bins = score.Bins();
  double all = 0;
  for (const auto& bin : bins) all += bin.positives + bin.negatives;
  std::vector<std::string> parts;
  double n = 0, said = 0, came = 0;
  for (std::size_t k = bins.size(); k-- > 0;) {
    const double in_bin = bins[k].positives + bins[k].negatives;
    n += in_bin;
    said += in_bin * bins[k].middle;
    came += bins[k].positives;
    if (n < all / static_cast<double>(kCalibrationParts) && k > 0) continue;
    const Proportion share = CountedShare(came, n);
    Object part;
    part.Real("n", std::nearbyint(n)).Real("predicted", said / n).Real("observed", share.rate);
    parts.push_back(part.Real("low", share.low).Real("high", share.high).str());
    n = said = came = 0;
  }
  return Array(parts, [](const std::string& p) { return p; });
}

/// Two-sided p of a standard normal z.
double ChanceOf(double z) { return std::erfc(std::abs(z) / std::sqrt(2.0)); }

// q by driver, the level left out: it is no driver.
std::vector<double> DriverQ(const ModelReport& m) {
  std::vector<double> p;
  for (std::size_t j = 1; j < m.drivers.size(); ++j) p.push_back(ChanceOf(m.drivers[j].z));
  std::vector<double> q = FalseDiscoveryRates(p);
  q.insert(q.begin(), 0.0);
  return q;
}

std::string ImportancesJson(const ChallengeStanding& s, const std::vector<double>& online, const ModelReport& m, const SegmentView* segments) {
  std::vector<std::size_t> order(s.mean_abs_shap.size());
  for (std::size_t j = 0; j < order.size(); ++j) order[j] = j;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return s.mean_abs_shap[a] > s.mean_abs_shap[b]; });
  order.resize(std::min(order.size(), kImportancesShown));
  const std::vector<double> q = DriverQ(m);
  return Array(order, [&](std::size_t j) {
    Object out;
    out.Text("feature", FeatureName(m.drivers[j + 1].feature, segments)).Add("driver_found", q[j + 1] <= kFalseDiscoveryRate ? "true" : "false").Real("total_gain", s.total_gain[j]).Real("mean_abs_shap", s.mean_abs_shap[j]);
    return out.Real("online", online[j]).str();
  });
}

std::string ChallengerJson(const ChallengeStanding& s, const ModelReport& m, const ModelStudy& study, const SegmentView* segments) {
  Object out, online, settings;
  out.Text("name", Name(s.kind));
  AddQuality(out, s.challenger);
  AddQuality(online, s.online);
  out.Add("online_same_rows", online.str());
  // Above 0 the challenger's log-loss is higher.
  Object gap;
  gap.Real("mean", s.loss_gap).Real("low", s.loss_gap - kNormal95 * s.loss_gap_se).Real("high", s.loss_gap + kNormal95 * s.loss_gap_se);
  out.Add("log_loss_behind_online", gap.str());
  out.Text("verdict", VerdictOf(s));
  out.Count("fits", s.refits).Count("searches", s.searches);
  settings.Count("depth", static_cast<std::int64_t>(s.settings.depth)).Real("min_child_weight", s.settings.min_child_weight);
  settings.Real("lambda", s.settings.lambda);
  if (s.kind == TreeSettings::Kind::kForest) settings.Count("trees", static_cast<std::int64_t>(s.settings.trees));
  else settings.Real("eta", s.settings.eta).Count("rounds", static_cast<std::int64_t>(s.settings.rounds));
  out.Add("settings", settings.str());
  if (s.mean_abs_shap.size() + 1 != m.drivers.size()) return out.str();
  std::vector<double> strength;  // of the online model: abs(m_j) sd(x_j)
  for (std::size_t j = 0; j < s.mean_abs_shap.size(); ++j) {
    strength.push_back(std::abs(m.drivers[j + 1].coefficient) * study.deviation(j + 1));
  }
  Object agreement;
  agreement.Real("rank_correlation_shap", RankCorrelation(strength, s.mean_abs_shap));
  agreement.Real("rank_correlation_gain", RankCorrelation(strength, s.total_gain));
  agreement.Count("shared_of_top_5", static_cast<std::int64_t>(SharedTop(strength, s.mean_abs_shap, kTop)));
  return out.Add("agreement", agreement.str()).Add("importances", ImportancesJson(s, strength, m, segments)).str();
}

std::string DriversJson(const ModelReport& m, const ModelStudy* study, const std::vector<double>& q, const SegmentView* segments) {
  return Array(m.drivers, [&](const ModelReport::Driver& d) {
    const auto j = static_cast<std::size_t>(&d - m.drivers.data());
    Object driver;
    driver.Text("feature", FeatureName(d.feature, segments)).Real("coefficient", d.coefficient).Real("odds_ratio", d.odds_ratio);
    driver.Real("low", d.low).Real("high", d.high).Real("z", d.z);
    if (j > 0) driver.Real("p", ChanceOf(d.z)).Real("q", q[j]).Add("found", q[j] <= kFalseDiscoveryRate ? "true" : "false");
    if (study != nullptr && j < study->feature_sum.size()) driver.Real("strength", std::abs(d.coefficient) * study->deviation(j));
    return driver.str();
  });
}

std::string PartJson(const RateStudy::Part& part, bool number) {
  Object out;
  if (number && part.level.empty()) out.Real("from", part.from).Real("to", part.to);
  else out.Text("level", part.level);
  const Proportion share = CountedShare(static_cast<double>(part.count.yes), static_cast<double>(part.count.n));
  return out.Count("n", part.count.n).Count("k", part.count.yes).Real("rate", share.rate).Real("low", share.low).Real("high", share.high).str();
}

// The rate of yes by every feature's value, with the chance that it is the same everywhere.
std::string RatesJson(const RateStudy& rates) {
  const std::vector<RateStudy::Feature> features = rates.Find();
  std::vector<double> p;
  for (const RateStudy::Feature& feature : features) p.push_back(feature.p);
  const std::vector<double> q = FalseDiscoveryRates(p);
  return Array(features, [&](const RateStudy::Feature& feature) {
    const auto i = static_cast<std::size_t>(&feature - features.data());
    Object out;
    out.Text("feature", feature.name).Text("type", feature.number ? "number" : "category").Real("chi_square", feature.chi_square);
    out.Count("degrees", static_cast<std::int64_t>(feature.degrees)).Real("p", feature.p).Real("q", q[i]);
    out.Add("found", q[i] <= kFalseDiscoveryRate ? "true" : "false");
    return out.Add("parts", Row(feature.parts, [&](const RateStudy::Part& part) { return PartJson(part, feature.number); })).str();
  });
}

/// |z| that a driver without any influence exceeds, among `tests` of them, in 5 of 100 models (Bonferroni).
double LimitOfZ(std::size_t tests) {
  const double tail = 0.05 / static_cast<double>(std::max<std::size_t>(1, tests));
  double low = 0, high = 10;
  for (int step = 0; step < 60; ++step) {
    const double z = (low + high) / 2;
    (std::erfc(z / std::sqrt(2.0)) > tail ? low : high) = z;
  }
  return low;
}

}  // namespace

void AddQuality(Object& out, const PredictionRecord& record) {
  const ProgressiveScore& s = record.score;
  out.Count("n", s.labels()).Count("positives", s.positives()).Real("auc", s.Auc()).Real("log_loss", s.LogLoss());
  out.Real("calibration", s.Calibration()).Real("alift", s.Alift()).Add("f1", F1Json(record));
}

std::string_view VerdictOf(const ChallengeStanding& s) {
  if (s.rows > 0 && s.loss_gap + kNormal95 * s.loss_gap_se < 0) return "challenger ahead";
  return s.loss_gap - kNormal95 * s.loss_gap_se > 0 ? "online ahead" : "no difference shown";
}

std::string ModelsJson(const std::vector<ModelReport>& models, const Study* study, const SegmentView* segments) {
  return Array(models, [&](const ModelReport& m) { return ModelJson(m, study == nullptr ? nullptr : study->Find(m.id), segments); });
}

std::string ModelJson(const ModelReport& m, const ModelStudy* study, const SegmentView* segments) {
  Object out;
  out.Text("id", m.id).Count("version", m.version).Count("observations", m.observations);
  if (study == nullptr) {
    out.Count("n", m.labels).Count("positives", m.positives);
  } else {   // every final label of the replay, nothing forgotten; one class alone ranks nothing
    const ProgressiveScore& score = study->record.score;
    const double n = static_cast<double>(score.labels()), yes = static_cast<double>(score.positives());
    if (score.positives() > 0 && score.positives() < score.labels()) {
      AddQuality(out, study->record);
      out.Real("log_loss_ratio", score.LogLossRatio());
      out.Add("thresholds", ThresholdsJson(score)).Add("calibration_curve", CalibrationJson(score));
    } else {
      out.Count("n", score.labels()).Count("positives", score.positives());
    }
    out.Add("base_rate", ShareJson(yes, n));
  }
  // As the engine's own score has it, which forgets with a half-life of 20,000 labels.
  out.Add("recent", Object{}.Real("auc", m.auc).Real("log_loss_ratio", m.log_loss_ratio).Real("calibration", m.calibration_ratio).str());
  out.Count("rejected", m.rejected).Count("drift_alarms", m.drift_alarms);
  out.Real("pace", m.pace).Count("lead_changes", m.lead_changes);
  out.Real("z_limit", LimitOfZ(m.drivers.empty() ? 0 : m.drivers.size() - 1));   // the level is no driver
  const std::vector<double> q = DriverQ(m);
  out.Count("drivers_tested", static_cast<std::int64_t>(q.size()) - 1);
  out.Count("drivers_found", static_cast<std::int64_t>(std::count_if(q.begin() + 1, q.end(), [](double v) { return v <= kFalseDiscoveryRate; })));
  out.Add("drivers", DriversJson(m, study, q, segments));
  if (study != nullptr) out.Add("rates", RatesJson(*study->rates));
  if (study != nullptr && study->challenge) {
    out.Add("challengers", Array(study->challenge->standings(), [&](const ChallengeStanding& s) { return ChallengerJson(s, m, *study, segments); }));
  }
  return out.str();
}

}  // namespace offerstream::report
