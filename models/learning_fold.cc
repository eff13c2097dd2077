#include "models/learning_fold.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>

#include "models/domain/bytes.h"
#include "models/domain/random.h"
#include "models/evaluating/lift_estimator.h"
#include "models/learning/budget_owner.h"
#include "models/learning/cap_curve.h"
#include "models/learning/segmenter.h"
#include "models/plain_learner.h"
#include "models/response_learner.h"

namespace offerstream {
namespace {

// First bytes of a saved model. These numbers are stored: add at the end, never renumber.
// 1: before closed label intervals were counted; 2: before variants of features; both still read.
constexpr std::uint8_t kSnapshotVersion = 3;
enum class ModelKind : std::uint8_t { kResponse = 1, kCaps = 2, kSegments = 3, kFirstLift = 4, kLift = 5, kBudget = 6, kPreferences = 7, kChurn = 8, kItems = 9 };

constexpr double kMsPerHour = 3'600'000.0;
constexpr Duration kWindowDefault = 7 * 86'400'000LL;

ModelKind KindOf(std::string_view id) {
  if (id == "caps") return ModelKind::kCaps;
  if (id == "segments") return ModelKind::kSegments;
  if (id == "lift" || id.starts_with("lift/")) return ModelKind::kLift;
  if (id.starts_with("budget/")) return ModelKind::kBudget;
  if (id == "preferences") return ModelKind::kPreferences;
  if (id == "churn") return ModelKind::kChurn;
  if (id == "items") return ModelKind::kItems;
  return ModelKind::kResponse;
}

HalfLives HalfLivesOf(const CampaignPlan& plan) {
  return {static_cast<double>(plan.learning.level_half_life) / kMsPerHour,
          static_cast<double>(plan.learning.slope_half_life) / kMsPerHour};
}

/// One owned model: exactly one of the learners is set, by kind.
struct OwnedModel {
  std::string id{};
  ModelKind kind = ModelKind::kResponse;
  std::uint64_t version = 0;
  std::uint64_t contained = 0;   // offsets below it are inside the snapshot this fold continues from
  bool changed = false;
  std::uint64_t changed_from = 0;   // the first offset since it was published; of a change
  std::unique_ptr<ResponseLearner> response{};
  std::unique_ptr<CapCurve> caps{};
  std::unique_ptr<LiftEstimator> lift{};
  std::unique_ptr<Segmenter> segments{};
  std::unique_ptr<BudgetOwner> budget{};
  std::unique_ptr<PlainLearner> plain{};
};

/// What every model of a plan shares.
struct PlanFrame {
  std::shared_ptr<const CampaignPlan> plan{};
  std::shared_ptr<const FeatureFrame> features{};
  HalfLives half_lives{};

