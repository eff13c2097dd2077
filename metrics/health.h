// Live, ready, draining: three answers with their reasons.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace offerstream {

/// A snapshot of health, made by the service on request. Live means the workers make progress (never the broker's
/// state); ready means every assigned partition is recovered, models are loaded and the producer is sound.
struct Health {
  bool live = true, ready = false, draining = false;
  std::vector<std::string> reasons{};   ///< why not ready or not live, one plain sentence each
};

/// {"status":"ok"} or {"status":"unavailable","reasons":[…]} for /livez and /readyz.
std::string HealthJson(bool ok, const std::vector<std::string>& reasons);
/// A JSON string literal with quotes; control characters escaped, invalid UTF-8 left as it is.
std::string JsonText(std::string_view text);

}  // namespace offerstream
