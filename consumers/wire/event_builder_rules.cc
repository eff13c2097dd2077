// How an EventBuilder is made ready: the mapping's rules with their paths resolved to slots and their names to codes.
#include <algorithm>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/event_builder.h"
#include "models/domain/fixed_math.h"

namespace offerstream {

std::uint8_t KindCode(std::string_view name) {
  if (name == "delivery_failed") return kFailedDelivery;
  for (std::size_t k = 0; k < kEventKinds; ++k) {
    if (Name(static_cast<EventKind>(k)) == name) return static_cast<std::uint8_t>(k);
  }
  return static_cast<std::uint8_t>(EventKind::kIgnore);
}

EventBuilder::EventBuilder(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
                           bool reject_key_mismatch)
    : plan_(std::move(plan)), mapping_(std::move(mapping)), reject_key_mismatch_(reject_key_mismatch) {
  const auto index = [](TextTable& table, const auto& specs) {
    for (std::size_t i = 0; i < specs.size(); ++i) table.Add(specs[i].id, static_cast<std::uint16_t>(i));
  };
  index(offers_, plan_->offers);
  index(channels_, plan_->channels);
  index(products_, plan_->products);
  index(campaigns_, plan_->campaigns);
  for (std::size_t i = 0; i < plan_->decide.placements.size(); ++i)
    placements_.Add(plan_->decide.placements[i], static_cast<std::uint16_t>(i));
  for (const std::string& text : mapping_->attributes.missing) missing_.Add(text, 0);
  main_ = Compile(mapping_->main, mapping_->main);
  for (const EventTemplate& emit : mapping_->emits) emits_.push_back(Compile(emit, mapping_->main));
  for (const ListRule& list : mapping_->lists) lists_.push_back({paths_.Add(list.list), paths_.Add(list.beyond)});
  for (const FieldCondition& condition : mapping_->skip) skip_.push_back(Compile(condition));
  CompileAttributes();
}

EventBuilder::CompiledRule EventBuilder::Compile(const FieldRule& rule) {
  CompiledRule out;
  out.rule = &rule;
  for (const FieldPath& path : rule.from) out.slots.push_back(paths_.Add(path));
  for (const FieldPath& path : rule.sum) out.sum.push_back(paths_.Add(path));
  const auto slot = [&](const std::optional<FieldPath>& path) { return path ? paths_.Add(*path) : PathTree::kNone; };
  out.times = slot(rule.times);
  out.original = slot(rule.original);
  out.sent = slot(rule.sent);
  out.received = slot(rule.received);
  for (const auto& [text, value] : rule.names) {
    out.names.Add(text, static_cast<std::uint16_t>(out.values.size()));
    out.values.push_back(value);
    out.kinds.push_back(KindCode(value));
  }
  out.plain = !rule.constant && !rule.row && rule.names.empty() && !rule.standard;
  return out;
}

EventBuilder::CompiledCondition EventBuilder::Compile(const FieldCondition& condition) {
  return {&condition, paths_.Add(condition.path)};
}

// Rules an emitted event does not give are the main event's.
EventBuilder::CompiledTemplate EventBuilder::Compile(const EventTemplate& event, const EventTemplate& main) {
  CompiledTemplate out;
  if (event.when) {
    out.conditional = true;
    out.when = Compile(*event.when);
  }
  for (std::size_t i = 0; i < kFields; ++i)
    out.fields[i] = Compile(event.fields[i].given ? event.fields[i] : main.fields[i]);
  const auto& outcomes = event.outcomes.empty() && &event != &main ? main.outcomes : event.outcomes;
  for (const auto& [name, rule] : outcomes) {
    for (std::size_t o = 0; o < plan_->outcomes.size(); ++o) {
      if (plan_->outcomes[o].id == name) out.outcomes.emplace_back(static_cast<std::uint8_t>(1u << o), Compile(rule));
    }
  }
  return out;
}

// One that is no list, or is longer than the mapping looks, would lose items unseen.
bool EventBuilder::CheckLists(const FieldTable& fields) {
  for (const CompiledList& list : lists_) {
    const FieldValue& value = fields.At(list.list);
    if (value.type == FieldValue::Type::kContainer) {
      if (fields.At(list.beyond).type != FieldValue::Type::kAbsent) return Refuse(Code::kSchema, "a list is longer than the mapping's each.max");
    } else if (value.Usable() && !value.text.empty()) {
      return Refuse(Code::kSchema, "a text stands where a list belongs");
    }
  }
  return true;
}

AttributeValue EventBuilder::Reckon(const CompiledRule& compiled, const FieldValue& value, const FieldTable& fields) const {
  const FieldRule& rule = *compiled.rule;
  double number = 0;
  if (rule.sum.empty() && (!value.Usable() || !ParseNumber(value.text, number))) return {};
  for (const std::uint16_t slot : compiled.sum) {
    const FieldValue& part = fields.At(slot);
    double more = 0;
    if (!part.Usable() || !ParseNumber(part.text, more)) return {};
    number += more;
  }
  number = number * rule.factor + rule.plus;
  if (rule.logarithm && number < 0) return {};
  return {AttributeValue::Type::kNumber, rule.logarithm ? fixed::Log1p(number) : number, 0};
}

void EventBuilder::CompileAttributes() {
  const AttributeRules& rules = mapping_->attributes;
  const auto listed = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (std::size_t i = 0; i < plan_->attributes.size(); ++i) {
    const AttributeSpec& spec = plan_->attributes[i];
    CompiledAttribute attribute{AttributeIndex(i), spec.type, {}};
    static const FieldRule kPlain{};
    if (const auto own = rules.fields.find(spec.name); own != rules.fields.end()) {
      attribute.source = Compile(own->second);
    } else if ((rules.all || listed(rules.include, spec.name)) && !listed(rules.exclude, spec.name)) {
      attribute.source = Compile(kPlain);
      for (FieldPath path : rules.bases) {
        path.keys.push_back(spec.name);
        attribute.source.slots.push_back(paths_.Add(path));
      }
    } else {
      continue;
    }
    attributes_.push_back(std::move(attribute));
  }
}

}  // namespace offerstream
