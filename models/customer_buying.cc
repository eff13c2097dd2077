// Who will buy again: what a customer bought, the looks at it in its turns, and what came of them within the horizon.
#include <algorithm>

#include "models/customer_change.h"
#include "models/domain/retention.h"
#include "models/learning/churn_model.h"

namespace offerstream {
namespace {

std::int64_t DayOf(EventTime time) { return time >= 0 ? time / kDay : (time - kDay + 1) / kDay; }

}  // namespace

// The first turn after the last look, or after what made it worth looking; none once it has been silent for too long.
EventTime CustomerChange::NextLook(IdHash customer, const Buying& bought) const {
  if (bought.after == kNever) return INT64_MAX;
  const EventTime turn = NextTurn(customer, bought.after, plan_.churn.look_every);
  return turn - bought.known.last > plan_.churn.inactive_after ? INT64_MAX : turn;
}

EventTime CustomerChange::LabelDue(const CustomerProfile& profile) const {
  const Buying* bought = profile.Bought();
  return bought == nullptr || bought->looks.empty() ? INT64_MAX : bought->looks[0].time + plan_.churn.horizon;
}

// A late one counts as of the last one before it; for a look's answer its own time counts. Who was not looked at (any more)
// is from now on, not from a past that nobody saw.
void CustomerChange::TakePurchase(CustomerProfile& profile, const Event& event, EventTime watermark) {
  if ((plan_.churn.purchase_kinds >> static_cast<unsigned>(event.kind) & 1) == 0) return;
  const bool returned = event.quantity < 0 || (event.has_value && event.value < 0);
  Buying* bought = profile.Bought();
  if (bought == nullptr) {
    if (returned) return;   // what was bought before the stream began
    bought = &profile.KeepHabits().buying.emplace_back();
  }
  const bool unwatched = NextLook(profile.hash, *bought) == INT64_MAX;
  const Money value = event.has_value ? event.value : 0;
  bought->known.Take(std::max(event.time, bought->known.last), returned && value > 0 ? -value : value, returned);
  if (returned) return;
  for (BuyingLook& look : bought->looks) {
    if (event.time > look.time && event.time <= look.time + plan_.churn.horizon) look.bought = true;
  }
  if (unwatched) bought->after = std::max(event.time, watermark);
}

// Whatever the event names, in the plan or not; else the product of the offer it names.
void CustomerChange::TakeItem(CustomerProfile& profile, const Event& event) {
  const bool returned = event.quantity < 0 || (event.has_value && event.value < 0);
  if (returned || (plan_.items.purchase_kinds >> static_cast<unsigned>(event.kind) & 1) == 0) return;
  IdHash item = event.product_hash;
  if (item == 0 && event.offer.value < plan_.offers.size() && plan_.offers[event.offer.value].product.known()) {
    item = plan_.products[plan_.offers[event.offer.value].product.value].hash;
  }
  if (item == 0) return;
  PooledArray<RecentItem>& recent = profile.KeepHabits().recent;
  recent.EraseIf([&](const RecentItem& i) { return event.time - i.time > kTogetherWithin; });
  const bool began = recent.empty() || DayOf(event.time) > DayOf(recent.back().time);   // lines of a day are one order
  const bool again = !TakeRecent(recent, item, event.time);
  if (out_ == nullptr || (again && !began)) return;
  Observation& row = out_->observations.rows.emplace_back();
  row.kind = ObservationKind::kBasket;
  row.model = ItemsOwner();
  row.time = event.time;
  row.exposure = item;
  row.n = began ? 1 : 0;
  row.y = again ? 1.0f : 0.0f;
  if (again) return;
  std::vector<float>& arena = out_->observations.arena;
  row.x_begin = static_cast<std::uint32_t>(arena.size());
  for (const RecentItem& i : recent) {
    if (i.item != item) AppendItem(arena, i.item);
  }
  row.x_size = static_cast<std::uint32_t>(arena.size()) - row.x_begin;
}

void CustomerChange::ByLook(CustomerProfile& profile, EventTime due, const TurnFact& turn) {
  Buying& bought = *profile.Bought();
  BuyingLook& look = bought.looks.emplace_back();
  look.time = due;
  look.last = bought.known.last;
  look.spent = bought.known.spent;
  look.orders = bought.known.orders;
  look.buys = turn.buys;
  look.bought = bought.known.last > due;   // seen before the watermark came here
  bought.after = bought.looked = due;
  bought.buys = turn.buys;
  if (out_ == nullptr) return;
  Observation& row = out_->observations.rows.emplace_back();
  row.kind = ObservationKind::kChurnLook;
  row.model = ChurnOwner();
  row.time = due;
  row.probability = static_cast<double>(turn.buys);
  row.value = SpendsAYearMinor(profile, due);
  row.n = static_cast<std::uint32_t>(bought.known.orders);
  row.segment = turn.segment;
}

void CustomerChange::FireLabels(CustomerProfile& profile, EventTime due) {
  Buying* bought = profile.Bought();
  if (bought == nullptr) return;
  const auto over = [&](const BuyingLook& look) { return look.time + plan_.churn.horizon <= due; };
  for (const BuyingLook& look : bought->looks) {
    if (!over(look)) break;   // they come in order
    if (counters_ != nullptr) ++counters_->timers;
    if (out_ == nullptr) continue;
    const BuyingProfile then{bought->known.first, look.last, look.spent, look.orders};
    const ChurnModel::Features x = ChurnModel::Describe(then, std::max(look.time, look.last));
    Observation& row = out_->observations.rows.emplace_back();
    row.kind = ObservationKind::kChurnRow;
    row.model = ChurnOwner();
    row.time = look.time + plan_.churn.horizon;
      row.x_begin = static_cast<std::uint32_t>(out_->observations.arena.size());
    row.x_size = ChurnModel::kDimension;
    out_->observations.arena.insert(out_->observations.arena.end(), x.begin(), x.end());
    row.probability = static_cast<double>(look.buys);
    row.y = look.bought ? 1.0f : 0.0f;
  }
  bought->looks.EraseIf(over);
}

}  // namespace offerstream
