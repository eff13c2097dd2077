#include "models/domain/customer_profile.h"

namespace offerstream {

CustomerProfile::CustomerProfile(const allocator_type& a)
    : id(a), channels(a), attributes(a), owned(a), impressions(a), seen(a), exposures(a) {
  last_decision.fill(kNever);
}

}  // namespace offerstream
