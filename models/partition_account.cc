#include "models/partition_account.h"

#include <algorithm>

namespace offerstream {

void PartitionAccount::Advance(EventTime time, Duration lateness) {
  if (time <= max_event_time) return;
  max_event_time = time;
  watermark = std::max(watermark, time - lateness);
}

void PartitionAccount::Swept(EventTime time) { frontier = std::max(frontier, time); }

bool PartitionAccount::TellBirth(IdHash model) {
  const auto at = std::lower_bound(births.begin(), births.end(), model);
  if (at != births.end() && *at == model) return false;
  births.insert(at, model);
  return true;
}

void PartitionAccount::Save(ByteWriter& out) const {
  out.I64(max_event_time);
  out.I64(watermark);
  out.I64(frontier);
  out.U32(plan_epoch);
  out.Varint(adopted.size());
  for (const auto& [model, version] : adopted) {
    out.U64(model);
    out.U64(version);
  }
  out.Varint(births.size());
  for (const IdHash model : births) out.U64(model);
  if (leases.empty()) return;   // as before there were budgets
  out.Varint(leases.size());
  for (const auto& [budget, lease] : leases) {
    out.U64(budget);
    lease.Save(out);
  }
}

bool PartitionAccount::Load(ByteReader& in) {
  max_event_time = in.I64();
  watermark = in.I64();
  frontier = in.I64();
  plan_epoch = in.U32();
  adopted.clear();
  for (std::size_t n = in.Count(16); n > 0 && in.ok(); --n) {
    const IdHash model = in.U64();
    adopted[model] = in.U64();
  }
  births.clear();
  for (std::size_t n = in.Count(8); n > 0 && in.ok(); --n) births.push_back(in.U64());
  leases.clear();
  if (in.ok() && !in.AtEnd()) {
    for (std::size_t n = in.Count(90); n > 0 && in.ok(); --n) {
      const IdHash budget = in.U64();
      leases[budget].Load(in);
    }
  }
  return in.ok() && std::is_sorted(births.begin(), births.end());
}

}  // namespace offerstream
