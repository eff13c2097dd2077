#include "models/evaluating/special.h"

#include <cassert>
#include <cmath>

#include "models/domain/fixed_math.h"

namespace offerstream::special {
namespace {

constexpr double kHalfLogTwoPi = 0.91893853320467274178;
constexpr int kTermsMax = 200'000;

}  // namespace

double LogGamma(double x) {
  assert(x > 0);
  double shift = 1;
  double below = 0;
  while (x < 15) {
    shift *= x;
    x += 1;
    if (shift > 1e200 || shift < 1e-200) {
      below += fixed::Log(shift);
      shift = 1;
    }
  }
  below += fixed::Log(shift);
  const double i = 1 / x, i2 = i * i;
  const double series =
      i * (1.0 / 12 + i2 * (-1.0 / 360 + i2 * (1.0 / 1260 + i2 * (-1.0 / 1680 + i2 * (1.0 / 1188 - i2 * 691.0 / 360360)))));
  return (x - 0.5) * fixed::Log(x) - x + kHalfLogTwoPi + series - below;
}

double LogBeta(double a, double b) { return LogGamma(a) + LogGamma(b) - LogGamma(a + b); }

double Hypergeometric2F1(double a, double b, double c, double z) {
  assert(z >= 0 && z < 1 && c > 0);
  double term = 1, sum = 1;
  for (int n = 0; n < kTermsMax; ++n) {
    term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * z;
    sum += term;
    if (std::abs(term) < 1e-17 * std::abs(sum) && n > 4) break;
  }
  return sum;
}

}  // namespace offerstream::special
