// Exponentially decayed sums in event time, exact for events out of order.
#pragma once

#include <algorithm>

#include "models/domain/customer_profile.h"
#include "models/domain/fixed_math.h"

namespace offerstream {

/// One day in milliseconds.
inline constexpr Duration kDay = 86'400'000;

/// 2^(-elapsed / half_life); 1 when nothing has elapsed (or the event is older than the touch). REQUIRES: half_life > 0.
inline double DecayFactor(Duration elapsed, Duration half_life) {
  return elapsed <= 0 ? 1.0 : fixed::Exp2(-static_cast<double>(elapsed) / static_cast<double>(half_life));
}

/// A decayed sum of half-life `half_life` as it stands at `at`.
inline double DecayedTo(double sum, EventTime touched, EventTime at, Duration half_life) {
  return touched == kNever || sum == 0 ? 0.0 : sum * DecayFactor(at - touched, half_life);
}

/// Adds `amount` at `time` to the three sums. An amount older than the last touch is added as decayed by then, so the
/// order of arrival changes nothing but rounding.
inline void AddDecayed(DecayedSums& sums, double amount, EventTime time) {
  const bool first = sums.touched == kNever;
  const Duration gap = first ? 0 : time - sums.touched;
  const Duration age = gap < 0 ? -gap : gap;
  const double f90 = DecayFactor(age, 90 * kDay), f7 = DecayFactor(age, 7 * kDay), f30 = f90 * f90 * f90;
  if (gap >= 0) {
    sums.d7 = sums.d7 * f7 + amount;
    sums.d30 = sums.d30 * f30 + amount;
    sums.d90 = sums.d90 * f90 + amount;
    sums.touched = time;
  } else {
    sums.d7 += amount * f7;
    sums.d30 += amount * f30;
    sums.d90 += amount * f90;
  }
}

/// Adds clicks and conversions on a channel; both share the touch of the channel's clicks.
inline void AddAnswers(ChannelProfile& channel, double clicks, double conversions, EventTime time) {
  const EventTime before = channel.clicks.touched;
  AddDecayed(channel.clicks, clicks, time);
  const Duration gap = before == kNever ? 0 : time - before;
  const double factor = DecayFactor(gap < 0 ? -gap : gap, 30 * kDay);
  channel.conversions_d30 = gap >= 0 ? channel.conversions_d30 * factor + conversions
                                     : channel.conversions_d30 + conversions * factor;
}

}  // namespace offerstream
