// Special functions of offline reference models, from fixed polynomials alone: no decision uses them.
#pragma once

namespace offerstream::special {

/// ln Gamma(x) for x > 0: Stirling's series above 15, by recurrence below. Error below 1e-13 relative to max(1, result).
double LogGamma(double x);
/// ln B(a, b). REQUIRES: a, b > 0.
double LogBeta(double a, double b);
/// Gauss' hypergeometric function for 0 <= z < 1, c > 0, by its series; slow as z nears 1 (some 40 / (1 - z) terms).
double Hypergeometric2F1(double a, double b, double c, double z);

}  // namespace offerstream::special
