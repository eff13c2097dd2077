#include "models/evaluating/factors.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include <Eigen/Dense>

#include "models/domain/fixed_math.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kSameThing = 0.98;        // two variables closer than this are one
constexpr int kChanceTables = 100, kChanceRank = 95;
constexpr double kCommunalityMax = 0.995;  // Heywood: a variable is never all factor
constexpr double kAxesSettled = 1e-6, kVarimaxSettled = 1e-10;
constexpr int kAxesSteps = 500, kVarimaxSteps = 500;
constexpr double kRidge = 1e-6;            // a sum of other columns leaves the correlations without an inverse

std::vector<double> FallingEigenvalues(const MatrixXd& symmetric) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(symmetric, Eigen::EigenvaluesOnly);
  const VectorXd& values = solver.eigenvalues();
  std::vector<double> falling(values.begin(), values.end());
  std::reverse(falling.begin(), falling.end());
  return falling;
}

// Gamma(shape, 1) for shape >= 1 (Marsaglia, Tsang 2000).
double Gamma(double shape, Draws& draws) {
  const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = draws.Normal(), v = 1.0 + c * x;
    if (!(v > 0)) continue;
    const double cube = v * v * v;
    if (fixed::Log(draws.UniformOpen()) < 0.5 * x * x + d - d * cube + d * fixed::Log(cube)) return d * cube;
  }
}

// Correlations of `rows` rows of p unrelated normals, without drawing the rows: their cross-products are A A^t with
// chi variates on the diagonal of A and normals below it (Bartlett 1933).
MatrixXd ChanceCorrelations(Index p, std::int64_t rows, Draws& draws) {
  MatrixXd a = MatrixXd::Zero(p, p);
  for (Index i = 0; i < p; ++i) {
    a(i, i) = std::sqrt(2.0 * Gamma(0.5 * static_cast<double>(rows - 1 - i), draws));
    for (Index j = 0; j < i; ++j) a(i, j) = draws.Normal();
  }
  MatrixXd r = a * a.transpose();
  const VectorXd scale = r.diagonal().cwiseSqrt().cwiseInverse();
  return scale.asDiagonal() * r * scale.asDiagonal();
}

std::vector<double> ChanceEigenvalues(Index p, std::int64_t rows, std::uint64_t seed) {
  std::vector<std::vector<double>> by_rank(static_cast<std::size_t>(p));
  for (int table = 0; table < kChanceTables; ++table) {
    Draws draws(seed, static_cast<IdHash>(p), static_cast<IdHash>(table), Purpose::kBootstrap);
    const std::vector<double> values = FallingEigenvalues(ChanceCorrelations(p, rows, draws));
    for (std::size_t k = 0; k < values.size(); ++k) by_rank[k].push_back(values[k]);
  }
  std::vector<double> quantile;
  for (std::vector<double>& values : by_rank) {
    std::nth_element(values.begin(), values.begin() + kChanceRank - 1, values.end());
    quantile.push_back(values[kChanceRank - 1]);
  }
  return quantile;
}

// More factors than this cannot be told from the correlations (Ledermann 1937).
std::size_t MostFactors(std::size_t p) {
  const double n = static_cast<double>(p);
  return static_cast<std::size_t>(std::max(0.0, std::floor((2 * n + 1 - std::sqrt(8 * n + 1)) / 2)));
}

MatrixXd Inverse(const MatrixXd& r) {
  MatrixXd safe = r / (1 + kRidge);
  safe.diagonal().setOnes();
  return safe.llt().solve(MatrixXd::Identity(r.rows(), r.rows()));
}

// Unrotated loadings; `communality` goes in as the squared multiple correlations and comes out settled.
MatrixXd PrincipalAxes(const MatrixXd& r, Index count, VectorXd& communality) {
  MatrixXd loadings;
  for (int step = 0; step < kAxesSteps; ++step) {
    MatrixXd reduced = r;
    reduced.diagonal() = communality;
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(reduced);
    const VectorXd largest = solver.eigenvalues().tail(count).cwiseMax(0).cwiseSqrt();
    loadings = solver.eigenvectors().rightCols(count) * largest.asDiagonal();
    const VectorXd next = loadings.rowwise().squaredNorm().cwiseMin(kCommunalityMax);
    const double moved = (next - communality).cwiseAbs().maxCoeff();
    communality = next;
    if (moved < kAxesSettled) break;
  }
  return loadings;
}

void Varimax(MatrixXd& loadings) {
  const Index count = loadings.cols();
  if (count < 2) return;
  const VectorXd length = loadings.rowwise().norm().cwiseMax(1e-12);
  const MatrixXd x = length.cwiseInverse().asDiagonal() * loadings;
  MatrixXd turn = MatrixXd::Identity(count, count);
  double before = 0;
  for (int step = 0; step < kVarimaxSteps; ++step) {
    const MatrixXd z = x * turn;
    const VectorXd mean_square = z.colwise().squaredNorm() / static_cast<double>(x.rows());
    const MatrixXd target = x.transpose() * (z.array().cube().matrix() - z * mean_square.asDiagonal());
    const Eigen::JacobiSVD<MatrixXd> svd(target, Eigen::ComputeFullU | Eigen::ComputeFullV);
    turn = svd.matrixU() * svd.matrixV().transpose();
    const double now = svd.singularValues().sum();
    if (now < before * (1 + kVarimaxSettled)) break;
    before = now;
  }
  loadings = length.asDiagonal() * (x * turn);
}

