#include "consumers/wire/mapping_check.h"

#include <fmt/format.h>

#include <cstdlib>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/decision_encoder.h"
#include "models/domain/event_time.h"
#include "models/domain/random.h"

namespace offerstream {

namespace {

std::string MoneyText(Money money) {
  return fmt::format("{}{}.{:02}", money < 0 ? "-" : "", std::abs(money) / 100, std::abs(money) % 100);
}

// A stored hash as a name: the known name's, else what was expected if it has this hash.
std::string HashText(IdHash hash, std::string_view expected) {
  if (hash == 0) return "";
  return H64(expected) == hash ? std::string(expected) : fmt::format("#{:016x}", hash);
}

std::string AttributeText(const Event& event, const CampaignPlan& plan, std::string_view name,
                          std::string_view expected) {
  for (const AttributeUpdate& update : event.attributes) {
    const AttributeSpec& spec = plan.attributes[update.attribute.value];
    if (spec.name != name) continue;
    switch (update.value.type) {
      case AttributeValue::Type::kUnset:
        return "";
      case AttributeValue::Type::kNumber:
        return fmt::format("{}", update.value.number);
      case AttributeValue::Type::kBool:
        return update.value.number != 0 ? "true" : "false";
      case AttributeValue::Type::kText:
        for (std::size_t l = 0; l < spec.levels.size(); ++l) {
          if (spec.level_hashes[l] == update.value.text) return spec.levels[l];
        }
        return HashText(update.value.text, expected);
    }
  }
  return "";
}

std::string OutcomeText(const Event& event, const CampaignPlan& plan, std::string_view name) {
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    if (plan.outcomes[o].id == name && (event.outcomes_known >> o & 1) != 0)
      return (event.outcomes_yes >> o & 1) != 0 ? "true" : "false";
  }
  return "";
}

// A field of an event as a text; false when there is no such field.
bool FieldText(const Event& e, const CampaignPlan& plan, const std::string& field, std::string_view expected,
               std::string& out) {
  out.clear();
  if (field == "kind")
    out = e.failed ? "delivery_failed" : Name(e.kind);
  else if (field == "event_id")
    out = e.event_id;
  else if (field == "customer_id")
    out = e.customer_id;
  else if (field == "time")
    out = FormatTime(e.time);
  else if (field == "offer_id")
    out = e.offer.known() ? plan.offers[e.offer.value].id : HashText(e.offer_hash, expected);
  else if (field == "product_id")
    out = e.product.known() ? plan.products[e.product.value].id : HashText(e.product_hash, expected);
  // A channel the plan does not have is not kept; a preset's own tests run under other plans, too.
  else if (field == "channel")
    out = e.channel.known() ? plan.channels[e.channel.value].id : "";
  else if (field == "placement")
    out = e.placement.known() ? plan.decide.placements[e.placement.value] : "";
  else if (field == "decision_id")
    out = e.decision_id != 0 ? DecisionIdText(e.decision_id) : "";
  else if (field == "propensity")
    out = fmt::format("{}", e.propensity);
  else if (field == "value")
    out = e.has_value ? MoneyText(e.value) : "";
  else if (field == "quantity")
    out = fmt::format("{}", e.quantity);
  else if (field == "cost")
    out = fmt::format("{}", e.cost);
  else if (field == "direction")
    out = e.direction == Direction::kIn ? "in" : e.direction == Direction::kOut ? "out" : "";
  else if (field == "transactional")
    out = e.transactional ? "true" : "false";
  else if (field == "campaign_id")
    out = e.campaign.known() ? plan.campaigns[e.campaign.value].id : "";
  else if (field == "arm")
    out = e.arm == Event::kNoArm ? "" : Name(static_cast<Arm>(e.arm));
  else if (field.starts_with("attributes."))
    out = AttributeText(e, plan, std::string_view(field).substr(11), expected);
  else if (field.starts_with("outcomes."))
    out = OutcomeText(e, plan, std::string_view(field).substr(9));
  else
    return false;
  return true;
}

// Numbers may be written in any form.
bool Same(const std::string& actual, const std::string& expected) {
  double a = 0, b = 0;
  return actual == expected || (ParseNumber(actual, a) && ParseNumber(expected, b) && a == b);
}

void CompareEvents(const MappingTest& test, const DecodedBatch& batch, const CampaignPlan& plan,
                   std::vector<ConfigError>& failures) {
  const auto fail = [&](const Place& place, std::string message) {
    failures.push_back(
        {place.file ? *place.file : "", place.line, place.column, fmt::format("test '{}': {}", test.name, message)});
  };
  const Decoded& decoded = batch.records[0];
  const std::string reason = decoded.bad ? std::string(ReasonText(decoded.reason)) : "";
  if (reason != test.error) {
    return fail(test.place, fmt::format("error '{}' was expected, got '{}' {}", test.error, reason, decoded.detail));
  }
  if (decoded.bad) return;
  if (decoded.size != test.events.size()) {
    return fail(test.place, fmt::format("{} events were expected, got {}", test.events.size(), decoded.size));
  }
  for (std::size_t i = 0; i < test.events.size(); ++i) {
    const Event& event = batch.events[decoded.begin + i];
    for (const auto& [field, expected] : test.events[i].fields) {
      std::string actual;
      if (!FieldText(event, plan, field, expected, actual)) {
        fail(test.events[i].place, fmt::format("no field '{}'", field));
      } else if (!Same(actual, expected)) {
        fail(test.events[i].place, fmt::format("event {}: {} is '{}', not '{}'", i, field, actual, expected));
      }
    }
  }
}

}  // namespace

MappingVerdict TestMapping(const std::shared_ptr<const EventMapping>& mapping,
                           const std::shared_ptr<const CampaignPlan>& plan) {
  MappingVerdict verdict;
  EventDecoder decoder(plan, mapping, true);
  DecodedBatch batch;
  for (const MappingTest& test : mapping->tests) {
    batch.Clear();
    Record record;
    record.value = test.input;
    // Times that are missing come from the record's: any fixed one will do.
    record.timestamp_ms = 0;
    if (!mapping->main.fields[static_cast<std::size_t>(Field::kTime)].start)
      record.timestamp_ms = kEventTimeMax - kFutureTolerance;
    decoder.Decode(record, batch);
    const std::size_t before = verdict.failures.size();
    CompareEvents(test, batch, *plan, verdict.failures);
    verdict.passed += verdict.failures.size() == before;
  }
  return verdict;
}

std::string EventAsText(const Event& event, const CampaignPlan& plan) {
  std::string out = "{";
  const auto add = [&](const std::string& field, const std::string& name) {
    std::string value;
    FieldText(event, plan, field, "", value);
    if (value.empty()) return;
    if (out.size() > 1) out += ',';
    AppendJsonText(name, out);
    out += ':';
    AppendJsonText(value, out);
  };
  for (const char* field : {"kind", "event_id", "customer_id", "time", "offer_id", "product_id", "channel", "placement",
                            "decision_id", "value", "direction"}) {
    add(field, field);
  }
  if (event.propensity > 0) add("propensity", "propensity");
  for (const AttributeUpdate& update : event.attributes) {
    const std::string& name = plan.attributes[update.attribute.value].name;
    add("attributes." + name, "attributes." + name);
  }
  for (const OutcomeSpec& outcome : plan.outcomes) add("outcomes." + outcome.id, "outcomes." + outcome.id);
  return out + "}";
}

}  // namespace offerstream
