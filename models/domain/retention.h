// What a customer who stops buying would take along.
#pragma once

#include <algorithm>
#include <cmath>

#include "models/domain/customer_profile.h"
#include "models/domain/decay.h"

namespace offerstream {

/// What the customer spends a year if it goes on as of late, major units, not negative: a steady spender's decayed sum
/// (half-life 90 d) is that times 90 d / ln 2. It falls while nothing is bought, so those who are long gone put nothing at
/// risk.
inline double SpendsAYear(const CustomerProfile& profile, EventTime at) {
  constexpr double kYears = 90 / 0.693147180559945309417 / 365.25;
  return std::max(0.0, DecayedTo(profile.value.d90, profile.value.touched, at, 90 * kDay)) / kYears;
}

/// The same in minor units.
inline Money SpendsAYearMinor(const CustomerProfile& profile, EventTime at) {
  constexpr double kMost = 9e15;
  return static_cast<Money>(std::nearbyint(std::min(kMost, 100 * SpendsAYear(profile, at))));
}

}  // namespace offerstream
