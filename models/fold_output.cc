#include "models/fold_output.h"

namespace offerstream {

void FoldOutput::Clear() {
  decision_count = cap_count = fact_count = 0;
  observations.Clear();
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

}  // namespace offerstream
