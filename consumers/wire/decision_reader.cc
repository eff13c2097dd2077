#include "consumers/wire/decision_reader.h"

#include <charconv>

#include "models/domain/event_time.h"

namespace offerstream {
namespace {

// The text after `key` (which ends with its opening quote) up to the next quote, searched from `from` on.
std::string_view TextAfter(std::string_view json, std::string_view key, std::size_t from = 0) {
  const std::size_t at = json.find(key, from);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + key.size(), end = json.find('"', begin);
  return end == std::string_view::npos ? std::string_view{} : json.substr(begin, end - begin);
}

// The number after `key`; left as it is when there is none.
template <typename T>
void NumberAfter(std::string_view json, std::string_view key, T& out) {
  const std::size_t at = json.find(key);
  if (at != std::string_view::npos) std::from_chars(json.data() + at + key.size(), json.data() + json.size(), out);
}

}  // namespace

bool ReadDecision(std::string_view json, DecisionText& out) {
  out = {};
  out.json = json;
  const std::string_view id = TextAfter(json, "\"decision_id\":\"");
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), out.decision_id, 16);
  if (error != std::errc() || id.empty() || end != id.data() + id.size()) return false;
  out.customer_id = TextAfter(json, "\"customer_id\":\"");
  if (!ParseRfc3339(TextAfter(json, "\"event_time\":\""), out.event_time)) return false;
  if (!ParseRfc3339(TextAfter(json, "\"valid_until\":\""), out.valid_until)) return false;
  out.placement = TextAfter(json, "\"placement\":\"");
  out.arm = TextAfter(json, "\"arm\":\"");
  const std::size_t offer = json.find("\"offer\":{");
  if (offer != std::string_view::npos) {
    out.offer_id = TextAfter(json, "\"offer_id\":\"", offer);
    out.channel = TextAfter(json, "\"channel\":\"", offer);
    NumberAfter(json, "\"propensity\":", out.propensity);   // the decision's own comes before its candidates'
  }
  NumberAfter(json, "\"segment\":{\"id\":", out.segment);
  const std::size_t cause = json.rfind("\"cause\":{");
  if (cause != std::string_view::npos) out.cause_event_id = TextAfter(json, "\"event_id\":\"", cause);
  return !out.customer_id.empty();
}

}  // namespace offerstream
