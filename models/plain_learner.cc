#include "models/plain_learner.h"

#include <cmath>
#include <string>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"
#include "models/learning/churn_learner.h"
#include "models/learning/item_learner.h"
#include "models/learning/preference_model.h"
#include "models/learning_fold.h"

namespace offerstream {
namespace {

constexpr double kNormal95 = 1.959963984540054;

// The view of a model that has View(), at its version.
template <typename Model>
auto ViewOf(const Model& model, std::uint64_t version) {
  auto view = std::make_shared<decltype(model.View())>(model.View());
  view->version = version;
  return view;
}

class Preferences final : public PlainLearner {
 public:
  void Apply(const Observation& row, std::span<const float>) override { model_.Apply(row); }
  void Freeze(std::uint64_t version, PublishedModel& to) const override { to.preferences = ViewOf(model_, version); }
  void Save(ByteWriter& out) const override { model_.Save(out); }
  void Restore(ByteReader& in) override { model_.Restore(in); }
  void Describe(ModelReport& to) const override {
    to.observations = to.labels = model_.rows();
    to.rejected = model_.rejected();
  }

 private:
  PreferenceModel model_{};
};

class Churn final : public PlainLearner {
 public:
  void Apply(const Observation& row, std::span<const float> x) override { learner_.Apply(row, x); }
  void Freeze(std::uint64_t version, PublishedModel& to) const override { to.churn = ViewOf(learner_, version); }
  void Save(ByteWriter& out) const override { learner_.Save(out); }
  void Restore(ByteReader& in) override { learner_.Restore(in); }
  void Describe(ModelReport& to) const override {
    const ProgressiveScore& score = learner_.score();
    to.labels = score.labels();
    to.observations = learner_.looks() + to.labels;
    to.positives = score.positives();
    to.rejected = learner_.rejected();
    to.log_loss_ratio = score.LogLossRatio();
    to.calibration_ratio = score.Calibration();
    to.auc = score.Auc();
    const ResponseModel& model = learner_.model().model();
    std::string coefficients;
    ByteWriter bytes(coefficients);
    for (std::size_t j = 0; j < ChurnModel::kDimension; ++j) {
      bytes.F64(model.mean(j));
      if (j > 0) AddDriver(ChurnModel::FeatureName(j), model.mean(j), std::sqrt(model.covariance(j, j)), to);
    }
    to.coefficient_hash = H64(coefficients);
  }

 private:
  ChurnLearner learner_{};
};

class Items final : public PlainLearner {
 public:
  void Apply(const Observation& row, std::span<const float> x) override { learner_.Apply(row, x); }
  void Freeze(std::uint64_t version, PublishedModel& to) const override { to.items = ViewOf(learner_, version); }
  void Save(ByteWriter& out) const override { learner_.Save(out); }
  void Restore(ByteReader& in) override { learner_.Restore(in); }
  bool Due() const override { return learner_.Due(); }
  void Told() override { learner_.Told(); }
  void Describe(ModelReport& to) const override {
    to.observations = to.labels = learner_.purchases();
    to.rejected = learner_.rejected();
  }

 private:
  ItemLearner learner_{};
};

}  // namespace

std::unique_ptr<PlainLearner> PlainLearner::Of(std::string_view id) {
  if (id == "preferences") return std::make_unique<Preferences>();
  if (id == "churn") return std::make_unique<Churn>();
  if (id == "items") return std::make_unique<Items>();
  return nullptr;
}

std::string_view PlainLearner::OwnerOf(ObservationKind kind) {
  switch (kind) {
    case ObservationKind::kPreference: return "preferences";
    case ObservationKind::kChurnRow:
    case ObservationKind::kChurnLook: return "churn";
    case ObservationKind::kBasket: return "items";
    default: return {};
  }
}

void AddDriver(std::string_view feature, double coefficient, double standard_error, ModelReport& to) {
  const double m = coefficient, se = standard_error;
  to.drivers.push_back({std::string(feature), m, fixed::Exp(m), fixed::Exp(m - kNormal95 * se), fixed::Exp(m + kNormal95 * se), m / se});
}

}  // namespace offerstream
