#include "models/learning/tree_model.h"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr int kPatience = 20;  // rounds without a lower loss before boosting stops
constexpr double kSubsample = 0.632;
constexpr double kLeast = 1e-6;

std::string Text(double v) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, v).ptr};
}

tl::unexpected<Error> LibraryFailed() { return Fail(Code::kIo, std::string("trees: ") + XGBGetLastError()); }

}  // namespace

struct TreeTable::Impl {
  DMatrixHandle handle = nullptr;
  std::vector<float> y{};
  std::size_t rows = 0, columns = 0;
  ~Impl() {
    if (handle != nullptr) XGDMatrixFree(handle);
  }
};

struct TreeModel::Impl {
  BoosterHandle handle = nullptr;
  TreeSettings settings{};
  std::size_t columns = 0;
  double loss = 0;
  ~Impl() {
    if (handle != nullptr) XGBoosterFree(handle);
  }

  bool Set(const char* name, const std::string& value) const { return XGBoosterSetParam(handle, name, value.c_str()) == 0; }

  bool Configure(double base_rate) const {
    const bool forest = settings.kind == TreeSettings::Kind::kForest;
    const double share = std::min(1.0, std::sqrt(static_cast<double>(columns)) / static_cast<double>(columns));
    return Set("verbosity", "0") && Set("nthread", "1") && Set("tree_method", "hist") && Set("booster", "gbtree") &&
           Set("objective", forest ? "reg:squarederror" : "binary:logistic") && Set("base_score", Text(base_rate)) &&
           Set("seed", std::to_string(settings.seed)) && Set("max_depth", std::to_string(settings.depth)) &&
           Set("min_child_weight", Text(settings.min_child_weight)) && Set("lambda", Text(settings.lambda)) &&
           Set("eta", forest ? "1" : Text(settings.eta)) && Set("subsample", forest ? Text(kSubsample) : "1") &&
           Set("colsample_bynode", forest ? Text(share) : "1") &&
           Set("num_parallel_tree", forest ? std::to_string(settings.trees) : "1");
  }

  Result<std::vector<double>> Read(const TreeTable::Impl& table, int type, std::size_t width, int rounds) const {
    // training: false. With rounds 0 every tree counts.
    const std::string config = "{\"type\": " + std::to_string(type) + ", \"training\": false, \"iteration_begin\": 0, " +
                               "\"iteration_end\": " + std::to_string(rounds) + ", \"strict_shape\": false}";
    const bst_ulong* shape = nullptr;
    bst_ulong dimension = 0;
    const float* out = nullptr;
    if (XGBoosterPredictFromDMatrix(handle, table.handle, config.c_str(), &shape, &dimension, &out) != 0) return LibraryFailed();
    std::size_t size = 1;
    for (bst_ulong d = 0; d < dimension; ++d) size *= shape[d];
    if (size != table.rows * width) return Fail(Code::kIo, "trees: predictions of another shape");
    return std::vector<double>(out, out + size);
  }

  Result<std::vector<double>> Probabilities(const TreeTable::Impl& table, int rounds) const {
    auto p = Read(table, 0, 1, rounds);
    if (!p) return p;
    for (double& value : *p) value = std::clamp(value, kLeast, 1 - kLeast);
    return p;
  }

  Result<double> LossOn(const TreeTable::Impl& table) const {
    const auto p = Probabilities(table, 0);
    if (!p) return tl::unexpected(p.error());
    double sum = 0;
    for (std::size_t i = 0; i < p->size(); ++i) sum -= fixed::Log(table.y[i] > 0.5F ? (*p)[i] : 1 - (*p)[i]);
    return p->empty() ? 0 : sum / static_cast<double>(p->size());
  }

  // Rounds until the loss on `judge` stops falling.
  Status Boost(const TreeTable::Impl& table, const TreeTable::Impl* judge) {
    loss = std::numeric_limits<double>::infinity();
    int best = 0;
    const int most = settings.kind == TreeSettings::Kind::kForest ? 1 : static_cast<int>(settings.rounds);
    for (int round = 0; round < most && round - best < kPatience; ++round) {
      if (XGBoosterUpdateOneIter(handle, round, table.handle) != 0) return Status(LibraryFailed());
      if (judge == nullptr) {
        best = round;
        continue;
      }
      const auto now = LossOn(*judge);
      if (!now) return Status(tl::unexpected(now.error()));
      if (*now >= loss) continue;
      loss = *now;
      best = round;
    }
    if (judge == nullptr) loss = 0;
    settings.rounds = static_cast<std::uint32_t>(best + 1);
    return {};
  }
};

void LabelledRows::Add(std::span<const float> row, bool label) {
  assert(row.size() == columns);
  x.insert(x.end(), row.begin(), row.end());
  y.push_back(label ? 1.0F : 0.0F);
}

