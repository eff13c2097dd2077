#include "models/deciding/budget_book.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace offerstream {
namespace {

constexpr std::uint32_t kDecisionsToTell = 200;
constexpr Duration kTellEvery = 60'000, kIdle = 3'600'000;
constexpr std::size_t kRatiosMax = 200;

}  // namespace

void BudgetLease::Save(ByteWriter& out) const {
  for (std::int64_t number : {period, granted, spent, returned, told_spent, told_returned, told_at, active_at, step}) out.I64(number);
  out.U32(decisions);
  out.U32(actions);
  out.Bool(short_of);
  out.Bool(asked);
  out.F32s(ratios);
}

void BudgetLease::Load(ByteReader& in) {
  for (std::int64_t* number : {&period, &granted, &spent, &returned, &told_spent, &told_returned, &told_at, &active_at, &step}) {
    *number = in.I64();
  }
  decisions = in.U32();
  actions = in.U32();
  short_of = in.Bool();
  asked = in.Bool();
  in.F32s(ratios);
  const bool sound = granted >= 0 && spent >= 0 && returned >= 0 && told_spent >= 0 && told_spent <= spent &&
                     told_returned >= 0 && told_returned <= returned && step >= 0 && ratios.size() <= kRatiosMax;
  if (!sound || available() < 0) in.Fail();
}

BudgetBook::BudgetBook(std::shared_ptr<const CampaignPlan> plan, BudgetLeases& leases) : plan_(std::move(plan)), leases_(leases) {
  slots_.resize(plan_->budgets.size());
  for (std::size_t b = 0; b < slots_.size(); ++b) slots_[b].priced = plan_->budgets[b].pace == BudgetPace::kAsap;
  for (const OfferSpec& offer : plan_->offers) {
    if (offer.budget.value >= slots_.size()) continue;
    Micros& dearest = slots_[offer.budget.value].dearest;
    for (const ChannelIndex c : offer.channels) dearest = std::max(dearest, MicrosOf(plan_->channels[c.value].cost));
  }
  Reset(kNever);
}

void BudgetBook::Reset(EventTime now) {
  now_ = now;
  for (std::size_t b = 0; b < slots_.size(); ++b) slots_[b].lease = &leases_[plan_->budgets[b].hash];
}

void BudgetBook::TakeGrant(const BudgetView& view, Slot& slot) {
  const BudgetView::Period* period = view.Find(slot.lease->period);
  if (period == nullptr) return;
  const auto grant = period->granted.find(holder_);
  if (grant == period->granted.end() || grant->second <= slot.lease->granted) return;
  slot.lease->step = grant->second - slot.lease->granted;
  slot.lease->active_at = now_;
  slot.lease->granted = grant->second;
  slot.lease->short_of = slot.lease->asked = false;
}

void BudgetBook::Adopt(const std::map<IdHash, std::shared_ptr<const BudgetView>>& views) {
  for (std::size_t b = 0; b < slots_.size(); ++b) {
    Slot& slot = slots_[b];
    const auto found = views.find(plan_->budgets[b].model);
    slot.view = found == views.end() ? nullptr : found->second;
    slot.price = slot.view == nullptr ? 0.0 : slot.view->price;
    slot.priced = plan_->budgets[b].pace == BudgetPace::kAsap || (slot.view != nullptr && slot.view->priced);
    if (slot.priced) slot.lease->ratios = {};
    if (slot.view != nullptr) TakeGrant(*slot.view, slot);
  }
}

void BudgetBook::Advance(EventTime now, ObservationBatch& out) {
  if (now <= now_) return;
  now_ = now;
  for (std::size_t b = 0; b < slots_.size(); ++b) {
    const BudgetSpec& spec = plan_->budgets[b];
    BudgetLease& lease = *slots_[b].lease;
    const EventTime period = spec.PeriodAt(now);
    if (period == kNever || (lease.period != kNever && period <= lease.period)) continue;
    const bool untold = lease.decisions > 0 || lease.spent > lease.told_spent || lease.returned > lease.told_returned;
    if (lease.period != kNever && untold) TellOne(spec, lease, out);
    std::vector<float> ratios = std::move(lease.ratios);
    lease = BudgetLease{};
    lease.period = period;
    lease.ratios = std::move(ratios);
    if (slots_[b].view != nullptr) TakeGrant(*slots_[b].view, slots_[b]);
  }
}

void BudgetBook::CountDecision(BudgetIndex budget, double ratio, bool refused) {
  Slot& slot = slots_[budget.value];
  ++slot.lease->decisions;
  if (!slot.priced && ratio >= 0 && slot.lease->ratios.size() < kRatiosMax) slot.lease->ratios.push_back(static_cast<float>(ratio));
  if (refused) slot.lease->short_of = true;
}

void BudgetBook::Spend(BudgetIndex budget, double cost) {
  Slot& slot = slots_[budget.value];
  BudgetLease& lease = *slot.lease;
  lease.spent += MicrosOf(cost);
  assert(lease.available() >= 0);
  ++lease.actions;
  lease.active_at = now_;
  if (lease.available() < std::max(lease.step / 2, slot.dearest)) lease.short_of = true;
}

void BudgetBook::TellOne(const BudgetSpec& spec, BudgetLease& lease, ObservationBatch& out) {
  Observation& row = out.rows.emplace_back();
  row.kind = ObservationKind::kSpend;
  row.model = spec.model;
  row.time = now_;
  row.exposure = static_cast<std::uint64_t>(lease.period);
  row.segment = holder_;
  row.n = lease.decisions;
  row.to = lease.actions;
  row.value = lease.spent - lease.told_spent;
  row.delay = lease.returned - lease.told_returned;
  row.instant = lease.short_of;
  row.x_begin = static_cast<std::uint32_t>(out.arena.size());
  row.x_size = static_cast<std::uint32_t>(lease.ratios.size());
  out.arena.insert(out.arena.end(), lease.ratios.begin(), lease.ratios.end());
  lease.ratios.clear();
  lease.told_spent = lease.spent;
  lease.told_returned = lease.returned;
  lease.decisions = lease.actions = 0;
  lease.told_at = now_;
  lease.asked = lease.short_of;
}

void BudgetBook::Tell(ObservationBatch& out) {
  for (std::size_t b = 0; b < slots_.size(); ++b) {
    const BudgetSpec& spec = plan_->budgets[b];
    BudgetLease& lease = *slots_[b].lease;
    if (lease.period == kNever) continue;
    if (lease.told_at == kNever) lease.told_at = now_;
    if (lease.active_at == kNever) lease.active_at = now_;
    if (lease.available() > 0 && now_ - lease.active_at >= kIdle) {
      lease.returned += lease.available();
      lease.short_of = false;
    }
    const bool something = lease.decisions > 0 || lease.spent > lease.told_spent;
    const bool due = lease.decisions >= kDecisionsToTell || now_ - lease.told_at >= kTellEvery;
    if ((something && due) || (lease.short_of && !lease.asked) || lease.returned > lease.told_returned) TellOne(spec, lease, out);
  }
}

}  // namespace offerstream
