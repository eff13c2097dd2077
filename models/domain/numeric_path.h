// One numeric path for every thread that folds: what the bits of a model depend on besides its observations.
#pragma once

namespace offerstream {

/// Flushes subnormal numbers to zero for the calling thread, and fixes (once for the process) the cache sizes Eigen
/// plans its blocking with: both would otherwise let the processor choose the bits. Call first in every thread that runs
/// a fold; cheap, repeatable, thread-safe.
void FixNumericPath();

}  // namespace offerstream
