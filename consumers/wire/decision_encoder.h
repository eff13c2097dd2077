// Decisions and caps as the JSON and headers of the public contract. Written from parts rendered once per plan epoch.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"
#include "models/model_view.h"

namespace offerstream {

/// 16 lower-case hexadecimal digits.
std::string DecisionIdText(DecisionId id);

/// One thread; reuses its buffers. Numbers with nine fixed decimals; one line; stable key order.
class DecisionEncoder {
 public:
  /// `topics`: input topics by index (for `cause`).
  DecisionEncoder(std::shared_ptr<const CampaignPlan> plan, std::vector<std::string> topics);
  ~DecisionEncoder();
  /// Appends the JSON of a decision (compact or full as the plan says).
  void EncodeDecision(const Decision& decision, std::string& out);
  /// CloudEvents headers of a decision: name/value pairs, views valid until the next call.
  const std::vector<std::pair<std::string_view, std::string_view>>& Headers(const Decision& decision);
  /// `caps` record of a customer: key and value (value empty: tombstone).
  void EncodeCap(const CapChange& change, std::string& key, std::string& value);
  /// `caps` record of a learned curve.
  void EncodeCapCell(const CapCell& cell, std::uint64_t version, std::string& key, std::string& value);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
