#include "models/domain/numeric_path.h"

#include <pmmintrin.h>
#include <xmmintrin.h>

#include <Eigen/Core>

namespace offerstream {

void FixNumericPath() {
  static const bool fixed = [] {
    Eigen::setCpuCacheSizes(32 * 1024, 256 * 1024, 2 * 1024 * 1024);
    return true;
  }();
  static_cast<void>(fixed);
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
}

}  // namespace offerstream
