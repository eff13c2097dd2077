// The lowest point of a function of a few numbers, without derivatives (Nelder, Mead 1965).
#pragma once

#include <functional>
#include <vector>

namespace offerstream {

/// Starts at `start` with steps of `step` along each axis; ends when the simplex' values differ by less than `settled`
/// (relative to their size) or after `evaluations`. Deterministic. The function may return +inf where it is not defined.
std::vector<double> Minimise(const std::function<double(const std::vector<double>&)>& f, std::vector<double> start, double step,
                             double settled, int evaluations);

}  // namespace offerstream
