#include "consumers/offline/decision_log.h"

#include <algorithm>
#include <tuple>

#include "consumers/wire/decision_reader.h"
#include "consumers/wire/file_reader.h"
#include "models/domain/random.h"

namespace offerstream {

bool DecisionLog::Add(std::string_view json) {
  DecisionText text;
  if (!ReadDecision(json, text) || text.cause_event_id.empty()) {
    ++unreadable_;
    return false;
  }
  LoggedDecision& d = all_.emplace_back();
  d.id = text.decision_id;
  d.customer = H64(text.customer_id);
  d.event = H64(text.cause_event_id);
  d.offer = text.offer_id.empty() ? 0 : H64(text.offer_id);
  d.channel = text.channel.empty() ? 0 : H64(text.channel);
  d.placement = H64(text.placement);
  d.propensity = text.propensity;
  for (const Arm arm : {Arm::kPolicy, Arm::kHoldout, Arm::kRandom}) {
    if (Name(arm) == text.arm) d.arm = arm;
  }
  return true;
}

Status DecisionLog::Read(const std::string& path) {
  auto file = FileReader::Open(path);
  if (!file) return Status(tl::unexpected<Error>(file.error()));
  std::string line;
  for (;;) {
    const auto more = (*file)->Next(line);
    if (!more) return Status(tl::unexpected<Error>(more.error()));
    if (!*more) return {};
    const std::size_t tab = line.find('\t'), brace = line.find('{');
    std::string_view json = line;
    if (tab != std::string::npos && tab < brace) json.remove_prefix(tab + 1);
    if (!json.empty()) Add(json);
  }
}

void DecisionLog::Seal() {
  // A decision published again is the same decision: the first one stays.
  std::stable_sort(all_.begin(), all_.end(), [](const LoggedDecision& a, const LoggedDecision& b) {
    return std::tie(a.event, a.customer, a.id) < std::tie(b.event, b.customer, b.id);
  });
  const auto last = std::unique(all_.begin(), all_.end(), [](const LoggedDecision& a, const LoggedDecision& b) {
    return a.id == b.id && a.event == b.event && a.customer == b.customer;
  });
  repeated_ += static_cast<std::uint64_t>(all_.end() - last);
  all_.erase(last, all_.end());
}

std::span<const LoggedDecision> DecisionLog::Find(IdHash event, IdHash customer) const {
  const auto key = [](const LoggedDecision& d) { return std::pair(d.event, d.customer); };
  const auto wanted = std::pair(event, customer);
  auto first = std::lower_bound(all_.begin(), all_.end(), wanted,
                                [&](const LoggedDecision& d, const auto& k) { return key(d) < k; });
  auto end = first;
  while (end != all_.end() && key(*end) == wanted) ++end;
  return {all_.data() + (first - all_.begin()), static_cast<std::size_t>(end - first)};
}

}  // namespace offerstream
