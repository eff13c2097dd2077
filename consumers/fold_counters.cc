#include "consumers/fold_counters.h"

#include <cstddef>

namespace offerstream {

void AddCounters(const FoldCounters& from, FoldCounters& to) {
  const auto add = [](const auto& x, auto& y) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] += x[i];
  };
  add(from.events, to.events);
  for (std::size_t i = 0; i < from.decisions.size(); ++i) add(from.decisions[i], to.decisions[i]);
  for (std::size_t i = 0; i < from.exclusions.size(); ++i) add(from.exclusions[i], to.exclusions[i]);
  if (to.selections.size() < from.selections.size()) to.selections.resize(from.selections.size());
  add(from.selections, to.selections);
  to.duplicates += from.duplicates;
  to.late += from.late;
  to.unattributed += from.unattributed;
  to.untriggered += from.untriggered;
  to.timers += from.timers;
  to.joined_by_decision += from.joined_by_decision;
  to.joined_by_window += from.joined_by_window;
  to.not_joined += from.not_joined;
  to.late_outcomes += from.late_outcomes;
}

}  // namespace offerstream
