#include <algorithm>

#include <fmt/format.h>

#include "consumers/offline/study.h"
#include "models/domain/decay.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr std::size_t kAdvised = 10;

bool Contains(const std::vector<IdHash>& items, IdHash item) { return std::find(items.begin(), items.end(), item) != items.end(); }

}  // namespace

void PreferenceStudy::See(const Event& event) {
  if (event.product_hash == 0) return;
  AffinityAction action;
  switch (event.kind) {
    case EventKind::kEngagement: action = AffinityAction::kView; break;
    case EventKind::kClick: action = AffinityAction::kClick; break;
    case EventKind::kTransaction: action = AffinityAction::kPurchase; break;
    default: return;
  }
  if (event.kind == EventKind::kTransaction && event.has_value && event.value < 0) return;  // a return
  IdHash category = event.product_hash;
  if (event.product.known() && !plan_->products[event.product.value].category.empty()) {
    const std::string& name = plan_->products[event.product.value].category;
    category = H64(name);
    names_.try_emplace(category, name);
  }
  Customer& customer = customers_[event.customer_hash];
  customer.affinity.Take(category, action, event.time);
  shares_.Take(category, action, event.time);
  if (event.kind == EventKind::kTransaction) Purchase(customer, event.product_hash, event.time);
}

void PreferenceStudy::Purchase(Customer& customer, IdHash item, EventTime time) {
  const std::int64_t day = time / kDay;
  const bool new_order = day != customer.order_day;
  if (new_order) {
    CloseOrder(customer);
    customer.order_day = day;
    customer.open = !customer.owned.empty();
    if (customer.open) {
      customer.advice = items_.Recommend(customer.recent, customer.owned, kAdvised);
      customer.popular = items_.Popular(customer.owned, kAdvised);
    }
  }
  const auto at = std::lower_bound(customer.owned.begin(), customer.owned.end(), item);
  if (at == customer.owned.end() || *at != item) {
    customer.owned.insert(at, item);
    customer.fresh = true;
    customer.hit |= Contains(customer.advice, item);
    customer.popular_hit |= Contains(customer.popular, item);
  }
  items_.Learn(customer.recent, item, time, new_order);
  customer.recent.Take(item, time);
}

void PreferenceStudy::CloseOrder(Customer& customer) {
  if (customer.open && customer.fresh) {
    ++asked_;
    hits_ += customer.hit;
    popular_hits_ += customer.popular_hit;
  }
  customer.advice.clear();
  customer.popular.clear();
  customer.open = customer.hit = customer.popular_hit = customer.fresh = false;
}

std::string PreferenceStudy::NameOf(IdHash id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? fmt::format("{:016x}", id) : found->second;
}

double PreferenceStudy::FavouriteShare(EventTime now) const {
  double sum = 0, n = 0;
  for (const auto& [id, customer] : customers_) {
    if (customer.owned.empty()) continue;
    double most = 0;
    for (const Affinity::Weight& w : customer.affinity.weights()) {
      most = std::max(most, customer.affinity.Share(w.category, shares_.Share(w.category), now));
    }
    sum += most;
    ++n;
  }
  return n > 0 ? sum / n : 0;
}

}  // namespace offerstream
