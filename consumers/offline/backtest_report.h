// A backtest's findings, for people and for programs.
#pragma once

#include <string>
#include <string_view>

#include "consumers/offline/backtest.h"

namespace offerstream {

/// What may be said of a policy against the log: "earns more", "earns less", "no difference shown" (95 %, sndr,
/// paired), or "no verdict" where the log does not support one.
std::string_view VerdictOf(const OffPolicyResult& result);
/// Whether a gate lets the policy through: there is a verdict, and it is not "earns less".
bool PassesGate(const OffPolicyResult& result);

/// A table of the policies, what stands against a verdict, and every estimator of every policy. Ends with a line break.
std::string BacktestText(const BacktestReport& report);
/// One JSON object {input, log, policies[]}; the elements of `policies` are those of a report.
std::string BacktestJson(const BacktestReport& report);
/// The same as one self-contained page.
std::string BacktestPage(const BacktestReport& report);

}  // namespace offerstream