  explicit PlanFrame(std::shared_ptr<const CampaignPlan> new_plan) : plan(std::move(new_plan)) {
    assert(plan != nullptr);
    features = FeatureFrame::Of(plan->features);
    half_lives = HalfLivesOf(*plan);
  }
  /// The label window of "offer/outcome"; `otherwise` when the plan names no such model (any more).
  Duration WindowOf(std::string_view id, Duration otherwise) const {
    const std::size_t slash = id.rfind('/');
    if (slash == std::string_view::npos || !plan->offer_by_hash.contains(H64(id.substr(0, slash)))) return otherwise;
    for (const OutcomeSpec& outcome : plan->outcomes) {
      if (outcome.id == id.substr(slash + 1)) return outcome.window;
    }
    return otherwise;
  }
  LiftSettings Lift() const { return {plan->experiment.margin, plan->experiment.planned}; }
  /// The campaign of a lift model; null for the programme's, or when the plan has none of the name.
  const CampaignSpec* CampaignOf(IdHash lift_model) const {
    for (const CampaignSpec& campaign : plan->campaigns) {
      if (campaign.lift_model == lift_model) return &campaign;
    }
    return nullptr;
  }
  /// The budget of a model; null when the plan has none of the name.
  const BudgetSpec* BudgetOf(IdHash model) const {
    for (const BudgetSpec& budget : plan->budgets) {
      if (budget.model == model) return &budget;
    }
    return nullptr;
  }
  void Configure(BudgetOwner& owner, IdHash model) const {
    if (const BudgetSpec* spec = BudgetOf(model)) owner.Configure(*plan, *spec);
  }
  bool HasSegments() const { return plan->segments.size() > 0; }
  SegmentSettings Segments() const {
    const SegmentSpec& spec = plan->segments;
    SegmentSettings settings;
    settings.dimension = static_cast<std::uint32_t>(spec.size());
    settings.centre = spec.centre;
    settings.scale = spec.scale;
    settings.centre.resize(settings.dimension, 0.0);
    settings.scale.resize(settings.dimension, 1.0);
    settings.k = spec.k;
    settings.seed = plan->explore.seed;
    return settings;
  }
};

/// What segments are made of; other numbers are other segments, and nothing carries over.
std::string SegmentFeatures(const CampaignPlan& plan) {
  std::string features;
  for (const ProfileNumber number : plan.segments.features) features.push_back(static_cast<char>(number));
  for (const AttributeIndex attribute : plan.segments.attributes) features.append("\xff").append(plan.attributes[attribute.value].name);
  return features;
}

PublishedModel Frozen(const PlanFrame& frame, IdHash hash, const OwnedModel& model, std::uint64_t version) {
  PublishedModel published;
  published.model = hash;
  published.id = model.id;
  published.version = version;
  if (model.response) {
    auto view = std::make_shared<ResponseView>(model.response->View());
    view->model = hash;
    view->version = version;
    published.response = std::move(view);
  } else if (model.caps) {
    auto view = std::make_shared<CapView>(model.caps->View());
    view->version = version;
    published.caps = std::move(view);
  } else if (model.segments) {
    published.segments = model.segments->View(version);
  } else if (model.lift) {
    auto view = std::make_shared<LiftView>(model.lift->View(frame.Lift()));
    view->version = version;
    published.lift = std::move(view);
  } else if (model.budget) {
    auto view = std::make_shared<BudgetView>(model.budget->View());
    view->version = version;
    published.budget = std::move(view);
  } else if (model.plain) {
    model.plain->Freeze(version, published);
  }
  return published;
}

/// Decodes a saved model; kView stops where a view has enough.
Result<OwnedModel> Decode(const PlanFrame& frame, std::string_view id, std::uint64_t version, std::string_view bytes,
                          ResponseLearner::Part part) {
  ByteReader in(bytes);
  OwnedModel model;
  model.id = std::string(id);
  model.kind = KindOf(id);
  model.version = model.contained = version;
  const std::uint8_t format = in.U8();
  const auto kind = static_cast<ModelKind>(in.U8());
  const bool first_lift = kind == ModelKind::kFirstLift && id == "lift";
  if (!in.ok()) return Fail(Code::kCorrupt, "snapshot of " + model.id + " is empty");
  if (format > kSnapshotVersion) return Fail(Code::kFormatTooNew, "snapshot of " + model.id);
  if (format == 0 || (kind != model.kind && !first_lift)) return Fail(Code::kCorrupt, "snapshot of " + model.id + ": kind");
  switch (kind) {
    case ModelKind::kResponse: {
      auto learner = ResponseLearner::Restore(in, part, format);
      if (!learner) return Fail(learner.error().code, model.id + ": " + learner.error().detail);
      model.response = std::make_unique<ResponseLearner>(std::move(*learner));
      // A view needs what was served when it was saved, whatever races now.
      model.response->Configure(frame.features, frame.half_lives, frame.WindowOf(id, model.response->delay().window()),
                                part == ResponseLearner::Part::kWhole ? &frame.plan->learning.race : nullptr);
      break;
    }
    case ModelKind::kCaps:
      model.caps = std::make_unique<CapCurve>(frame.plan);
      model.caps->Restore(in);
      break;
    case ModelKind::kFirstLift:
    case ModelKind::kLift:
      model.lift = std::make_unique<LiftEstimator>();
      if (first_lift) model.lift->RestoreFirst(in);
      else model.lift->Restore(in);
      break;
    case ModelKind::kBudget:
      model.budget = std::make_unique<BudgetOwner>();
      model.budget->Restore(in);
      frame.Configure(*model.budget, H64(id));
      break;
    case ModelKind::kPreferences:
    case ModelKind::kChurn:
    case ModelKind::kItems:
      model.plain = PlainLearner::Of(id);
      model.plain->Restore(in);
      break;
    case ModelKind::kSegments: {
      const std::string_view features = in.Text();
      if (!frame.HasSegments()) return Fail(Code::kNotFound, "the plan has no segments");
      if (!in.ok()) break;
      if (features != SegmentFeatures(*frame.plan)) {  // learned from other numbers: starts anew
        model.segments = std::make_unique<Segmenter>(frame.Segments());
        return model;
      }
      auto segmenter = Segmenter::Restore(frame.Segments(), in);
      if (!segmenter) return Fail(Code::kCorrupt, model.id + ": " + segmenter.error().detail);
      model.segments = std::make_unique<Segmenter>(std::move(*segmenter));
      break;
    }
    default: return Fail(Code::kCorrupt, "snapshot of " + model.id + ": unknown kind");
  }
  const bool whole = part == ResponseLearner::Part::kWhole || kind != ModelKind::kResponse;
  if (!in.ok() || (whole && !in.AtEnd())) return Fail(Code::kCorrupt, "snapshot of " + model.id);
  return model;
}

void Describe(const ResponseLearner& learner, ModelReport& report) {
  const ProgressiveScore& score = learner.score();
  report.observations = learner.observations();
  report.labels = score.labels();
  report.positives = score.positives();
  report.rejected = learner.rejected();
  report.drift_alarms = learner.detector().alarms();
  report.pace = learner.race().pace();
  report.lead_changes = learner.race().changes();
  report.log_loss_ratio = score.LogLossRatio();
  report.calibration_ratio = score.Calibration();
  report.auc = score.Auc();
  report.coefficient_hash = learner.CoefficientHash();
  for (const ResponseLearner::Driver& driver : learner.Drivers()) {
    AddDriver(driver.feature, driver.coefficient, driver.standard_error, report);
  }
}

}  // namespace

struct LearningFold::Impl {
  PlanFrame frame;
  std::map<IdHash, ModelIndex> planned{};  // response models of the plan
  std::map<IdHash, OwnedModel> models{};
  std::vector<IdHash> offers{};            // scratch of ApplyLift
  std::int64_t unknown = 0;  // observations of models the plan does not name

