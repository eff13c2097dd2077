// The statistics of a randomised experiment from sums: effects with variance reduction, relative effects, intervals that
// may be watched at any time, evidence, false discoveries over many experiments, and whether the split was kept.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "models/model_view.h"

namespace offerstream {

/// Sums of one arm in one allocation epoch: outcome y, covariate x (spend before, winsorised).
struct ArmSums {
  double n = 0, x = 0, x2 = 0, y = 0, y2 = 0, xy = 0;
};

/// Both arms of one allocation epoch.
struct Stratum {
  ArmSums treated{}, control{};
};

/// Pooled CUPED coefficient cov(x, y)/var(x) within arms and strata (Deng, Xu, Kohavi & Walker 2013); 0 when x does not vary.
double CupedTheta(std::span<const Stratum> strata);
/// Treated - control, strata weighted by their customers, y replaced by y - theta (x - mean x); unpooled n - 1 variances;
/// normal 95 % interval; relative effect by Fieller (1954). Strata with an arm below two customers are left out.
LiftEffect EffectOf(std::span<const Stratum> strata, double theta);
/// Half-width at `t` units in all of the asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024)
/// of an estimate with variance `variance`; `planned`: units at which it is tightest. Valid whenever one looks.
double AnytimeHalfWidth(double variance, double t, double planned, double alpha);
/// ln of the mixture likelihood ratio of "effect ~ N(0, tau^2)" to "no effect" (Robbins 1970; Johari et al. 2022): an
/// e-value; reject at ln(1/alpha).
double LogEvidence(double difference, double variance, double t, double tau);
/// e-BH (Wang & Ramdas 2022): which of the e-values are discoveries at false discovery rate `alpha`.
std::vector<bool> Discoveries(std::span<const double> log_evidence, double alpha);
/// P(chi-square with `degrees` degrees of freedom > x); degrees >= 1.
double ChiSquareTail(double x, std::size_t degrees);
/// p of the counts given their planned shares (normalised here; shares of 0 are left out): chi-square, cells - 1.
double SampleRatioP(std::span<const double> counts, std::span<const double> planned);

}  // namespace offerstream
