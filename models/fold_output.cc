#include "models/fold_output.h"

#include <algorithm>

namespace offerstream {

void FoldOutput::Clear() {
  decision_count = cap_count = fact_count = turn_count = 0;
  observations.Clear();
  fired.clear();
  erased.clear();
  records = decided = Digest{};
}

Decision& FoldOutput::AddDecision() {
  if (decision_count == decisions.size()) decisions.emplace_back();
  Decision& decision = decisions[decision_count++];
  decision.Clear();
  return decision;
}

CapChange& FoldOutput::AddCap(std::string_view customer_id) {
  if (cap_count == caps.size()) {
    caps.emplace_back();
    cap_customers.emplace_back();
    // Growth moves short ids, so every view is taken again.
    for (std::size_t i = 0; i < cap_count; ++i) caps[i].customer_id = cap_customers[i];
  }
  cap_customers[cap_count].assign(customer_id);
  CapChange& change = caps[cap_count];
  change = CapChange{};
  change.customer_id = cap_customers[cap_count];
  ++cap_count;
  return change;
}

EventFacts& FoldOutput::AddFacts(const Cause& cause) {
  if (fact_count == facts.size()) facts.emplace_back();
  RecordedFacts& recorded = facts[fact_count++];
  recorded.cause = cause;
  recorded.facts.Clear();
  return recorded.facts;
}

TurnFact& FoldOutput::AddTurn(IdHash customer) {
  if (turn_count == turns.size()) turns.emplace_back();
  TurnFact& turn = turns[turn_count++];
  turn.customer = customer;
  turn.buys = TurnFact::kNotLooked;
  turn.segment = 0;
  return turn;
}

void FoldCounters::Add(const FoldCounters& from) {
  for (std::size_t i = 0; i < events.size(); ++i) events[i] += from.events[i];
  duplicates += from.duplicates;
  late += from.late;
  unattributed += from.unattributed;
  untriggered += from.untriggered;
  timers += from.timers;
  joined_by_decision += from.joined_by_decision;
  joined_by_window += from.joined_by_window;
  not_joined += from.not_joined;
  late_outcomes += from.late_outcomes;
  for (std::size_t a = 0; a < decisions.size(); ++a) {
    for (std::size_t r = 0; r < decisions[a].size(); ++r) decisions[a][r] += from.decisions[a][r];
  }
  for (std::size_t s = 0; s < exclusions.size(); ++s) {
    for (std::size_t r = 0; r < exclusions[s].size(); ++r) exclusions[s][r] += from.exclusions[s][r];
  }
  selections.resize(std::max(selections.size(), from.selections.size()));
  for (std::size_t i = 0; i < from.selections.size(); ++i) selections[i] += from.selections[i];
}

}  // namespace offerstream