// Columns by falling sum of squares, each with its largest loading positive.
void Arrange(MatrixXd& loadings) {
  std::vector<Index> order(static_cast<std::size_t>(loadings.cols()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return loadings.col(a).squaredNorm() > loadings.col(b).squaredNorm();
  });
  MatrixXd arranged(loadings.rows(), loadings.cols());
  for (std::size_t k = 0; k < order.size(); ++k) {
    Index at = 0;
    loadings.col(order[k]).cwiseAbs().maxCoeff(&at);
    arranged.col(static_cast<Index>(k)) = loadings.col(order[k]) * (loadings(at, order[k]) < 0 ? -1.0 : 1.0);
  }
  loadings = std::move(arranged);
}

}  // namespace

CoMoments::CoMoments(std::size_t variables)
    : mean_(VectorXd::Zero(static_cast<Index>(variables))),
      away_(mean_),
      moment_(MatrixXd::Zero(static_cast<Index>(variables), static_cast<Index>(variables))) {}

void CoMoments::Add(std::span<const double> row) {
  assert(row.size() == variables());
  ++rows_;
  const double n = static_cast<double>(rows_);
  away_ = Eigen::Map<const VectorXd>(row.data(), mean_.size()) - mean_;
  mean_ += away_ / n;
  moment_.selfadjointView<Eigen::Lower>().rankUpdate(away_, (n - 1) / n);
}

double CoMoments::deviation(std::size_t j) const {
  const auto at = static_cast<Index>(j);
  return rows_ < 2 ? 0 : std::sqrt(std::max(0.0, moment_(at, at) / static_cast<double>(rows_ - 1)));
}

double CoMoments::correlation(std::size_t i, std::size_t j) const {
  const auto a = static_cast<Index>(std::max(i, j)), b = static_cast<Index>(std::min(i, j));
  const double scale = std::sqrt(moment_(a, a) * moment_(b, b));
  return scale > 0 ? moment_(a, b) / scale : 0;
}

void Factors::Score(std::span<const double> row, std::span<double> scores) const {
  assert(scores.size() == count());
  for (std::size_t f = 0; f < scores.size(); ++f) {
    double sum = 0;
    for (std::size_t k = 0; k < kept.size(); ++k) {
      sum += (row[kept[k]] - mean[k]) / deviation[k] * weights(static_cast<Index>(k), static_cast<Index>(f));
    }
    scores[f] = sum;
  }
}

std::optional<Factors> FindFactors(const CoMoments& moments, std::uint64_t seed) {
  Factors found;
  found.rows = moments.rows();
  for (std::size_t j = 0; j < moments.variables(); ++j) {
    const bool constant = !(moments.deviation(j) > 1e-9 * (1 + std::abs(moments.mean(j))));
    const bool twin = std::any_of(found.kept.begin(), found.kept.end(), [&](std::size_t k) {
      return std::abs(moments.correlation(k, j)) > kSameThing;
    });
    (constant || twin ? found.left_out : found.kept).push_back(j);
  }
  const std::size_t p = found.kept.size();
  if (p < 3 || found.rows < 3 * static_cast<std::int64_t>(p)) return std::nullopt;
  const auto size = static_cast<Index>(p);
  MatrixXd r(size, size);
  for (std::size_t a = 0; a < p; ++a) {
    found.mean.push_back(moments.mean(found.kept[a]));
    found.deviation.push_back(moments.deviation(found.kept[a]));
    for (std::size_t b = 0; b < p; ++b) {
      r(static_cast<Index>(a), static_cast<Index>(b)) = a == b ? 1 : moments.correlation(found.kept[a], found.kept[b]);
    }
  }
  found.eigenvalues = FallingEigenvalues(r);
  found.chance = ChanceEigenvalues(size, found.rows, seed);
  std::size_t count = 0;
  while (count < MostFactors(p) && found.eigenvalues[count] > found.chance[count]) ++count;

  const MatrixXd inverse = Inverse(r);
  VectorXd communality = (1 - inverse.diagonal().array().inverse()).max(0).min(kCommunalityMax).matrix();
  found.loadings = MatrixXd::Zero(size, 0);
  if (count > 0) {
    found.loadings = PrincipalAxes(r, static_cast<Index>(count), communality);
    Varimax(found.loadings);
    Arrange(found.loadings);
  } else {
    communality.setZero();
  }
  found.weights = inverse * found.loadings;
  found.communality.assign(communality.begin(), communality.end());
  for (Index f = 0; f < found.loadings.cols(); ++f) {
    found.explained.push_back(found.loadings.col(f).squaredNorm() / static_cast<double>(p));
  }
  return found;
}

}  // namespace offerstream