LabelledRows LabelledRows::Slice(std::size_t begin, std::size_t end) const {
  assert(begin <= end && end <= size());
  LabelledRows rows;
  rows.columns = columns;
  const auto at = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  rows.x.assign(x.begin() + at(begin * columns), x.begin() + at(end * columns));
  if (!y.empty()) rows.y.assign(y.begin() + at(begin), y.begin() + at(end));
  return rows;
}

void LabelledRows::KeepLast(std::size_t rows) {
  if (size() <= rows) return;
  *this = Slice(size() - rows, size());
}

TreeTable::TreeTable(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TreeTable::TreeTable(TreeTable&&) noexcept = default;
TreeTable& TreeTable::operator=(TreeTable&&) noexcept = default;
TreeTable::~TreeTable() = default;
std::size_t TreeTable::rows() const { return impl_->rows; }

Result<TreeTable> TreeTable::Of(const LabelledRows& rows) {
  auto impl = std::make_unique<Impl>();
  impl->rows = rows.size();
  impl->columns = rows.columns;
  impl->y = rows.y;
  if (rows.size() == 0) return Fail(Code::kIo, "trees: no rows");
  XGBSetGlobalConfig("{\"verbosity\": 0}");
  if (XGDMatrixCreateFromMat_omp(rows.x.data(), rows.size(), rows.columns, std::numeric_limits<float>::quiet_NaN(),
                                 &impl->handle, 1) != 0) {
    return LibraryFailed();
  }
  if (!rows.y.empty() && XGDMatrixSetFloatInfo(impl->handle, "label", rows.y.data(), rows.y.size()) != 0) return LibraryFailed();
  return TreeTable(std::move(impl));
}

TreeModel::TreeModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TreeModel::TreeModel(TreeModel&&) noexcept = default;
TreeModel& TreeModel::operator=(TreeModel&&) noexcept = default;
TreeModel::~TreeModel() = default;
const TreeSettings& TreeModel::settings() const { return impl_->settings; }
double TreeModel::loss() const { return impl_->loss; }

Result<TreeModel> TreeModel::Fit(const TreeSettings& settings, const TreeTable& table, const TreeTable* judge) {
  auto impl = std::make_unique<Impl>();
  impl->settings = settings;
  impl->columns = table.impl_->columns;
  double positives = 0;
  for (const float y : table.impl_->y) positives += static_cast<double>(y);
  const double n = static_cast<double>(table.rows());
  // Both tables are known to the booster, which then keeps their running predictions.
  const DMatrixHandle known[2] = {table.impl_->handle, judge == nullptr ? nullptr : judge->impl_->handle};
  if (XGBoosterCreate(known, judge == nullptr ? 1 : 2, &impl->handle) != 0) return LibraryFailed();
  if (!impl->Configure((positives + 0.5) / (n + 1))) return LibraryFailed();
  if (Status status = impl->Boost(*table.impl_, judge == nullptr ? nullptr : judge->impl_.get()); !status) {
    return tl::unexpected(status.error());
  }
  return TreeModel(std::move(impl));
}

Result<std::vector<double>> TreeModel::Predict(const TreeTable& table) const {
  assert(table.impl_->columns == impl_->columns);
  const bool forest = impl_->settings.kind == TreeSettings::Kind::kForest;
  return impl_->Probabilities(*table.impl_, forest ? 0 : static_cast<int>(impl_->settings.rounds));
}

Result<std::vector<double>> TreeModel::TotalGain() const {
  bst_ulong features = 0, dimension = 0;
  const char** names = nullptr;
  const bst_ulong* shape = nullptr;
  const float* scores = nullptr;
  if (XGBoosterFeatureScore(impl_->handle, "{\"importance_type\": \"total_gain\"}", &features, &names, &dimension, &shape,
                            &scores) != 0) {
    return LibraryFailed();
  }
  std::vector<double> gain(impl_->columns, 0.0);
  for (bst_ulong f = 0; f < features; ++f) {  // names are "f0", "f1", … of the columns that were split on
    const std::string name = names[f];
    std::size_t column = gain.size();
    std::from_chars(name.data() + 1, name.data() + name.size(), column);
    if (column < gain.size()) gain[column] = static_cast<double>(scores[f]);
  }
  return gain;
}

Result<std::vector<double>> TreeModel::MeanAbsShap(const TreeTable& table) const {
  const std::size_t width = impl_->columns + 1;  // the last one is the base
  const bool forest = impl_->settings.kind == TreeSettings::Kind::kForest;
  const auto parts = impl_->Read(*table.impl_, 2, width, forest ? 0 : static_cast<int>(impl_->settings.rounds));
  if (!parts) return parts;
  std::vector<double> mean(impl_->columns, 0.0);
  for (std::size_t i = 0; i < parts->size(); ++i) {
    if (i % width < mean.size()) mean[i % width] += std::abs((*parts)[i]) / static_cast<double>(table.rows());
  }
  return mean;
}

}  // namespace offerstream
