#include "models/domain/customer_profile.h"

namespace offerstream {

void ToldPlace::Tell(const Coordinates& told) {
  micro = told.micro;
  time = told.time;
  z.assign(told.z.begin(), told.z.end());
  epoch = told.epoch;
}

CustomerProfile::CustomerProfile(std::pmr::memory_resource* pool)
    : channels(pool),
      impressions(pool),
      seen(pool),
      exposures(pool),
      last_decision(pool),
      attributes(pool),
      owned(pool),
      enrolments(pool),
      habits(pool),
      place(pool) {}

}  // namespace offerstream
