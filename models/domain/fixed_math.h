// exp, log, logistic, normal distribution, cosine with fixed polynomials. The C library chooses an implementation by
// CPU; decisions must not. Only + - * / sqrt and exact bit operations are used, so the bits are the same everywhere.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace offerstream::fixed {

/// The constants, as the nearest doubles.
inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kLn2 = 0.69314718055994530942;

/// e^x. Relative error below 4e-16 for |x| <= 700; 0 below -745, +inf above 709.78; NaN stays NaN. About 6 ns.
inline double Exp(double x) {
  if (!(x > -745.0)) return x != x ? x : 0.0;
  if (x > 709.782712893384) return HUGE_VAL;
  // x = k ln2 + r with ln2 split in two (33 high bits), |r| <= ln2/2.
  constexpr double kHi = 6.93147180369123816490e-01, kLo = 1.90821492927058770002e-10;
  const double k = std::nearbyint(x * 1.44269504088896340736);
  const double r = (x - k * kHi) - k * kLo;
  // Taylor series to r^13 by Horner; |r|^14/14! < 4e-18.
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const int n = static_cast<int>(k);
  // Two factors so that results near the subnormal range need no special case.
  const int half = n / 2;
  const double a = std::bit_cast<double>(static_cast<std::uint64_t>(1023 + half) << 52);
  const double b = std::bit_cast<double>(static_cast<std::uint64_t>(1023 + n - half) << 52);
  return p * a * b;
}

/// Natural logarithm. Relative error below 4e-16. -inf at 0, NaN below 0. Subnormals count as 0. About 8 ns.
inline double Log(double x) {
  if (!(x > 0.0)) return x == 0.0 ? -HUGE_VAL : NAN;
  if (x == HUGE_VAL) return x;
  std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  int e = static_cast<int>(bits >> 52) - 1023;
  if (e == -1023) return -HUGE_VAL;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.41421356237309504880) {
    m *= 0.5;
    ++e;
  }
  // log m = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.1716: odd series to s^23.
  const double s = (m - 1.0) / (m + 1.0), q = s * s;
  double p = 1.0 / 23.0;
  p = p * q + 1.0 / 21.0;
  p = p * q + 1.0 / 19.0;
  p = p * q + 1.0 / 17.0;
  p = p * q + 1.0 / 15.0;
  p = p * q + 1.0 / 13.0;
  p = p * q + 1.0 / 11.0;
  p = p * q + 1.0 / 9.0;
  p = p * q + 1.0 / 7.0;
  p = p * q + 1.0 / 5.0;
  p = p * q + 1.0 / 3.0;
  constexpr double kHi = 6.93147180369123816490e-01, kLo = 1.90821492927058770002e-10;
  return e * kHi + (2.0 * s + (2.0 * s * q * p + e * kLo));
}

/// ln(1 + x) for x >= 0 (counts, amounts). Accurate to 1e-15 absolute.
inline double Log1p(double x) { return Log(1.0 + x); }

/// Logistic function 1 / (1 + e^-z), without overflow for any z.
inline double Logistic(double z) {
  if (z >= 0) return 1.0 / (1.0 + Exp(-z));
  const double e = Exp(z);
  return e / (1.0 + e);
}

/// ln(p / (1 - p)). REQUIRES: 0 < p < 1.
inline double Logit(double p) { return Log(p / (1.0 - p)); }

/// 2^x; the decay factor of elapsed half-lives is Exp2(-elapsed / half_life).
inline double Exp2(double x) { return Exp(x * kLn2); }

/// Standard normal density.
inline double NormalDensity(double x) { return 0.39894228040143267794 * Exp(-0.5 * x * x); }

/// Standard normal distribution function. Absolute error below 1e-15: Taylor-like series
/// Phi = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...) for |x| < 6 (Marsaglia 2004), 0 or 1 with the asymptotic tail beyond.
inline double NormalCdf(double x) {
  if (x != x) return x;
  const double a = x < 0 ? -x : x;
  double upper;  // P(Z > a)
  if (a < 3.0) {
    double term = a, sum = a;
    for (int i = 3; i < 120; i += 2) {
      term *= a * a / i;
      sum += term;
    }
    upper = 0.5 - NormalDensity(a) * sum;
  } else if (a < 38.0) {
    // Laplace's continued fraction, evaluated backwards with a fixed number of terms.
    double f = a;
    for (int i = 100; i >= 1; --i) f = a + i / f;
    upper = NormalDensity(a) / f;
  } else {
    upper = 0.0;
  }
  return x < 0 ? upper : 1.0 - upper;
}

/// cos(2 pi t) for a turn t in [0, 1]; absolute error below 1e-15.
inline double CosTurn(double t) {
  t = t - std::floor(t);
  if (t > 0.5) t = 1.0 - t;                 // symmetric: now in [0, 1/2]
  const bool flip = t > 0.25;
  if (flip) t = 0.5 - t;                    // now in [0, 1/4], sign changes
  const double x = 2.0 * kPi * t, q = x * x;  // x in [0, pi/2]
  double p = 1.0;
  for (int i = 11; i >= 1; --i) p = 1.0 - p * q / ((2.0 * i - 1.0) * (2.0 * i));
  return flip ? -p : p;
}

/// sin(2 pi t).
inline double SinTurn(double t) { return CosTurn(t - 0.25 + (t < 0.25 ? 1.0 : 0.0)); }

}  // namespace offerstream::fixed
