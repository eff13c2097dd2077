// The fold's memory as a std::map: the simplest thing that keeps the contract of fold_memory.h.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "models/fold_memory.h"

namespace offerstream {

/// Customers by id, timers in a set ordered by (due, customer hash, id). Copyable state through Rows().
class MapMemory final : public FoldMemory {
 public:
  CustomerProfile& Open(std::string_view id, IdHash hash, TxnSeq seq) override {
    auto [at, created] = customers_.try_emplace(std::string(id));
    if (created) {
      at->second = std::make_unique<CustomerProfile>();
      at->second->id = std::string(id);
      at->second->hash = hash;
    }
    if (at->second->first_dirty == 0) at->second->first_dirty = seq;
    return *at->second;
  }
  const CustomerProfile* Find(std::string_view id, IdHash) override {
    const auto at = customers_.find(std::string(id));
    return at == customers_.end() ? nullptr : at->second.get();
  }
  void Erase(CustomerProfile& profile, TxnSeq) override {
    const std::string id(profile.id);
    Forget(id);
    customers_.erase(id);
  }
  void Reschedule(CustomerProfile& profile) override {
    const std::string id(profile.id);
    Forget(id);
    if (profile.next_due == INT64_MAX) return;
    timers_.insert({profile.next_due, profile.hash, id});
    due_[id] = profile.next_due;
  }
  CustomerProfile* NextDue(EventTime limit, TxnSeq seq) override {
    if (timers_.empty() || std::get<0>(*timers_.begin()) > limit) return nullptr;
    const std::string id = std::get<2>(*timers_.begin());
    return &Open(id, std::get<1>(*timers_.begin()), seq);
  }

  /// Takes a copy of a customer as a stored row of transaction `as_of`.
  void Restore(const CustomerProfile& row, TxnSeq as_of) {
    CustomerProfile& profile = Open(row.id, row.hash, 0);
    profile = row;
    profile.as_of = as_of;
    profile.first_dirty = 0;
    Reschedule(profile);
  }
  const std::map<std::string, std::unique_ptr<CustomerProfile>>& customers() const { return customers_; }

 private:
  void Forget(const std::string& id) {
    const auto at = due_.find(id);
    if (at == due_.end()) return;
    const auto customer = customers_.find(id);
    timers_.erase({at->second, customer->second->hash, id});
    due_.erase(at);
  }

  std::map<std::string, std::unique_ptr<CustomerProfile>> customers_;
  std::set<std::tuple<EventTime, IdHash, std::string>> timers_;
  std::map<std::string, EventTime> due_;
};

}  // namespace offerstream