  explicit Impl(std::shared_ptr<const CampaignPlan> plan) : frame(std::move(plan)) { IndexModels(); }
  void IndexModels() {
    planned.clear();
    for (std::size_t i = 0; i < frame.plan->models(); ++i) {
      planned.emplace(frame.plan->ModelHash(ModelIndex(i)), ModelIndex(i));
    }
  }

  /// The model an observation is for, made on its first one; null when neither known nor planned.
  OwnedModel* Find(IdHash hash, ObservationKind kind);
  OwnedModel Make(std::string id) const;
  void ApplyLift(OwnedModel& model, const Observation& row);
  /// A row without places says nothing; the segmenter refuses and counts it.
  static void ApplyMove(OwnedModel& model, const Observation& row) {
    static const MovePlaces kNowhere{{}, {.micro = 1}};
    const MovePlaces& places = row.places != nullptr ? *row.places : kNowhere;
    model.segments->Learn(row.customer, places.old_place, places.new_place);
  }
};

void LearningFold::Impl::ApplyLift(OwnedModel& model, const Observation& row) {
  if (row.kind == ObservationKind::kCost) {
    model.lift->AddCost(row.cost);
    return;
  }
  offers.clear();
  if (const CampaignSpec* campaign = frame.CampaignOf(row.model)) {
    for (const OfferIndex offer : campaign->offers) {
      const OfferSpec& spec = frame.plan->offers[offer.value];
      offers.push_back(spec.product.known() ? spec.hash : 0);
    }
  }
  model.lift->Apply(row, offers);
}

OwnedModel LearningFold::Impl::Make(std::string id) const {
  OwnedModel model;
  model.kind = KindOf(id);
  model.id = std::move(id);
  switch (model.kind) {
    case ModelKind::kResponse: {
      const Duration window = frame.WindowOf(model.id, kWindowDefault);
      model.response = std::make_unique<ResponseLearner>(frame.features, frame.half_lives, window,
                                                         frame.plan->learning.race);
      break;
    }
    case ModelKind::kCaps: model.caps = std::make_unique<CapCurve>(frame.plan); break;
    case ModelKind::kFirstLift:
    case ModelKind::kLift: model.lift = std::make_unique<LiftEstimator>(); break;
    case ModelKind::kSegments: model.segments = std::make_unique<Segmenter>(frame.Segments()); break;
    case ModelKind::kBudget:
      model.budget = std::make_unique<BudgetOwner>();
      frame.Configure(*model.budget, H64(model.id));
      break;
    case ModelKind::kPreferences:
    case ModelKind::kChurn:
    case ModelKind::kItems: model.plain = PlainLearner::Of(model.id); break;
  }
  return model;
}

OwnedModel* LearningFold::Impl::Find(IdHash hash, ObservationKind kind) {
  const auto found = models.find(hash);
  if (found != models.end()) return &found->second;
  std::string id;
  switch (kind) {
    case ObservationKind::kInterval:
    case ObservationKind::kMature:
    case ObservationKind::kBirth: {
      const auto response = planned.find(hash);
      if (response == planned.end()) return nullptr;
      id = frame.plan->ModelId(response->second);
      break;
    }
    case ObservationKind::kLiftRow:
    case ObservationKind::kCost: {
      const CampaignSpec* campaign = frame.CampaignOf(hash);
      id = campaign == nullptr ? "lift" : "lift/" + campaign->id;
      break;
    }
    case ObservationKind::kSpend: {
      const BudgetSpec* budget = frame.BudgetOf(hash);
      if (budget == nullptr) return nullptr;
      id = "budget/" + budget->id;
      break;
    }
    case ObservationKind::kCapRow: id = "caps"; break;
    case ObservationKind::kMove: id = "segments"; break;
    default: id = PlainLearner::OwnerOf(kind); break;
  }
  if (H64(id) != hash || (kind == ObservationKind::kMove && !frame.HasSegments())) return nullptr;
  return &models.emplace(hash, Make(std::move(id))).first->second;
}

LearningFold::LearningFold(std::shared_ptr<const CampaignPlan> plan) : impl_(std::make_unique<Impl>(std::move(plan))) {}
LearningFold::~LearningFold() = default;
LearningFold::LearningFold(LearningFold&&) noexcept = default;
LearningFold& LearningFold::operator=(LearningFold&&) noexcept = default;

void LearningFold::Configure(std::shared_ptr<const CampaignPlan> plan) {
  const std::string features = SegmentFeatures(*impl_->frame.plan);
  impl_->frame = PlanFrame(std::move(plan));
  impl_->IndexModels();
  const PlanFrame& frame = impl_->frame;
  if (features != SegmentFeatures(*frame.plan)) impl_->models.erase(H64("segments"));  // first Move: starts anew
  for (auto& [hash, model] : impl_->models) {
    if (model.budget) {
      frame.Configure(*model.budget, hash);
      model.changed = true;
    }
    if (model.caps) {
      model.caps->Configure(frame.plan);
      model.changed = true;
    }
    if (!model.response) continue;
    model.response->Configure(frame.features, frame.half_lives,
                              frame.WindowOf(model.id, model.response->delay().window()), &frame.plan->learning.race);
    model.changed = true;
  }
}

void LearningFold::Apply(const Observation& row, std::span<const float> x, std::uint64_t offset) {
  OwnedModel* model = impl_->Find(row.model, row.kind);
  if (model == nullptr) {
    ++impl_->unknown;
    return;
  }
  // Compared with what was restored, not with the last one: the observations of one record share its offset.
  if (offset < model->contained) return;
  model->version = std::max(model->version, offset + 1);
  if (!model->changed) model->changed_from = offset;
  model->changed = true;
  switch (model->kind) {
    case ModelKind::kResponse: model->response->Apply(row, x); break;
    case ModelKind::kCaps: model->caps->Apply(row); break;
    case ModelKind::kFirstLift:
    case ModelKind::kLift: impl_->ApplyLift(*model, row); break;
    case ModelKind::kSegments: impl_->ApplyMove(*model, row); break;
    case ModelKind::kBudget: model->budget->Apply(row, x); break;
    case ModelKind::kPreferences:
    case ModelKind::kChurn:
    case ModelKind::kItems: model->plain->Apply(row, x); break;
  }
}

std::vector<PublishedModel> LearningFold::Publish(std::uint64_t version, bool all) {
  std::vector<PublishedModel> published;
  for (auto& [hash, model] : impl_->models) {
    if (!model.changed) continue;
    if (model.plain && !all && !model.plain->Due() && version < model.changed_from + kHeldMost) continue;
    published.push_back(Frozen(impl_->frame, hash, model, version));
    model.changed = false;
    if (model.plain) model.plain->Told();
  }
  return published;
}

std::uint64_t LearningFold::HeldFrom() const {
  std::uint64_t from = UINT64_MAX;
  for (const auto& [hash, model] : impl_->models) {
    if (model.changed && model.plain) from = std::min(from, model.changed_from);
  }
  return from;
}

std::vector<PublishedModel> LearningFold::All(std::uint64_t version) const {
  std::vector<PublishedModel> published;
  for (const auto& [hash, model] : impl_->models) published.push_back(Frozen(impl_->frame, hash, model, version));
  return published;
}

void LearningFold::Save(IdHash hash, std::string& out) const {
  const auto found = impl_->models.find(hash);
  assert(found != impl_->models.end());
  const OwnedModel& model = found->second;
  out.clear();
  ByteWriter writer(out);
  writer.U8(kSnapshotVersion);
  writer.U8(static_cast<std::uint8_t>(model.kind));
  if (model.response) model.response->Save(writer);
  if (model.caps) model.caps->Save(writer);
  if (model.lift) model.lift->Save(writer);
  if (model.budget) model.budget->Save(writer);
  if (model.plain) model.plain->Save(writer);
  if (model.segments) {
    writer.Text(SegmentFeatures(*impl_->frame.plan));
    model.segments->Save(writer);
  }
}

Status LearningFold::Restore(std::string_view id, std::uint64_t version, std::string_view bytes) {
  auto model = Decode(impl_->frame, id, version, bytes, ResponseLearner::Part::kWhole);
  if (!model) return tl::unexpected<Error>(std::move(model.error()));
  impl_->models.insert_or_assign(H64(id), std::move(*model));
  return {};
}

Result<PublishedModel> LearningFold::Read(const CampaignPlan& plan, std::string_view id, std::uint64_t version,
                                          std::string_view bytes) {
  const PlanFrame frame(std::shared_ptr<const CampaignPlan>(&plan, [](const CampaignPlan*) {}));
  auto model = Decode(frame, id, version, bytes, ResponseLearner::Part::kView);
  if (!model) return tl::unexpected<Error>(std::move(model.error()));
  return Frozen(frame, H64(id), *model, version);
}

std::uint64_t LearningFold::VersionOf(IdHash hash) const {
  const auto found = impl_->models.find(hash);
  return found == impl_->models.end() ? 0 : found->second.version;
}

const Segmenter* LearningFold::SegmentOwner() const {
  const auto found = impl_->models.find(H64("segments"));
  return found == impl_->models.end() ? nullptr : found->second.segments.get();
}

std::vector<ModelReport> LearningFold::Reports() const {
  std::vector<ModelReport> reports;
  for (const auto& [hash, model] : impl_->models) {
    ModelReport report;
    report.id = model.id;
    report.version = model.version;
    if (model.response) Describe(*model.response, report);
    if (model.caps) {
      report.observations = report.labels = model.caps->rows();
      report.positives = model.caps->positives();
      report.rejected = model.caps->rejected();
      report.drift_alarms = model.caps->alarms();
      report.calibration_ratio = model.caps->Calibration();
    }
    if (model.segments) {
      report.observations = report.labels = static_cast<std::int64_t>(model.segments->moves());
      report.rejected = static_cast<std::int64_t>(model.segments->refused());
    }
    if (model.budget) {
      report.observations = report.labels = model.budget->rows();
      report.rejected = model.budget->rejected();
    }
    if (model.plain) model.plain->Describe(report);
    if (model.lift) {
      report.observations = report.labels = model.lift->rows();
      report.positives = model.lift->converted();
      report.rejected = model.lift->rejected();
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace offerstream
